//! Answers that are late, or never come, on a connection that is silent, or is not.

use readrealm_sdk::client::Sign;
use readrealm_sdk::effect::State;

use crate::cases::{ALL, settled};
use crate::world::{Step, World, options};

const WAITS: Option<State> = Some(State::Reconnecting {
    attempt: 1,
    retry_in_ms: 250.0,
});

/// A post goes unanswered for so many seconds, in which others are heard.
fn flow(world: &mut World, seconds: u32) {
    for _ in 0..2 * seconds {
        world.step(&Step::OtherPosts(1, 1));
        world.step(&Step::Deliver(ALL));
        world.step(&Step::Wait(500));
    }
}

#[test]
fn a_late_answer_ends_no_connection_that_is_heard_of() {
    for woke in [false, true] {
        let mut world = settled(options());
        world.step(&Step::Post(0));
        if woke {
            world.step(&Step::Wake(Sign::Slept));
        }
        flow(&mut world, 50);
        world.heal();
        world.check_all();
        assert_eq!((world.opened, world.outcomes.len()), (1, 1));
    }
}

#[test]
fn a_server_that_never_answers_one_request_is_left_after_a_minute_with_a_pause() {
    for woke in [false, true] {
        let mut world = settled(options());
        world.step(&Step::Post(0));
        if woke {
            world.step(&Step::Wake(Sign::Slept));
        }
        flow(&mut world, 59);
        assert_eq!(world.state, Some(State::Connected));
        flow(&mut world, 1);
        assert_eq!(world.state, WAITS, "{woke}");
    }
}

#[test]
fn a_connection_that_falls_silent_is_left_though_it_was_heard_of() {
    for (woke, silence, opened) in [(false, 30_000, 1), (true, 4_000, 2)] {
        let mut world = settled(options());
        world.step(&Step::Post(0));
        if woke {
            world.step(&Step::Wake(Sign::Slept));
        }
        flow(&mut world, 5);
        world.step(&Step::Unplug);
        // When a message came is not noted, only that one did: twice the time at most.
        for _ in 0..silence / 100 {
            if world.state == Some(State::Connected) {
                world.step(&Step::Wait(100));
            }
        }
        assert_eq!(world.opened, opened);
        assert!(
            matches!(world.state, Some(State::Reconnecting { attempt: 1, .. })),
            "{:?}",
            world.state
        );
    }
}

#[test]
fn a_long_silence_before_gives_an_answer_no_more_time() {
    for seconds in [1, 16, 29] {
        let mut world = settled(options());
        world.step(&Step::Wait(seconds * 1_000));
        world.step(&Step::Unplug);
        world.step(&Step::Post(0));
        world.step(&Step::Wait(14_999));
        assert_eq!(world.state, Some(State::Connected));
        world.step(&Step::Wait(1));
        assert_eq!(world.state, WAITS, "{seconds}");
    }
}

#[test]
fn a_page_that_was_busy_hears_what_came_before_it_gives_up() {
    let mut world = settled(options());
    world.step(&Step::Post(0));
    world.step(&Step::Wait(5_000));
    // The timer comes before what lay there while nothing ran.
    world.now += 20_000.0;
    world.client.timer(world.now);
    world.perform();
    assert_eq!(world.state, Some(State::Connected));
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
    assert_eq!((world.opened, world.outcomes.len()), (1, 1));

    // Not again and again: a hidden page's timers are late every time.
    world.step(&Step::Unplug);
    world.step(&Step::Post(0));
    for _ in 0..2 {
        world.now += 60_000.0;
        world.client.timer(world.now);
        world.perform();
    }
    assert!(
        matches!(world.state, Some(State::Reconnecting { .. })),
        "{:?}",
        world.state
    );
}
