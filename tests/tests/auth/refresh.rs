//! A new token on a living connection.

use e2e::client::Client;
use e2e::token::{in_seconds, token};
use e2e::{Server, Store};
use readrealm_protocol::{ErrorCode, ServerEvent};
use serde_json::json;

use crate::BOOK;

#[tokio::test]
async fn a_token_of_another_user_is_refused_and_the_session_lives_on() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut ann = Client::known(&server, "ann", json!({})).await;
    ann.join(BOOK).await;
    for bad in [
        token("bob", json!({})),
        "garbage".to_owned(),
        token("ann", json!({ "exp": 1 })),
    ] {
        assert_eq!(ann.authenticate(&bad).await.unwrap_err().code, ErrorCode::Unauthorized);
    }
    ann.post(BOOK, "it is me").await;
    assert_eq!(ann.next_message().await.user_id.as_str(), "ann");
}

#[tokio::test]
async fn a_new_name_counts_from_then_on_in_rooms_joined_already() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut ann = Client::known(&server, "ann", json!({ "name": "Ann" })).await;
    ann.join(BOOK).await;
    ann.post(BOOK, "before").await;
    let known = ann
        .authenticate(&token("ann", json!({ "name": "Anna" })))
        .await
        .unwrap();
    assert_eq!((known.username.as_str(), known.left_rooms), ("Anna", vec![]));
    ann.post(BOOK, "after").await;
    let names = [ann.next_message().await, ann.next_message().await].map(|message| message.username.to_string());
    assert_eq!(names, ["Ann", "Anna"]);
    let mut bob = Client::known(&server, "bob", json!({})).await;
    let state = bob.join(BOOK).await;
    assert_eq!(state.members.users[0].username.as_str(), "Anna");
    ann.set_typing(BOOK, true).await;
    let typing = bob
        .hear("typing", |frame| matches!(frame.event, ServerEvent::Typing(_)))
        .await;
    assert!(typing.text.contains("Anna"), "{}", typing.text);
}

#[tokio::test]
async fn fewer_rooms_are_left_at_once_and_named() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut bob = Client::known(&server, "bob", json!({})).await;
    let mut ann = Client::known(&server, "ann", json!({})).await;
    for book in [1, 2, 3] {
        bob.join(book).await;
        ann.join(book).await;
    }
    bob.drain().await;
    let known = ann
        .authenticate(&token("ann", json!({ "rooms": [2, 9] })))
        .await
        .unwrap();
    assert_eq!(known.left_rooms, [1_u32.into(), 3_u32.into()]);
    for book in [1_u32, 3] {
        // The others are told as of any leave.
        let left = bob
            .hear("userLeft", |frame| matches!(frame.event, ServerEvent::UserLeft(_)))
            .await;
        assert!(left.text.contains(&format!(r#""bookId":{book}"#)), "{}", left.text);
        assert_eq!(
            ann.try_post(book, "still?", None).await.unwrap_err().code,
            ErrorCode::NotJoined
        );
        let joining = ann.joining(book);
        assert_eq!(ann.ask(joining).await.unwrap_err().code, ErrorCode::Forbidden);
        bob.post(book, "among us").await;
    }
    bob.post(2, "with ann").await;
    let message = ann.next_message().await;
    assert_eq!((message.book_id.get(), message.content.as_str()), (2, "with ann"));
    assert_eq!(ann.drain().await, [], "nothing of the rooms it left");
    // And more rooms again.
    let known = ann.authenticate(&token("ann", json!({}))).await.unwrap();
    assert_eq!(known.left_rooms, []);
    assert_eq!(ann.join(1).await.messages[0].content.as_str(), "among us");
}

#[tokio::test]
async fn at_its_end_a_token_closes_with_4009_and_another_one_resumes() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut bob = Client::known(&server, "bob", json!({})).await;
    bob.join(BOOK).await;
    let mut ann = Client::known(&server, "ann", json!({ "exp": in_seconds(4) })).await;
    let state = ann.join(BOOK).await;
    bob.post(BOOK, "while it lasts").await;
    ann.next_message().await;
    let (code, reason) = ann.closed().await;
    assert_eq!(code, 4009, "{reason}");
    bob.post(BOOK, "while away").await;
    let mut again = Client::known(&server, "ann", json!({})).await;
    let after = format!(
        r#"{{"event":"joinRoom","id":90,"data":{{"bookId":{BOOK},"after":1,"epoch":"{}"}}}}"#,
        state.epoch
    );
    again.send_text(&after).await;
    let ServerEvent::Resumed(resumed) = again.answer(90.into()).await.unwrap() else {
        panic!("not resumed")
    };
    assert_eq!((resumed.events.len(), resumed.complete), (1, true));
}

#[tokio::test]
async fn renewals_are_taken_out_of_the_connections_budget() {
    let flags = ["--messages-per-second", "1", "--message-burst", "2"];
    let server = Server::start_with_secret(&Store::memory(), &flags).await;
    let mut ann = Client::known(&server, "ann", json!({})).await;
    let again = token("ann", json!({}));
    let mut slowed = 0;
    for _ in 0..10 {
        if let Err(reply) = ann.authenticate(&again).await {
            assert_eq!(reply.code, ErrorCode::RateLimited);
            assert!(reply.retry_after_ms.is_some());
            slowed += 1;
        }
    }
    assert!(slowed > 0);
}
