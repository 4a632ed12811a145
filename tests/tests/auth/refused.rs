//! Tokens that are refused: an `error`, then the close.

use e2e::client::Client;
use e2e::token::{SECRET, Signer, claims, in_seconds};
use e2e::{Server, Store};
use readrealm_protocol::ErrorCode;
use serde_json::{Value, json};

/// It is refused with that close code.
async fn refused(server: &Server, what: &str, token: &str, code: u16) {
    let mut client = Client::connect(server, what).await;
    let reply = client.authenticate(token).await.expect_err(what);
    assert_eq!(reply.code, ErrorCode::Unauthorized, "{what}: {reply}");
    assert!(reply.message.len() < 120, "{what}: {reply}");
    let (closed, reason) = client.closed().await;
    assert_eq!(closed, code, "{what}: {reason}");
    assert_eq!(reason, reply.message, "{what}");
}

#[tokio::test]
async fn a_token_that_is_not_right_is_answered_and_closed_with_4101() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let signer = Signer::secret(SECRET);
    let fine = signer.sign(&claims("ann", json!({})));
    let (message, _) = fine.rsplit_once('.').unwrap();
    let (header, _) = message.split_once('.').unwrap();
    let other_claims = signer.sign(&claims("bob", json!({})));
    let swapped = format!(
        "{header}.{}.{}",
        other_claims.split('.').nth(1).unwrap(),
        fine.rsplit_once('.').unwrap().1
    );
    let without = |claim: &str| {
        let mut claims = claims("ann", json!({}));
        claims.as_object_mut().unwrap().remove(claim);
        signer.sign(&claims)
    };
    let with = |others: Value| signer.sign(&claims("ann", others));
    let cases = [
        ("garbage", "garbage".to_owned()),
        ("nothing", String::new()),
        ("two dots", "..".to_owned()),
        ("huge", format!("{fine}{}", "A".repeat(40_000))),
        ("huge and signed", with(json!({ "padding": "x".repeat(20_000) }))),
        (
            "wrong key",
            Signer::secret("another secret of 32 bytes or more").sign(&claims("ann", json!({}))),
        ),
        ("alg none", Signer::Nobody.sign(&claims("ann", json!({})))),
        (
            "alg none, signed",
            signer.sign_with(&json!({ "alg": "none" }), &claims("ann", json!({}))),
        ),
        (
            "alg HS512",
            signer.sign_with(&json!({ "alg": "HS512" }), &claims("ann", json!({}))),
        ),
        (
            "alg RS256",
            signer.sign_with(&json!({ "alg": "RS256" }), &claims("ann", json!({}))),
        ),
        (
            "no alg",
            signer.sign_with(&json!({ "typ": "JWT" }), &claims("ann", json!({}))),
        ),
        (
            "critical header",
            signer.sign_with(&json!({ "alg": "HS256", "crit": ["b64"] }), &claims("ann", json!({}))),
        ),
        ("no signature", format!("{message}.")),
        ("another's signature", swapped),
        ("no exp", without("exp")),
        ("exp in milliseconds", with(json!({ "exp": in_seconds(600) * 1_000 }))),
        ("exp as text", with(json!({ "exp": in_seconds(600).to_string() }))),
        ("no sub", without("sub")),
        ("sub is a number", with(json!({ "sub": 7 }))),
        ("sub is empty", with(json!({ "sub": "" }))),
        ("sub is too long", with(json!({ "sub": "x".repeat(129) }))),
        ("sub has control characters", with(json!({ "sub": "a\nb" }))),
        ("name is too long", with(json!({ "name": "x".repeat(65) }))),
        ("not valid yet", with(json!({ "nbf": in_seconds(60) }))),
        ("nbf as text", with(json!({ "nbf": "now" }))),
        ("rooms as text", with(json!({ "rooms": "7" }))),
        ("rooms of text", with(json!({ "rooms": ["7"] }))),
        ("rooms null", with(json!({ "rooms": null }))),
        ("rooms out of bounds", with(json!({ "rooms": [1_u64 << 53] }))),
        ("moderator as text", with(json!({ "moderator": "true" }))),
        ("for another audience", with(json!({ "aud": "billing" }))),
        ("no object", signer.sign(&json!([]))),
    ];
    for (what, token) in &cases {
        refused(&server, what, token, 4101).await;
    }
}

#[tokio::test]
async fn one_that_has_expired_is_closed_with_4009_for_its_client_has_another() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let signer = Signer::secret(SECRET);
    for exp in [json!(in_seconds(-1)), json!(in_seconds(-3_600)), json!(0), json!(12.5)] {
        refused(
            &server,
            "expired",
            &signer.sign(&claims("ann", json!({ "exp": exp }))),
            4009,
        )
        .await;
    }
}

#[tokio::test]
async fn who_only_talks_before_a_token_is_not_listened_to_for_long() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut client = Client::connect(&server, "ann").await;
    for _ in 0..=100 {
        client.send_text(r#"{"event":"leaveRoom","data":{"bookId":7}}"#).await;
    }
    let (code, reason) = client.closed().await;
    assert_eq!((code, reason.as_str()), (4101, "too many frames before authenticate"));
}

#[tokio::test]
async fn clocks_may_differ_by_a_little() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut client = Client::connect(&server, "ann").await;
    let token = e2e::token::token(
        "ann",
        json!({ "nbf": in_seconds(4), "iat": in_seconds(4), "exp": 32_503_679_999_u64 }),
    );
    let known = client.authenticate(&token).await.unwrap();
    assert_eq!(known.expires_at.to_string(), "2999-12-31T23:59:59.000Z");
}

#[tokio::test]
async fn where_an_audience_is_named_a_token_must_be_for_it() {
    let server = Server::start_with_secret(&Store::memory(), &["--auth-audience", "chat"]).await;
    for aud in [json!("chat"), json!(["billing", "chat"])] {
        Client::known(&server, "ann", json!({ "aud": aud })).await;
    }
    let signer = Signer::secret(SECRET);
    for others in [
        json!({}),
        json!({ "aud": "billing" }),
        json!({ "aud": [] }),
        json!({ "aud": null }),
    ] {
        refused(
            &server,
            &others.to_string(),
            &signer.sign(&claims("ann", others.clone())),
            4101,
        )
        .await;
    }
}
