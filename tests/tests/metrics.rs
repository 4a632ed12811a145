//! `/metrics`: the numbers move as they should, and are what Prometheus expects.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::time::Duration;

use e2e::client::{Client, posting};
use e2e::proxy::{Side, Weather};
use e2e::replica_set::{ReplicaSet, Setup};
use e2e::token::{SECRET, Signer, claims};
use e2e::{Metrics, Server, Store, within};
use readrealm_protocol::ErrorCode;
use serde_json::json;
use tokio_tungstenite::tungstenite::Message;

const BOOK: u32 = 28520;

/// Reads the numbers until one of them is so much: what a closing connection leaves behind comes a moment later.
async fn until(server: &Server, series: &str, value: f64) -> Metrics {
    let read = async {
        loop {
            let metrics = server.metrics().await;
            if (metrics.of(series) - value).abs() < f64::EPSILON {
                return metrics;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(&format!("{series} to be {value}"), read).await
}

fn assert_numbers(metrics: &Metrics, expected: &[(&str, f64)]) {
    for (series, value) in expected {
        let found = metrics.of(series);
        assert!((found - value).abs() < f64::EPSILON, "{series} is {found}, not {value}");
    }
}

#[tokio::test]
async fn numbers_move_by_what_was_done() {
    let store = Store::sqlite();
    let server = Server::start_with(&store, &["--messages-per-second", "1", "--message-burst", "7"]).await;
    let mut alice = Client::connect(&server, "alice").await;
    let mut bob = Client::connect(&server, "bob").await;
    alice.join(BOOK).await;
    bob.join(BOOK).await;
    let first = alice.ask(posting(BOOK, "one", Some("key-1"))).await.unwrap();
    alice.post(BOOK, "two").await;
    alice.post(BOOK, "three").await;
    // A repeat, and the key for other words.
    alice.ask(posting(BOOK, "one", Some("key-1"))).await.unwrap();
    let conflict = alice.ask(posting(BOOK, "other", Some("key-1"))).await.unwrap_err();
    assert_eq!(conflict.code, ErrorCode::IdempotencyConflict);
    // Two more of the seven, and one too many.
    alice.post(BOOK, "six").await;
    alice.post(BOOK, "seven").await;
    let limited = alice.ask(posting(BOOK, "eight", None)).await.unwrap_err();
    assert_eq!(limited.code, ErrorCode::RateLimited);
    drop(first);
    for _ in 0..5 {
        bob.next_message().await;
    }

    let metrics = server.metrics().await;
    assert_numbers(
        &metrics,
        &[
            (r#"readrealm_connections{transport="websocket"}"#, 2.0),
            (r#"readrealm_connections{transport="socketio"}"#, 0.0),
            (r#"readrealm_connections_opened_total{transport="websocket"}"#, 2.0),
            ("readrealm_rooms", 1.0),
            ("readrealm_room_loads_total", 1.0),
            ("readrealm_members", 2.0),
            ("readrealm_events_appended_total", 5.0),
            // Each was waited for; the repeat of a key that is in the log goes to the log, too.
            (
                "readrealm_append_batch_events_sum",
                metrics.of("readrealm_append_seconds_count"),
            ),
            (r#"readrealm_append_stops_total{reason="duplicate"}"#, 2.0),
            (r#"readrealm_append_stops_total{reason="conflict"}"#, 0.0),
            ("readrealm_duplicates_total", 1.0),
            // Bob's coming, to Alice; five messages, to both.
            ("readrealm_deliveries_total", 11.0),
            // previousMessages each, userJoined, messages to both, and eight answers.
            ("readrealm_sent_frames_total", 2.0 + 1.0 + 10.0 + 8.0),
            (r#"readrealm_requests_total{event="joinRoom"}"#, 2.0),
            (r#"readrealm_requests_total{event="message"}"#, 8.0),
            (r#"readrealm_errors_total{code="idempotency_conflict"}"#, 1.0),
            (r#"readrealm_errors_total{code="rate_limited"}"#, 1.0),
            (r#"readrealm_errors_total{code="unavailable"}"#, 0.0),
            (r#"readrealm_limited_total{limit="messages"}"#, 1.0),
            ("readrealm_tail_following", 1.0),
        ],
    );
    assert!(metrics.of("readrealm_sent_bytes_total") > 1_000.0);
    assert!(metrics.of("readrealm_writes_total") <= metrics.of("readrealm_sent_frames_total"));
    assert!(metrics.of("process_resident_memory_bytes") > 1e6);
    assert!(metrics.of("process_open_fds") > 5.0);

    // One of them sends what is no frame of this protocol, the other goes.
    bob.send_raw(Message::binary("?")).await;
    assert_eq!(bob.closed().await.0, 4100);
    drop(alice);
    let metrics = until(&server, r#"readrealm_connections{transport="websocket"}"#, 0.0).await;
    assert_numbers(
        &metrics,
        &[
            (r#"readrealm_connections_closed_total{reason="bad_protocol"}"#, 1.0),
            (r#"readrealm_connections_closed_total{reason="client"}"#, 1.0),
        ],
    );
    until(&server, "readrealm_members", 0.0).await;
}

#[tokio::test]
async fn what_other_nodes_append_is_counted_as_it_comes() {
    let store = Store::mongodb().await;
    let (one, two) = (Server::start(&store).await, Server::start(&store).await);
    let mut alice = Client::connect(&one, "alice").await;
    let mut bob = Client::connect(&two, "bob").await;
    alice.join(BOOK).await;
    bob.join(BOOK).await;
    for n in 0..5 {
        alice.post(BOOK, &format!("message {n}")).await;
        bob.next_message().await;
    }
    let (one, two) = (one.metrics().await, two.metrics().await);
    assert_numbers(
        &two,
        &[
            ("readrealm_tail_delay_seconds_count", 5.0),
            ("readrealm_events_appended_total", 0.0),
        ],
    );
    assert_numbers(&one, &[("readrealm_events_appended_total", 5.0)]);
    assert!(two.of("readrealm_tail_delay_seconds_sum") < 5.0 * 30.0);
}

#[tokio::test]
async fn how_old_the_news_of_revocations_are_is_told_and_that_they_are_not_heard() {
    let setup = Setup {
        members: 1,
        proxied: true,
        election_timeout: Duration::from_secs(10),
    };
    let set = ReplicaSet::start(setup).await;
    let store = Store::at(set.url("revocations", 0));
    let server = Server::start_with_secret(&store, &[]).await;
    assert!(server.metrics().await.of("readrealm_revocations_age_seconds") < 30.0);
    assert_numbers(&server.metrics().await, &[("readrealm_revocation_failures_total", 0.0)]);
    for proxy in set.proxies() {
        proxy.set_weather(Side::Node(0), Weather::Lost);
    }
    let failing = async {
        while server.metrics().await.of("readrealm_revocation_failures_total") < 2.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    within("questions without an answer", failing).await;
    let (one, two) = (server.metrics().await, server.metrics().await);
    let age = |metrics: &Metrics| metrics.of("readrealm_revocations_age_seconds");
    assert!(age(&one) > 0.5 && age(&two) > age(&one), "{} {}", age(&one), age(&two));
    // Where nothing is asked, nothing is old.
    let open = Server::start(&Store::memory()).await;
    assert_numbers(&open.metrics().await, &[("readrealm_revocations_age_seconds", 0.0)]);
}

#[tokio::test]
async fn refusals_are_counted_by_their_reason() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let others = Signer::secret("another secret, which is as long as that");
    let expired = json!({ "sub": "u", "exp": 1_000_000_000 });
    let tokens = [
        (others.sign(&claims("u", json!({}))), "signature"),
        (Signer::secret(SECRET).sign(&expired), "expired"),
        (Signer::Nobody.sign(&claims("u", json!({}))), "malformed"),
        (Signer::secret(SECRET).sign(&json!({ "sub": "u" })), "claim"),
    ];
    for (token, reason) in tokens {
        let mut client = Client::connect(&server, "u").await;
        client.authenticate(&token).await.unwrap_err();
        let series = format!("readrealm_auth_refusals_total{{reason=\"{reason}\"}}");
        assert_numbers(&server.metrics().await, &[(&series, 1.0)]);
    }
    let (status, _) = server.get(&format!("/rooms/{BOOK}/messages")).await;
    assert_eq!(status, 401);
    let metrics = server.metrics().await;
    assert_numbers(&metrics, &[(r#"readrealm_auth_refusals_total{reason="missing"}"#, 1.0)]);
}

#[tokio::test]
async fn an_address_for_the_monitoring_has_them_alone() {
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let listen = port.to_string();
    let server = Server::start_with(&Store::memory(), &["--metrics-listen", &listen]).await;
    assert_eq!(server.get("/metrics").await.0, 404);
    assert_eq!(server.get("/readyz").await.0, 200);
    for path in ["/healthz", "/readyz", "/metrics"] {
        let (status, body) = within(path, e2e::server::get(port, path)).await.unwrap();
        assert_eq!(status, 200, "{path}: {body}");
    }
    assert_eq!(e2e::server::get(port, "/rooms/1/messages").await.unwrap().0, 404);

    let refused = Server::try_start(&Store::memory(), &["--metrics-listen", &listen])
        .await
        .expect_err("taken");
    assert!(refused.stderr.contains("--metrics-listen"), "{}", refused.stderr);
}

/// What `promtool check metrics` looks at, and that labels are few.
#[tokio::test]
async fn they_are_named_as_prometheus_expects() {
    let server = Server::start(&Store::memory()).await;
    let mut alice = Client::connect(&server, "a very particular reader").await;
    alice.join(BOOK).await;
    alice.post(BOOK, "words").await;
    let metrics = server.metrics().await;
    let text = &metrics.text;
    assert!(text.ends_with("# EOF\n"));
    let said = |what: &str| {
        let lines = text.lines().filter_map(|line| line.strip_prefix(&format!("# {what} ")));
        let pairs = lines.map(|line| line.split_once(' ').unwrap());
        let mut said = BTreeMap::new();
        for (name, value) in pairs {
            assert_eq!(said.insert(name, value), None, "{what} of {name} is there once");
        }
        said
    };
    let (help, types, units) = (said("HELP"), said("TYPE"), said("UNIT"));
    for (name, help) in &help {
        assert!(name.starts_with("readrealm_") || name.starts_with("process_"), "{name}");
        assert!(name.chars().all(|c| c.is_ascii_lowercase() || c == '_'), "{name}");
        assert!(
            help.len() > 5 && help.ends_with('.') && !help.ends_with(".."),
            "{name}: {help}"
        );
        assert!(types.contains_key(name), "{name} has a type");
    }
    for (name, unit) in &units {
        assert!(
            name.ends_with(&format!("_{unit}")) && ["seconds", "bytes"].contains(unit),
            "{name} in {unit}"
        );
    }
    let mut of_each: BTreeMap<&str, usize> = BTreeMap::new();
    for series in metrics.series() {
        let (sample, labels) = series.split_once('{').unwrap_or((series, "}"));
        let (family, kind) = types
            .iter()
            .find(|(family, kind)| {
                suffixes(kind)
                    .iter()
                    .any(|suffix| sample == format!("{family}{suffix}"))
            })
            .unwrap_or_else(|| panic!("{sample} belongs to nothing that has a type"));
        assert!(help.contains_key(family), "{family} has a help");
        assert!(!labels.contains("particular") && !labels.contains("28520"), "{series}");
        for label in ["le", "quantile", "job", "instance"] {
            assert!(
                *kind == "histogram" || !labels.contains(&format!("{label}=")),
                "{series}"
            );
        }
        *of_each.entry(family).or_default() += 1;
    }
    for (family, series) in of_each {
        assert!(series <= 20, "{family} has {series} series");
    }
}

fn suffixes(kind: &str) -> &'static [&'static str] {
    match kind {
        "counter" => &["_total"],
        "gauge" => &[""],
        "histogram" => &["_bucket", "_sum", "_count"],
        "info" => &["_info"],
        other => panic!("a type {other}"),
    }
}
