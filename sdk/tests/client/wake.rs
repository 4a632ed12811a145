//! Pages that sleep and wake, and networks that come and go.

use readrealm_sdk::client::Sign;
use readrealm_sdk::effect::State;

use crate::cases::{ALL, cut, settled};
use crate::world::{BOOKS, Step, Wire, World, options};

const TRYING: Option<State> = Some(State::Reconnecting {
    attempt: 1,
    retry_in_ms: 0.0,
});

fn answer(world: &mut World) {
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
}

#[test]
fn a_page_that_wakes_tries_at_once_and_looks_whether_the_connection_lives() {
    let mut world = settled(options());
    cut(&mut world, 1006);
    world.step(&Step::Wake(Sign::Awake));
    assert_eq!(world.opened, 2);
    world.step(&Step::Deliver(ALL));
    answer(&mut world);
    // Something was just heard: nothing to ask…
    world.step(&Step::Wake(Sign::Awake));
    assert!(world.up.is_empty(), "{:?}", world.up);
    // …but for a page that slept: the clock may have stood still.
    world.step(&Step::Wake(Sign::Slept));
    assert_eq!(world.up.len(), 1, "{:?}", world.up);
    answer(&mut world);
    world.step(&Step::Wait(6_000));
    world.step(&Step::Wake(Sign::Awake));
    assert_eq!(world.up.len(), 1, "{:?}", world.up);
    answer(&mut world);
    world.step(&Step::Wait(10_000));
    assert_eq!((world.opened, &world.state), (2, &Some(State::Connected)));
}

#[test]
fn a_connection_that_died_in_the_sleep_is_replaced_within_two_seconds_and_without_a_pause() {
    let mut world = settled(options());
    world.step(&Step::Unplug);
    world.step(&Step::Wake(Sign::Slept));
    world.step(&Step::Wait(1_999));
    assert_eq!(world.state, Some(State::Connected));
    world.step(&Step::Wait(1));
    assert_eq!((world.opened, &world.state), (2, &TRYING));
    world.heal();
    world.check_all();
}

#[test]
fn a_request_of_before_the_sleep_has_no_more_time_than_the_question() {
    let mut world = settled(options());
    world.step(&Step::Unplug);
    world.step(&Step::Post(0));
    world.step(&Step::Wait(1_000));
    world.step(&Step::Wake(Sign::Slept));
    assert_eq!(world.up.len(), 1, "its answer is proof enough: {:?}", world.up);
    world.step(&Step::Wait(2_000));
    assert_eq!((world.opened, &world.state), (2, &TRYING));
    world.heal();
    world.check_all();
}

#[test]
fn frames_of_before_the_sleep_prove_nothing() {
    let mut world = settled(options());
    world.step(&Step::OtherPosts(0, 2));
    world.step(&Step::Wake(Sign::Slept));
    world.step(&Step::Deliver(ALL));
    world.step(&Step::Unplug);
    world.step(&Step::Wait(4_000));
    assert_eq!((world.opened, &world.state), (2, &TRYING));
}

#[test]
fn a_time_that_the_server_named_is_waited_for_awake_or_not() {
    let mut world = settled(options());
    cut(&mut world, 4001);
    for sign in [Sign::Awake, Sign::Slept, Sign::Offline] {
        world.step(&Step::Wake(sign));
    }
    world.step(&Step::Wait(1_499));
    assert_eq!(world.opened, 1);
    world.step(&Step::Wait(1));
    assert_eq!(world.opened, 2);
}

#[test]
fn a_page_that_goes_offline_looks_whether_the_connection_lives_and_begins_none() {
    let mut world = settled(options());
    world.step(&Step::Wake(Sign::Offline));
    assert_eq!(world.up.len(), 1, "{:?}", world.up);
    answer(&mut world);
    cut(&mut world, 1006);
    world.step(&Step::Wake(Sign::Offline));
    assert_eq!(world.opened, 1);
    world.step(&Step::Wake(Sign::Slept));
    assert_eq!((world.opened, &world.wire), (2, &Wire::Opening));
    world.step(&Step::Wake(Sign::Offline));
    assert_eq!(world.opened, 2);
    world.step(&Step::Deliver(ALL));
    answer(&mut world);
    (0..BOOKS).for_each(|number| world.step(&Step::Leave(number)));
    world.step(&Step::Wake(Sign::Offline));
    assert_eq!((world.opened, &world.state), (2, &Some(State::Connected)));
}

#[test]
fn one_sign_after_another_gives_a_dead_connection_no_more_time() {
    let mut world = settled(options());
    world.step(&Step::Unplug);
    for _ in 0..4 {
        world.step(&Step::Wake(Sign::Slept));
        world.step(&Step::Wait(500));
    }
    assert_eq!((world.opened, &world.state), (2, &TRYING));
}

#[test]
fn a_connection_that_proved_itself_is_in_no_hurry_any_more() {
    let mut world = settled(options());
    world.step(&Step::Wake(Sign::Slept));
    world.step(&Step::Wait(10));
    // The room is busy all the while.
    (0..3).for_each(|_| world.step(&Step::Post(0)));
    (0..3).for_each(|_| answer(&mut world));
    world.step(&Step::Unplug);
    world.step(&Step::Post(0));
    world.step(&Step::Wait(14_999));
    assert_eq!(world.state, Some(State::Connected));
    world.step(&Step::Wait(1));
    let waits = State::Reconnecting {
        attempt: 1,
        retry_in_ms: 250.0,
    };
    assert_eq!((world.opened, world.state), (1, Some(waits)));
}

#[test]
fn an_attempt_of_before_the_sleep_is_begun_anew() {
    let mut world = settled(options());
    cut(&mut world, 1006);
    world.step(&Step::Wait(250));
    assert_eq!((world.opened, &world.wire), (2, &Wire::Opening));
    world.step(&Step::Wake(Sign::Awake));
    assert_eq!(world.opened, 2);
    world.step(&Step::Wake(Sign::Slept));
    assert_eq!(world.opened, 3);
    world.heal();
    world.check_all();
}

#[test]
fn without_a_room_a_page_that_slept_connects_anew() {
    let mut world = settled(options());
    (0..BOOKS).for_each(|number| world.step(&Step::Leave(number)));
    world.step(&Step::Wait(6_000));
    world.step(&Step::Wake(Sign::Awake));
    assert_eq!(world.opened, 1);
    world.step(&Step::Wake(Sign::Slept));
    assert_eq!((world.opened, &world.state), (2, &TRYING));
}
