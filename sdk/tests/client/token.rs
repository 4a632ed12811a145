//! Connections that begin with a token.

use readrealm_protocol::codec::{decode_client, encode_server};
use readrealm_protocol::error::ErrorCode;
use readrealm_protocol::ids::UserId;
use readrealm_protocol::message::Timestamp;
use readrealm_protocol::server::{Authenticated, ErrorReply, ServerEvent, ServerFrame};
use readrealm_sdk::Options;
use readrealm_sdk::client::Sign;
use readrealm_sdk::effect::State;

use crate::cases::{ALL, cut};
use crate::page::read;
use crate::world::{BOOKS, Step, World, options};

fn authenticating() -> Options {
    Options {
        user_id: None,
        authenticates: true,
        ..options()
    }
}

fn with_token() -> World {
    let mut world = World::with(authenticating());
    world.step(&Step::Deliver(ALL));
    assert_eq!(world.tokens, [0]);
    assert!(world.up.is_empty(), "nothing before the token");
    world.client.token(world.now, 0, "a.b.c".to_owned(), None);
    world.perform();
    assert_eq!(
        world.up,
        [r#"{"event":"authenticate","id":1,"data":{"token":"a.b.c"}}"#]
    );
    world
}

/// Answers the last request of the client.
fn answer(world: &mut World, event: ServerEvent) {
    let asked = decode_client(&world.up.pop().expect("a request")).expect("a frame");
    let frame = encode_server(&ServerFrame {
        id: asked.id,
        seq: None,
        event,
    });
    world.client.frame(world.now, read(&frame));
    world.perform();
}

fn accepted(user: &str, life_ms: i64) -> ServerEvent {
    ServerEvent::Authenticated(Authenticated {
        user_id: UserId::try_from(user).expect("a user"),
        username: user.try_into().expect("a name"),
        expires_at: Timestamp::from_millis(life_ms),
        left_rooms: Vec::new(),
    })
}

fn refused() -> ServerEvent {
    ServerEvent::Error(ErrorReply::new(ErrorCode::Unauthorized, "no"))
}

/// In its rooms, with a token that lives so long from now on.
fn joined(life_ms: i64) -> World {
    let mut world = with_token();
    answer(&mut world, accepted("me", life_ms));
    assert_eq!(world.state, Some(State::Connected));
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
    world
}

fn hand_in(world: &mut World) {
    hand_in_for(world, None);
}

/// A token that says for how long it was made, or does not.
fn hand_in_for(world: &mut World, lasts_ms: Option<f64>) {
    let number = *world.tokens.last().expect("asked for");
    world.client.token(world.now, number, "d.e.f".to_owned(), lasts_ms);
    world.perform();
}

const TRYING: Option<State> = Some(State::Reconnecting {
    attempt: 1,
    retry_in_ms: 0.0,
});

#[test]
fn a_connection_begins_with_a_token_of_its_own() {
    let mut world = with_token();
    answer(&mut world, accepted("me", 3_600_000));
    assert_eq!(world.state, Some(State::Connected));
    assert_eq!(world.up.len(), BOOKS as usize);
    assert!(
        !world.up[0].contains("userId"),
        "the token says who it is: {}",
        world.up[0]
    );
    cut(&mut world, 1006);
    world.step(&Step::Wait(250));
    world.step(&Step::Deliver(ALL));
    assert_eq!(world.tokens, [0, 1]);
}

#[test]
fn a_token_is_replaced_in_place_before_it_expires() {
    // At four fifths of its life, and five seconds before its end where that is earlier.
    for (life, wait) in [(100_000, 80_000), (20_000, 15_000)] {
        let mut world = joined(life);
        keep_alive(&mut world, wait - 1);
        assert_eq!(world.tokens, [0]);
        keep_alive(&mut world, 1);
        assert_eq!(world.tokens, [0, 1]);
        assert!(world.up.is_empty(), "{:?}", world.up);
        hand_in(&mut world);
        assert!(world.up[0].contains("authenticate"), "{:?}", world.up);
        answer(&mut world, accepted("me", life));
        keep_alive(&mut world, wait);
        assert_eq!(world.tokens, [0, 1, 2]);
        assert_eq!((world.opened, &world.state), (1, &Some(State::Connected)));
    }
}

/// Waits with a server that answers.
fn keep_alive(world: &mut World, millis: u32) {
    for step in std::iter::repeat_n(1_000, millis as usize / 1_000).chain([millis % 1_000]) {
        world.step(&Step::Wait(step));
        if !world.up.iter().any(|text| text.contains("authenticate")) {
            world.step(&Step::Serve(ALL));
            world.step(&Step::Deliver(ALL));
        }
    }
}

#[test]
fn a_clock_that_is_ahead_has_nobody_asked_all_the_time() {
    let mut world = joined(-3_600_000);
    for (asked, seconds) in (1..).zip([10, 20, 40, 80, 160, 320, 640, 640]) {
        keep_alive(&mut world, seconds * 1_000 - 1);
        assert_eq!(world.tokens.len(), asked);
        keep_alive(&mut world, 1);
        assert_eq!(world.tokens.len(), asked + 1);
        hand_in(&mut world);
        answer(&mut world, accepted("me", -3_600_000));
    }
    assert_eq!(world.opened, 1);
    // Put right.
    keep_alive(&mut world, 640_000);
    hand_in(&mut world);
    answer(&mut world, accepted("me", 100_000));
    keep_alive(&mut world, 80_000);
    hand_in(&mut world);
    answer(&mut world, accepted("me", -3_600_000));
    let asked = world.tokens.len();
    keep_alive(&mut world, 9_999);
    assert_eq!(world.tokens.len(), asked);
    keep_alive(&mut world, 1);
    assert_eq!(world.tokens.len(), asked + 1);
}

#[test]
fn a_clock_that_is_wrong_is_not_asked_for_the_life_of_a_token_that_tells_it() {
    // Made for 15 minutes, with an hour ahead, right and half used, and an hour behind.
    for (by_the_clock, seconds) in [(-2_700_000, 720), (450_000, 360), (4_500_000, 720)] {
        let mut world = joined(20_000);
        keep_alive(&mut world, 15_000);
        hand_in_for(&mut world, Some(900_000.0));
        answer(&mut world, accepted("me", by_the_clock));
        keep_alive(&mut world, seconds * 1_000 - 1);
        assert_eq!(world.tokens.len(), 2, "{by_the_clock}");
        keep_alive(&mut world, 1);
        assert_eq!(world.tokens.len(), 3, "{by_the_clock}");
    }
}

#[test]
fn a_server_that_has_no_time_for_a_token_is_asked_when_it_said() {
    let mut world = with_token();
    answer(
        &mut world,
        ServerEvent::Error(ErrorReply::retry_after(ErrorCode::RateLimited, "not now", 7_000)),
    );
    let waits = State::Reconnecting {
        attempt: 1,
        retry_in_ms: 7_000.0,
    };
    assert_eq!((world.opened, &world.state), (1, &Some(waits)));
    world.step(&Step::Wake(Sign::Slept));
    world.step(&Step::Wait(6_999));
    assert_eq!(world.opened, 1);
    world.step(&Step::Wait(1));
    assert_eq!(world.opened, 2);
}

#[test]
fn a_refresh_that_fails_is_tried_again_and_the_connection_goes_on() {
    let mut world = joined(100_000);
    keep_alive(&mut world, 80_000);
    world.client.token_failed(world.now, 1);
    keep_alive(&mut world, 249);
    assert_eq!(world.tokens, [0, 1]);
    keep_alive(&mut world, 1);
    assert_eq!(world.tokens, [0, 1, 2]);
    hand_in(&mut world);
    answer(&mut world, refused());
    keep_alive(&mut world, 500);
    assert_eq!(world.tokens, [0, 1, 2, 3]);
    assert_eq!((world.opened, &world.state), (1, &Some(State::Connected)));
    // A token that comes too late is none.
    world.client.token(world.now, 2, "old".to_owned(), None);
    world.perform();
    assert!(world.up.is_empty(), "{:?}", world.up);
    hand_in(&mut world);
    answer(&mut world, accepted("me", 100_000));
    keep_alive(&mut world, 79_999);
    assert_eq!(world.tokens.len(), 4);
}

#[test]
fn a_token_that_expired_is_replaced_on_a_connection_that_opens_at_once() {
    let mut world = joined(1_000);
    keep_alive(&mut world, 6_000);
    assert_eq!(cut(&mut world, 4009), TRYING);
    assert_eq!(world.opened, 2);
    world.step(&Step::Deliver(ALL));
    hand_in(&mut world);
    answer(&mut world, accepted("me", 1_000));
    // Not of a server that does it all the time.
    assert_eq!(
        cut(&mut world, 4009),
        Some(State::Reconnecting {
            attempt: 2,
            retry_in_ms: 500.0
        })
    );
}

#[test]
fn a_refused_token_has_one_fresh_one_tried() {
    let closed = Some(State::Closed("unauthorized".to_owned()));
    for by_close in [false, true] {
        let mut world = with_token();
        for (opened, state) in [(2, &TRYING), (2, &closed)] {
            if by_close {
                cut(&mut world, 4101);
            } else {
                answer(&mut world, refused());
            }
            assert_eq!((world.opened, &world.state), (opened, state));
            if *state == TRYING {
                world.step(&Step::Deliver(ALL));
                hand_in(&mut world);
            }
        }
    }
    // One that was taken in between gives the next one its try.
    let mut world = joined(100_000);
    for _ in 0..3 {
        cut(&mut world, 4101);
        world.step(&Step::Deliver(ALL));
        hand_in(&mut world);
        answer(&mut world, accepted("me", 100_000));
        assert_eq!(world.state, Some(State::Connected));
    }
}

#[test]
fn a_token_that_does_not_come_is_waited_for_again() {
    let mut world = World::with(authenticating());
    world.step(&Step::Deliver(ALL));
    world.client.token_failed(world.now, 0);
    world.perform();
    let waiting = |attempt, retry_in_ms| Some(State::Reconnecting { attempt, retry_in_ms });
    assert_eq!(world.state, waiting(1, 250.0));
    world.step(&Step::Wait(250));
    world.step(&Step::Deliver(ALL));
    // The server had no more patience: that refuses no token.
    assert_eq!(cut(&mut world, 4101), waiting(2, 500.0));
    world.step(&Step::Wait(500));
    world.step(&Step::Deliver(ALL));
    assert_eq!(cut(&mut world, 4101), waiting(3, 1_000.0));
}

#[test]
fn a_token_of_another_user_ends_the_client() {
    let mut world = joined(100_000);
    cut(&mut world, 4009);
    world.step(&Step::Wait(250));
    world.step(&Step::Deliver(ALL));
    hand_in(&mut world);
    answer(&mut world, accepted("other", 100_000));
    assert_eq!(world.state, Some(State::Closed("user_changed".to_owned())));
    assert!(world.up.is_empty(), "nothing is sent as the other: {:?}", world.up);
}
