//! How often a room may be read over HTTP: by a user, and where there is no token by an address.

use std::time::{Duration, Instant};

use e2e::token::{in_seconds, token};
use e2e::{Server, Store};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::BOOK;
use crate::http::{ask, path};

/// Three at once, and another one a second.
const FLAGS: [&str; 4] = ["--user-reads-per-second", "1", "--message-burst", "3"];

async fn read(server: &Server, headers: &[(&str, &str)]) -> (u16, String, Value) {
    ask(server, "GET", &path(BOOK), headers).await
}

/// Reads until it is too fast. Returns that answer, and how many before it were answered as they should be beyond those that came
/// free meanwhile.
async fn read_too_fast(server: &Server, headers: &[(&str, &str)], answered: u16) -> (Value, u64) {
    let begun = Instant::now();
    for n in 0..50 {
        let (status, head, body) = read(server, headers).await;
        if status == 429 {
            assert_eq!(body["code"], json!("rate_limited"));
            assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
            assert!(head.contains("no-store"), "{head}");
            return (body, n - begun.elapsed().as_secs().min(n));
        }
        assert_eq!(status, answered, "{body}");
    }
    panic!("it is never too fast")
}

#[tokio::test]
async fn a_user_reads_over_http_no_faster_than_they_may() {
    let server = Server::start_with_secret(&Store::memory(), &FLAGS).await;
    let bearer = |others: Value| format!("Bearer {}", token("ann", others));
    let (one, other) = (bearer(json!({})), bearer(json!({ "name": "Ann", "rooms": [BOOK] })));
    let (body, at_once) = read_too_fast(&server, &[("authorization", &one)], 200).await;
    assert_eq!((&body["message"], at_once), (&json!("this user reads too fast"), 3));
    let (_, at_once) = read_too_fast(&server, &[("authorization", &other)], 200).await;
    assert!(at_once <= 1, "another token is of the same user: {at_once}");
    // Others have their own.
    let bob = format!("Bearer {}", token("bob", json!({})));
    assert_eq!(read(&server, &[("authorization", &bob)]).await.0, 200);

    let (body, _) = read_too_fast(&server, &[("authorization", &one)], 200).await;
    let wait = body["retryAfterMs"].as_u64().unwrap();
    assert!((1..=1_001).contains(&wait), "{body}");
    tokio::time::sleep(Duration::from_millis(wait)).await;
    assert_eq!(read(&server, &[("authorization", &one)]).await.0, 200);
    let limited = server.metrics().await.of(r#"readrealm_limited_total{limit="reads"}"#);
    assert!(limited >= 3.0, "{limited}");
}

#[tokio::test]
async fn who_shows_no_good_token_is_told_so_until_far_too_many_do() {
    let server = Server::start_with_secret(&Store::memory(), &FLAGS).await;
    let ended = format!("Bearer {}", token("ann", json!({ "exp": in_seconds(-60) })));
    let bad = [Some("Bearer nonsense"), None, Some(&*ended)];
    let read_as = |bearer: Option<&str>| {
        let headers: Vec<_> = bearer
            .map(|bearer| ("authorization", bearer.to_owned()))
            .into_iter()
            .collect();
        let server = &server;
        async move {
            let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, &**value)).collect();
            read(server, &headers).await
        }
    };
    // Ten times as many at once as of a user.
    for n in 0..27 {
        let (status, head, body) = read_as(bad[n % 3]).await;
        assert_eq!((status, &body["code"]), (401, &json!("unauthorized")), "{n}: {body}");
        assert!(head.contains("www-authenticate: bearer"), "{head}");
    }
    let many = join_all((0..150).map(|n| read_as(bad[n % 3]))).await;
    let refused: Vec<_> = many.iter().filter(|(status, ..)| *status == 429).collect();
    assert!(!refused.is_empty(), "nobody is ever too fast");
    assert_eq!(
        refused[0].2["message"],
        json!("this address asks without a good token too fast")
    );
    assert!(many.iter().all(|(status, ..)| matches!(status, 401 | 429)));
    // It is nobody's loss who has a good one.
    let bob = format!("Bearer {}", token("bob", json!({})));
    assert_eq!(read(&server, &[("authorization", &bob)]).await.0, 200);
}

#[tokio::test]
async fn without_a_key_an_address_reads_no_faster_than_it_may() {
    let flags = [&FLAGS[..], &["--allow-anonymous", "--trust-proxy", "127.0.0.1"]].concat();
    let server = Server::start_with(&Store::memory(), &flags).await;
    let of = |address| [("x-forwarded-for", address)];
    let (body, at_once) = read_too_fast(&server, &of("2001:db8:1:2::1"), 200).await;
    assert_eq!((&body["message"], at_once), (&json!("this address reads too fast"), 3));
    // A token that nobody looks at makes nobody somebody else; nor does another address of the same subscriber.
    let token = token("ann", json!({}));
    let shown = [("x-forwarded-for", "2001:db8:1:2::2"), ("authorization", &*token)];
    assert!(read_too_fast(&server, &shown, 200).await.1 <= 1);
    assert_eq!(read(&server, &of("2001:db8:1:3::1")).await.0, 200);

    let off = ["--user-reads-per-second", "0", "--allow-anonymous"];
    let server = Server::start_with(&Store::memory(), &off).await;
    for _ in 0..200 {
        assert_eq!(read(&server, &[]).await.0, 200);
    }
}
