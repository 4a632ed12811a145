//! Single cases, each a promise of its own.

use readrealm_protocol::client::ClientEvent;
use readrealm_protocol::codec::{decode_client, encode_server};
use readrealm_protocol::error::ErrorCode;
use readrealm_protocol::history::History;
use readrealm_protocol::server::{Members, Resumed, SequencedFrame, ServerEvent, ServerFrame};
use readrealm_sdk::Options;
use readrealm_sdk::client::Sign;
use readrealm_sdk::effect::{RoomEffect, State};

use crate::page::read;
use crate::world::{BOOKS, Step, World, book, options};

pub(crate) const ALL: usize = usize::MAX;

/// Connected, in its rooms, with nothing under way.
pub(crate) fn settled(options: Options) -> World {
    let mut world = World::with(options);
    for _ in 0..4 {
        world.step(&Step::Deliver(ALL));
        world.step(&Step::Serve(ALL));
    }
    world.step(&Step::Deliver(ALL));
    assert_eq!(world.state, Some(State::Connected));
    world.told.clear();
    world
}

/// The state after a cut, with the time until the next attempt.
pub(crate) fn cut(world: &mut World, code: u16) -> Option<State> {
    world.step(&Step::Cut(code));
    world.state.clone()
}

#[test]
fn the_waits_grow_and_the_delay_the_server_names_is_kept() {
    let mut world = settled(options());
    // The random share is a half, of 0.5 s, 1 s, 2 s.
    assert_eq!(
        cut(&mut world, 1006),
        Some(State::Reconnecting {
            attempt: 1,
            retry_in_ms: 250.0
        })
    );
    world.step(&Step::Wait(249));
    assert_eq!(world.opened, 1);
    world.step(&Step::Wait(1));
    assert_eq!(world.opened, 2);
    assert_eq!(
        cut(&mut world, 1006),
        Some(State::Reconnecting {
            attempt: 2,
            retry_in_ms: 500.0
        })
    );
    world.step(&Step::Wait(500));
    world.step(&Step::Deliver(ALL));
    assert_eq!(world.state, Some(State::Connected));
    assert_eq!(
        cut(&mut world, 4001),
        Some(State::Reconnecting {
            attempt: 3,
            retry_in_ms: 1500.0
        })
    );
}

#[test]
fn a_stable_minute_makes_the_waits_short_again() {
    let mut world = settled(options());
    cut(&mut world, 1006);
    world.step(&Step::Wait(250));
    world.step(&Step::Deliver(ALL));
    for _ in 0..70 {
        world.step(&Step::Serve(ALL));
        world.step(&Step::Deliver(ALL));
        world.step(&Step::Wait(1_000));
    }
    assert_eq!(
        cut(&mut world, 1006),
        Some(State::Reconnecting {
            attempt: 1,
            retry_in_ms: 250.0
        })
    );
}

#[test]
fn some_closes_are_final() {
    for (code, reason) in [
        (1009, "too_large"),
        (4100, "bad_protocol"),
        (4101, "unauthorized"),
        (4103, "origin_refused"),
        (4104, "revoked"),
        (4150, "refused"),
    ] {
        let mut world = settled(options());
        assert_eq!(cut(&mut world, code), Some(State::Closed(reason.to_owned())));
        world.step(&Step::Wait(100_000));
        world.step(&Step::Wake(Sign::Slept));
        assert_eq!((world.opened, world.client.deadline()), (1, None));
    }
}

#[test]
fn a_request_without_an_answer_ends_the_connection_after_15_seconds() {
    let mut world = settled(options());
    world.step(&Step::Unplug);
    world.step(&Step::Post(0));
    world.step(&Step::Wait(14_999));
    assert_eq!(world.state, Some(State::Connected));
    world.step(&Step::Wait(1));
    assert_eq!(
        world.state,
        Some(State::Reconnecting {
            attempt: 1,
            retry_in_ms: 250.0
        })
    );
}

#[test]
fn a_dead_connection_is_noticed_without_a_request_of_the_page() {
    let mut world = settled(options());
    world.step(&Step::Unplug);
    world.step(&Step::Wait(60_000));
    assert!(
        matches!(world.state, Some(State::Reconnecting { .. })),
        "{:?}",
        world.state
    );
}

#[test]
fn silence_alone_ends_no_connection() {
    let mut world = settled(options());
    for _ in 0..600 {
        world.step(&Step::Wait(1_000));
        world.step(&Step::Serve(ALL));
        world.step(&Step::Deliver(ALL));
    }
    assert_eq!((world.opened, &world.state), (1, &Some(State::Connected)));
    assert!(
        world.told.iter().all(|effect| matches!(effect, RoomEffect::Resumed(_))),
        "{:?}",
        world.told
    );
}

#[test]
fn a_long_gap_is_replayed_or_taken_anew_as_the_page_wishes() {
    for replayed in [usize::MAX, 1_000] {
        let mut world = settled(Options { replayed, ..options() });
        cut(&mut world, 1006);
        world.step(&Step::OtherPosts(0, 1_500));
        world.heal();
        world.check_all();
        let count = world
            .told
            .iter()
            .filter(|effect| matches!(effect, RoomEffect::Message(_)))
            .count();
        let resets = world
            .told
            .iter()
            .filter(|effect| matches!(effect, RoomEffect::Reset(_)))
            .count();
        // One more in each room, by which the world looks for holes; the new state has that of its own.
        let more = BOOKS as usize;
        let wanted = if replayed == usize::MAX {
            (1_500 + more, 0)
        } else {
            (1_000 + more - 1, 1)
        };
        assert_eq!((count, resets), wanted);
    }
}

