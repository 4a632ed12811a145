//! What a token lets its bearer do.

use e2e::client::{Client, posting};
use e2e::token::{claims, in_seconds, token};
use e2e::{Server, Store};
use readrealm_protocol::ErrorCode;
use readrealm_protocol::client::{Authenticate, ClientEvent, JoinRoom};
use serde_json::json;

use crate::BOOK;

#[tokio::test]
async fn the_answer_says_who_the_token_says_and_for_how_long() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut client = Client::connect(&server, "ann").await;
    let exp = in_seconds(600);
    let known = client
        .authenticate(&token("64a1f3", json!({ "name": " Ann ", "exp": exp })))
        .await
        .unwrap();
    assert_eq!((known.user_id.as_str(), known.username.as_str()), ("64a1f3", "Ann"));
    assert_eq!(known.expires_at.as_millis(), exp * 1_000);
    let mut nameless = Client::connect(&server, "bob").await;
    let known = nameless.authenticate(&token("bob", json!({}))).await.unwrap();
    assert_eq!((known.user_id.as_str(), known.username.as_str()), ("bob", "bob"));
}

#[tokio::test]
async fn a_message_is_of_whom_the_token_says_whatever_the_join_says() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut mallory = Client::known(&server, "mallory", json!({ "name": "Mallory" })).await;
    mallory.user = "alice".into();
    let state = mallory.join(BOOK).await;
    assert_eq!(state.members.users[0].user_id.as_str(), "mallory");
    mallory.post(BOOK, "I am Alice").await;
    let message = mallory.next_message().await;
    assert_eq!(
        (message.user_id.as_str(), message.username.as_str()),
        ("mallory", "Mallory")
    );
}

#[tokio::test]
async fn frames_pipelined_behind_the_token_are_served_in_their_order() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut client = Client::connect(&server, "ann").await;
    let token = token("ann", json!({}));
    let requests = [
        ClientEvent::Authenticate(Authenticate { token }),
        ClientEvent::JoinRoom(JoinRoom {
            book_id: BOOK.into(),
            user_id: None,
            username: None,
            after: None,
            epoch: None,
        }),
        posting(BOOK, "first thing", None),
    ];
    for request in requests {
        client.request(request).await;
    }
    let told: Vec<_> = [
        client.next().await,
        client.next().await,
        client.next().await,
        client.next().await,
    ]
    .map(|frame| frame.event.name())
    .into();
    assert_eq!(told, ["authenticated", "previousMessages", "message", "ack"]);
}

#[tokio::test]
async fn nothing_is_served_before_a_token_and_everything_after_it() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut client = Client::connect(&server, "ann").await;
    let joining = client.joining(BOOK);
    for event in [joining, posting(BOOK, "hello", None)] {
        assert_eq!(client.ask(event).await.unwrap_err().code, ErrorCode::Unauthorized);
    }
    client.authenticate(&token("ann", json!({}))).await.unwrap();
    client.join(BOOK).await;
    client.post(BOOK, "hello").await;
}

#[tokio::test]
async fn a_room_outside_the_tokens_is_forbidden_and_the_connection_lives() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut client = Client::known(&server, "ann", json!({ "rooms": [BOOK, 7] })).await;
    let foreign = client.joining(8);
    assert_eq!(client.ask(foreign).await.unwrap_err().code, ErrorCode::Forbidden);
    client.join(7).await;
    client.join(BOOK).await;
    client.post(BOOK, "still here").await;
    let mut nowhere = Client::known(&server, "bob", json!({ "rooms": [] })).await;
    let joining = nowhere.joining(7);
    assert_eq!(nowhere.ask(joining).await.unwrap_err().code, ErrorCode::Forbidden);
}

#[tokio::test]
async fn the_connections_of_a_token_s_user_share_one_budget() {
    let server = Server::start_with_secret(
        &Store::memory(),
        &["--user-messages-per-second", "1", "--message-burst", "3"],
    )
    .await;
    let mut refused = 0;
    for n in 0..3 {
        let mut client = Client::known(&server, "ann", json!({})).await;
        client.user = format!("somebody else {n}");
        client.join(BOOK).await;
        for _ in 0..3 {
            let posted = client.try_post(BOOK, "again", None).await;
            refused += usize::from(posted.is_err_and(|reply| reply.code == ErrorCode::RateLimited));
        }
    }
    assert!(refused > 0, "nine at once are too many for one user, and few for three");
}

#[tokio::test]
async fn where_it_is_off_a_token_is_not_taken() {
    let server = Server::start(&Store::memory()).await;
    let mut client = Client::connect(&server, "ann").await;
    let reply = client.authenticate(&token("ann", json!({}))).await.unwrap_err();
    assert_eq!(reply.code, ErrorCode::Unsupported);
    client.join(BOOK).await;
    assert!(server.process().stderr().contains("authentication is off"));
}

#[tokio::test]
async fn neither_a_token_nor_the_secret_is_in_any_log_line() {
    let store = Store::memory();
    let server = Server::start_with_secret(&store, &["--log-format", "json"]).await;
    let mut client = Client::connect(&server, "ann").await;
    let good = token("ann", json!({}));
    client.authenticate(&good).await.unwrap();
    client.join(BOOK).await;
    let mut bad = Client::connect(&server, "mallory").await;
    let forged = e2e::token::Signer::secret("not the secret").sign(&claims("ann", json!({})));
    let reply = bad.authenticate(&forged).await.unwrap_err();
    let (_, reason) = bad.closed().await;
    let said = server.process().stderr() + &reply.message + &reason;
    for hidden in [&*good, &*forged, e2e::token::SECRET] {
        assert!(!said.contains(hidden), "{said}");
    }
    assert_eq!(client.drain().await, [], "nobody else notices");
}
