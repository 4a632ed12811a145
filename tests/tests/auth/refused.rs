//! Tokens that are refused: an `error`, then the close.

use e2e::client::Client;
use e2e::token::{in_seconds, token};
use e2e::{Server, Store};
use readrealm_protocol::ErrorCode;
use serde_json::json;

use crate::bad_tokens::{self, BadToken};

/// It is refused with that close code, and a sentence that says this.
async fn refused(server: &Server, bad: &BadToken) {
    let what = &bad.what;
    let mut client = Client::connect(server, what).await;
    let reply = client.authenticate(&bad.mint()).await.expect_err(what);
    assert_eq!(reply.code, ErrorCode::Unauthorized, "{what}: {reply}");
    assert!(
        reply.message.len() < 120 && reply.message.contains(&bad.says),
        "{what}: {reply}"
    );
    let (closed, reason) = client.closed().await;
    assert_eq!(closed, bad.close, "{what}: {reason}");
    assert_eq!(reason, reply.message, "{what}");
}

#[tokio::test]
async fn a_token_that_is_not_right_is_answered_and_closed() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let named = Server::start_with_secret(&Store::memory(), &["--auth-audience", "chat"]).await;
    let all = bad_tokens::all();
    assert!(all.len() > 35, "the table is read");
    for bad in &all {
        let server = if bad.audience.is_some() { &named } else { &server };
        refused(server, bad).await;
    }
}

#[tokio::test]
async fn who_only_talks_before_a_token_is_not_listened_to_for_long() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let readable = r#"{"event":"leaveRoom","data":{"bookId":7}}"#;
    let unknown = r#"{"event":"x"}"#;
    let invalid = r#"{"event":"leaveRoom","data":{"bookId":"7"}}"#;
    for frames in [
        &[readable][..],
        &[unknown],
        &[invalid],
        &["nonsense"],
        &[r#"{"event":"authenticate","data":{"token":5}}"#],
        &[readable, unknown, invalid, "nonsense"],
    ] {
        let mut client = Client::connect(&server, "ann").await;
        for text in frames.iter().cycle().take(101) {
            client.send_text(text).await;
        }
        let (code, reason) = client.closed().await;
        assert_eq!(
            (code, reason.as_str()),
            (4101, "too many frames before authenticate"),
            "{frames:?}"
        );
        assert_eq!(client.heard().count(), 101, "each was answered: {frames:?}");
    }
}

#[tokio::test]
async fn a_hundred_frames_before_a_token_are_borne() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut client = Client::connect(&server, "ann").await;
    for _ in 0..50 {
        client.send_text(r#"{"event":"x"}"#).await;
        client.send_text("nonsense").await;
    }
    client.authenticate(&token("ann", json!({}))).await.unwrap();
    client.join(7).await;
    // They count no more.
    for _ in 0..100 {
        client.send_text("nonsense").await;
    }
    client.drain().await;
}

#[tokio::test]
async fn clocks_may_differ_by_a_little() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut client = Client::connect(&server, "ann").await;
    let token = token(
        "ann",
        json!({ "nbf": in_seconds(4), "iat": in_seconds(4), "exp": 32_503_679_999_u64 }),
    );
    let known = client.authenticate(&token).await.unwrap();
    assert_eq!(known.expires_at.to_string(), "2999-12-31T23:59:59.000Z");
}

#[tokio::test]
async fn where_an_audience_is_named_a_token_for_it_is_taken() {
    let server = Server::start_with_secret(&Store::memory(), &["--auth-audience", "chat"]).await;
    for aud in [json!("chat"), json!(["billing", "chat"])] {
        Client::known(&server, "ann", json!({ "aud": aud })).await;
    }
}
