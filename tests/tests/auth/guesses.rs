//! Whoever guesses at the operator's secret: slowed, counted, and told of in the log without filling it.

use std::time::{Duration, Instant};

use e2e::{Server, Store};
use serde_json::{Value, json};

use crate::http::send;
use crate::revoked::ADMIN;

/// How many wrong ones are answered at once.
const BORNE: usize = 10;

async fn guess(server: &Server, secret: &str) -> (u16, String, Value) {
    let bearer = format!("Bearer {secret}");
    let headers = [("authorization", &*bearer)];
    send(server, "GET", "/admin/revocations", &headers, "").await
}

#[tokio::test]
async fn wrong_admin_secrets_are_slowed_and_counted_and_the_right_one_is_not() {
    let server = Server::start_with_secret(&Store::memory(), &["--admin-secret", ADMIN]).await;
    let mut answered = 0;
    let (waited, (status, head, answer)) = loop {
        let begun = Instant::now();
        let told = guess(&server, &format!("{ADMIN}{answered}")).await;
        answered += 1;
        if told.0 != 401 {
            break (begun.elapsed(), told);
        }
        assert!(answered < 10 * BORNE, "it is slowed");
    };
    assert!(answered > BORNE, "a few are borne: {answered}");
    assert_eq!((status, &answer["code"]), (429, &json!("rate_limited")));
    assert!(head.contains("\r\nretry-after: 1\r\n"), "{head}");
    assert!(answer["retryAfterMs"].as_u64().unwrap() <= 1_001, "{answer}");
    assert!(waited >= Duration::from_secs(1), "it is kept waiting: {waited:?}");
    // Nobody keeps the operator out by guessing.
    assert_eq!(guess(&server, ADMIN).await.0, 200);

    let counted = server.metrics().await;
    let series = r#"readrealm_auth_refusals_total{reason="admin_secret"}"#;
    assert!((counted.of(series) - f64::from(u32::try_from(answered).unwrap())).abs() < 0.5);
    let log = server.process().stderr();
    assert_eq!(log.matches("a wrong admin secret was shown").count(), 1, "{log}");
    assert!(!log.contains(ADMIN), "{log}");
}
