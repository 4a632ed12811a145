//! Who is here, and who is writing: told to the others, once per user.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::client::Client;
use e2e::{Server, Store};
use readrealm_protocol::ServerEvent;
use readrealm_protocol::server::{Members, ServerFrame};

const BOOK: u32 = 345;

fn names(members: &Members) -> Vec<&str> {
    members.users.iter().map(|user| user.username.as_str()).collect()
}

/// The frames about who comes, goes and writes, as words; none is a request's answer.
fn told(frames: &[ServerFrame]) -> Vec<String> {
    let told = frames.iter().map(|frame| {
        assert_eq!((frame.id, frame.seq), (None, None), "{frame:?}");
        match &frame.event {
            ServerEvent::UserJoined(moved) => format!("{} joined {}", moved.user_id, moved.book_id),
            ServerEvent::UserLeft(moved) => format!("{} left {}", moved.user_id, moved.book_id),
            ServerEvent::Typing(typing) => format!("{} typing {}", typing.user_id, typing.typing),
            other => panic!("{other:?}"),
        }
    });
    told.collect()
}

/// A round trip through the room: what was asked of it before is done.
async fn through_the_room(client: &mut Client) {
    client.load_previous(BOOK, 1, None).await;
}

#[tokio::test]
async fn others_hear_of_a_user_once_and_the_user_does_not() {
    let server = Server::start(&Store::memory()).await;
    let mut alice = Client::connect(&server, "alice").await;
    let mut bob = Client::connect(&server, "bob").await;
    let mut bobs_phone = Client::connect(&server, "bob").await;
    assert_eq!(names(&alice.join(BOOK).await.members), ["alice"]);
    assert_eq!(names(&bob.join(BOOK).await.members), ["alice", "bob"]);
    let members = bobs_phone.join(BOOK).await.members;
    assert_eq!((members.count, names(&members)), (2, vec!["alice", "bob"]));
    assert_eq!(
        told(&alice.drain().await),
        ["bob joined 345"],
        "once per user, not per connection"
    );
    assert_eq!(told(&bob.drain().await), [""; 0], "not to the user's own connections");

    bob.leave(BOOK).await;
    assert_eq!(told(&alice.drain().await), [""; 0], "bob's phone is still here");
    bobs_phone.leave(BOOK).await;
    assert_eq!(told(&alice.drain().await), ["bob left 345"], "no grace after leaveRoom");
    assert_eq!(names(&alice.join(BOOK).await.members), ["alice"]);
}

#[tokio::test]
async fn joining_again_answers_anew_and_keeps_the_membership() {
    let server = Server::start(&Store::memory()).await;
    let mut alice = Client::connect(&server, "alice").await;
    let mut bob = Client::connect(&server, "bob").await;
    alice.join(BOOK).await;
    bob.join(BOOK).await;
    alice.drain().await;
    bob.post(BOOK, "one").await;
    let state = bob.join(BOOK).await;
    assert_eq!((state.seq.get(), state.messages.len(), state.members.count), (1, 1, 2));
    bob.post(BOOK, "two").await;
    let messages = alice.drain().await;
    assert_eq!(messages.len(), 2, "each once, and nobody joined or left: {messages:?}");

    bob.leave(BOOK).await;
    assert_eq!(
        told(&alice.drain().await),
        ["bob left 345"],
        "one membership, which ends with one leave"
    );
}

#[tokio::test]
async fn who_comes_back_in_time_was_never_gone_and_who_does_not_is_told_of() {
    let server = Server::start(&Store::memory()).await;
    let mut alice = Client::connect(&server, "alice").await;
    let mut bob = Client::connect(&server, "bob").await;
    let mut carol = Client::connect(&server, "carol").await;
    for client in [&mut alice, &mut bob, &mut carol] {
        client.join(BOOK).await;
    }
    alice.drain().await;
    drop(bob);
    drop(carol);
    let mut bob = Client::connect(&server, "bob").await;
    bob.join(BOOK).await;
    let gone = alice
        .hear("userLeft", |frame| matches!(frame.event, ServerEvent::UserLeft(_)))
        .await;
    let mut frames = alice.drain().await;
    frames.insert(0, gone.frame);
    assert_eq!(told(&frames), ["carol left 345"], "of bob nothing was told");
    assert_eq!(names(&bob.join(BOOK).await.members), ["alice", "bob"]);
}

#[tokio::test]
async fn the_list_names_fifty_and_counts_all_and_large_rooms_are_told_a_count() {
    let server = Server::start(&Store::memory()).await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(BOOK).await;
    let mut others = Vec::new();
    for n in 0..105 {
        let mut other = Client::connect(&server, &format!("user {n}")).await;
        let members = other.join(BOOK).await.members;
        assert_eq!((members.count, members.users.len()), (n + 2, (n + 2).min(50)));
        others.push(other);
    }
    let occupancy = alice
        .hear("occupancy", |frame| matches!(frame.event, ServerEvent::Occupancy(_)))
        .await;
    let ServerEvent::Occupancy(occupancy) = occupancy.frame.event else {
        unreachable!()
    };
    assert!((101..=106).contains(&occupancy.count), "{occupancy:?}");
    let joined = alice
        .drain()
        .await
        .into_iter()
        .filter(|frame| matches!(frame.event, ServerEvent::UserJoined(_)))
        .count();
    assert_eq!(joined, 99, "each by name up to a hundred users, none from there on");
}

#[tokio::test]
async fn typing_reaches_the_others_and_not_oneself_and_ends() {
    let server = Server::start(&Store::memory()).await;
    let mut alice = Client::connect(&server, "alice").await;
    let mut bob = Client::connect(&server, "bob").await;
    let mut bobs_phone = Client::connect(&server, "bob").await;
    for client in [&mut alice, &mut bob, &mut bobs_phone] {
        client.join(BOOK).await;
    }
    alice.drain().await;
    bob.set_typing(BOOK, true).await;
    through_the_room(&mut bob).await;
    assert_eq!(told(&bob.drain().await), [""; 0], "neither an answer nor an echo");
    assert_eq!(told(&alice.drain().await), ["bob typing true"]);
    assert_eq!(told(&bobs_phone.drain().await), [""; 0]);
    bob.set_typing(BOOK, false).await;
    through_the_room(&mut bob).await;
    assert_eq!(told(&alice.drain().await), ["bob typing false"]);

    // It ends by itself, six seconds after it was last said.
    bobs_phone.set_typing(BOOK, true).await;
    let on = alice
        .hear(
            "typing",
            |frame| matches!(&frame.event, ServerEvent::Typing(typing) if typing.typing),
        )
        .await;
    let off = alice
        .hear(
            "typing to end",
            |frame| matches!(&frame.event, ServerEvent::Typing(typing) if !typing.typing),
        )
        .await;
    assert_eq!(told(&[on.frame, off.frame]), ["bob typing true", "bob typing false"]);

    // More than two a second are dropped, and nobody is punished.
    for _ in 0..50 {
        bob.set_typing(BOOK, true).await;
        bob.set_typing(BOOK, false).await;
    }
    through_the_room(&mut bob).await;
    let flood = told(&alice.drain().await);
    assert!((1..=8).contains(&flood.len()), "{flood:?}");
    bob.post(BOOK, "done").await;
}
