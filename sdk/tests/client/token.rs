//! Connections that begin with a token.

use readrealm_protocol::codec::encode_server;
use readrealm_protocol::error::ErrorCode;
use readrealm_protocol::ids::UserId;
use readrealm_protocol::message::Timestamp;
use readrealm_protocol::server::{Authenticated, ErrorReply, ServerEvent, ServerFrame};
use readrealm_sdk::Options;
use readrealm_sdk::effect::State;

use crate::cases::{ALL, cut};
use crate::page::read;
use crate::world::{BOOKS, Step, World, options};

fn with_token() -> World {
    let mut world = World::with(Options {
        user_id: None,
        authenticates: true,
        ..options()
    });
    world.step(&Step::Deliver(ALL));
    assert_eq!(world.tokens, [0]);
    assert!(world.up.is_empty(), "nothing before the token");
    world.client.token(world.now, 0, "a.b.c".to_owned());
    world.perform();
    assert_eq!(
        world.up,
        [r#"{"event":"authenticate","id":1,"data":{"token":"a.b.c"}}"#]
    );
    world
}

fn answer(world: &mut World, event: ServerEvent) {
    let id = Some(1.into());
    let frame = encode_server(&ServerFrame { id, seq: None, event });
    world.client.frame(world.now, read(&frame));
    world.perform();
}

#[test]
fn a_connection_begins_with_a_token_of_its_own() {
    let mut world = with_token();
    let user = Authenticated {
        user_id: UserId::try_from("me").expect("a user"),
        username: "me".try_into().expect("a name"),
        expires_at: Timestamp::from_millis(0),
    };
    answer(&mut world, ServerEvent::Authenticated(user));
    assert_eq!(world.state, Some(State::Connected));
    assert_eq!(world.up.len(), 1 + BOOKS as usize);
    assert!(
        !world.up[1].contains("userId"),
        "the token says who it is: {}",
        world.up[1]
    );
    cut(&mut world, 4009);
    world.step(&Step::Wait(250));
    world.step(&Step::Deliver(ALL));
    assert_eq!(world.tokens, [0, 1]);
}

#[test]
fn a_refused_token_is_final_and_a_missing_one_is_not() {
    let mut world = with_token();
    answer(
        &mut world,
        ServerEvent::Error(ErrorReply::new(ErrorCode::Unauthorized, "no")),
    );
    assert_eq!(world.state, Some(State::Closed("unauthorized".to_owned())));

    let mut world = World::with(Options {
        authenticates: true,
        ..options()
    });
    world.step(&Step::Deliver(ALL));
    world.client.token_failed(world.now, 0);
    world.perform();
    assert_eq!(
        world.state,
        Some(State::Reconnecting {
            attempt: 1,
            retry_in_ms: 250.0
        })
    );
}