#[test]
fn a_refused_send_waits_its_time_and_nothing_overtakes_it() {
    let mut world = settled(options());
    world.step(&Step::Refuse(ErrorCode::RateLimited));
    (0..3).for_each(|_| world.step(&Step::Post(0)));
    assert_eq!(world.up.len(), 1, "one at a time");
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
    world.step(&Step::Wait(699));
    assert!(world.up.is_empty());
    world.step(&Step::Wait(1));
    assert_eq!(world.up.len(), 1);
    world.heal();
    world.check_all();
}

#[test]
fn a_send_is_settled_by_its_own_event_and_the_next_goes_out_with_it() {
    let mut world = settled(options());
    (0..2).for_each(|_| world.step(&Step::Post(0)));
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(1));
    assert_eq!((world.outcomes.len(), world.up.len()), (1, 1));
    // The answer to the first says nothing new.
    world.step(&Step::Deliver(1));
    assert_eq!(world.outcomes.len(), 1);
}

#[test]
fn what_was_sent_before_leaving_is_still_sent() {
    let mut world = settled(options());
    (0..2).for_each(|_| world.step(&Step::Post(0)));
    world.step(&Step::Leave(0));
    for _ in 0..3 {
        world.step(&Step::Serve(ALL));
        world.step(&Step::Deliver(ALL));
    }
    assert_eq!(world.outcomes.len(), 2);
    assert!(world.client.history(book(0)).is_none());
    world.step(&Step::Serve(ALL));
    world.step(&Step::OtherPosts(0, 1));
    assert!(world.server.out.is_empty(), "the server knows that it was left");
}

#[test]
fn a_room_that_refuses_is_told_once_shows_what_it_showed_and_can_be_entered_again() {
    let mut world = settled(options());
    world.keeps_refused = true;
    world.step(&Step::OtherPosts(0, 3));
    world.step(&Step::Deliver(ALL));
    world.step(&Step::Unplug);
    world.step(&Step::Post(0));
    cut(&mut world, 1006);
    world.step(&Step::Wait(250));
    world.step(&Step::Deliver(ALL));
    // The rooms join from the last on.
    (0..BOOKS).for_each(|_| world.step(&Step::Refuse(ErrorCode::Forbidden)));
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
    let dropped = world
        .told
        .iter()
        .filter(|effect| matches!(effect, RoomEffect::Dropped(_)));
    assert_eq!(dropped.count(), BOOKS as usize);
    assert_eq!(world.client.history(book(0)).map(History::len), Some(3));
    cut(&mut world, 1006);
    world.step(&Step::Wait(500));
    world.step(&Step::Deliver(ALL));
    assert!(world.up.is_empty(), "not asked again by itself: {:?}", world.up);
    world.step(&Step::Enter(0, false));
    assert_eq!(world.up.len(), 1);
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
    assert!(matches!(world.told.last(), Some(RoomEffect::Joined(_))));
    assert!(world.outcomes.is_empty(), "what was refused with the room is not sent");
}

#[test]
fn a_room_that_cannot_be_joined_yet_is_asked_for_again() {
    let mut world = World::new();
    world.step(&Step::Deliver(ALL));
    (0..BOOKS).for_each(|_| world.step(&Step::Refuse(ErrorCode::Unavailable)));
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
    assert!(world.told.is_empty());
    world.step(&Step::Wait(700));
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
    assert_eq!(world.told.len(), BOOKS as usize);
}

#[test]
fn nothing_is_told_of_a_log_that_is_not_known_yet() {
    let mut world = settled(options());
    world.step(&Step::Restore);
    world.step(&Step::Wait(250));
    world.step(&Step::Deliver(1));
    world.step(&Step::Serve(ALL));
    // The new log's state is lost on the way; its first event stands where the old log would have had one.
    (0..BOOKS).for_each(|_| world.step(&Step::Lose(0)));
    world.step(&Step::OtherPosts(0, 1));
    world.step(&Step::Deliver(ALL));
    assert!(world.told.is_empty(), "{:?}", world.told);
    world.heal();
    world.check_all();
}

#[test]
fn a_replay_that_leaves_something_out_is_not_believed() {
    let mut world = settled(options());
    cut(&mut world, 1006);
    world.step(&Step::Wait(250));
    world.step(&Step::Deliver(1));
    let join = decode_client(&world.up.remove(0)).expect("a frame");
    let ClientEvent::JoinRoom(join_data) = join.event else {
        panic!("a join")
    };
    let nothing = Resumed::<SequencedFrame> {
        book_id: join_data.book_id,
        epoch: join_data.epoch.expect("a log"),
        // Two events that are not there.
        seq: 2.into(),
        events: Vec::new(),
        complete: true,
        members: Members::default(),
    };
    let event = ServerEvent::Resumed(nothing);
    let frame = encode_server(&ServerFrame {
        id: join.id,
        seq: None,
        event,
    });
    world.client.frame(world.now, read(&frame));
    world.perform();
    let again = world.up.last().expect("asked for anew");
    assert!(again.contains("joinRoom") && !again.contains("after"), "{again}");
}
