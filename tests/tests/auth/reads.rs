//! How often a room may be read over HTTP: by a user, and where there is no token by an address.

use std::time::{Duration, Instant};

use e2e::token::token;
use e2e::{Server, Store};
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
    // Others have their own, and who has no good token is an address.
    let bob = format!("Bearer {}", token("bob", json!({})));
    assert_eq!(read(&server, &[("authorization", &bob)]).await.0, 200);
    let (body, at_once) = read_too_fast(&server, &[("authorization", "Bearer nonsense")], 401).await;
    assert_eq!((&body["message"], at_once), (&json!("this address reads too fast"), 3));
    assert!(read_too_fast(&server, &[], 401).await.1 <= 1);
    assert_eq!(read(&server, &[("authorization", &bob)]).await.0, 200);

    let (body, _) = read_too_fast(&server, &[("authorization", &one)], 200).await;
    let wait = body["retryAfterMs"].as_u64().unwrap();
    assert!((1..=1_001).contains(&wait), "{body}");
    tokio::time::sleep(Duration::from_millis(wait)).await;
    assert_eq!(read(&server, &[("authorization", &one)]).await.0, 200);
    let limited = server.metrics().await.of(r#"readrealm_limited_total{limit="reads"}"#);
    assert!(limited >= 4.0, "{limited}");
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
