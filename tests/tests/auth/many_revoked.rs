//! As many revocations as an import of bans makes: a node that starts and one that runs hear of all of them, and of what
//! comes after them in time.

use std::time::{Duration, Instant};

use ::mongodb::bson::{DateTime, Document, doc};
use e2e::command::run;
use e2e::token::{in_seconds, token};
use e2e::{PATIENCE, Server, Store, on_durable_stores, within};
use serde_json::json;

use crate::BOOK;
use crate::http::{ask, path};

/// Some pages of what a node reads at once.
const MANY: usize = 20_000;

/// From the answer on, as is promised.
const PROMISE: Duration = Duration::from_secs(2);

async fn start(store: &Store) -> Server {
    Server::start_with_secret(store, &["--user-reads-per-second", "0"]).await
}

/// Bans a user of each number of `from..from + MANY`, all at once, as no command does it.
async fn ban_many(store: &Store, from: usize) {
    let users = from..from + MANY;
    if let Some(file) = store.url().strip_prefix("sqlite:") {
        let mut file = rusqlite::Connection::open(file).unwrap();
        file.busy_timeout(Duration::from_secs(5)).unwrap();
        let tx = file.transaction().unwrap();
        let insert = "INSERT INTO revocations (subject, at, until, change) VALUES (?, ?, ?, \
                      (SELECT coalesce(max(change), 0) + 1 FROM revocations))";
        for user in users {
            let (at, until) = (in_seconds(-1) * 1_000, in_seconds(86_400) * 1_000);
            tx.execute(insert, rusqlite::params![format!("ban/u{user}"), at, until])
                .unwrap();
        }
        return tx.commit().unwrap();
    }
    let client = ::mongodb::Client::with_uri_str(store.url()).await.unwrap();
    let revocations = client.default_database().unwrap().collection::<Document>("revocations");
    let (at, until) = (DateTime::now(), DateTime::from_millis(in_seconds(86_400) * 1_000));
    // Many have the same time: what is between pages goes by their names.
    let bans = users.map(|user| doc! { "_id": format!("ban/u{user}"), "at": at, "until": until, "changed": at });
    revocations.insert_many(bans).await.unwrap();
}

async fn is_revoked(server: &Server, user: &str) -> bool {
    let bearer = format!("Bearer {}", token(user, json!({ "iat": in_seconds(-60) })));
    let (status, _, body) = ask(server, "GET", &path(BOOK), &[("authorization", &bearer)]).await;
    assert!(matches!(status, 200 | 401), "{status} {body}");
    status == 401
}

async fn a_node_starts_with_many_and_hears_of_as_many_more_as_it_runs(store: Store) {
    // The first makes the store.
    drop(start(&store).await);
    ban_many(&store, 0).await;
    let server = start(&store).await;
    let mut banned = MANY;
    for is_running in [false, true] {
        if is_running {
            ban_many(&store, banned).await;
            banned += MANY;
        }
        let caught_up = async {
            while server
                .process()
                .stderr()
                .matches("caught up with what is revoked")
                .count()
                < 1 + usize::from(is_running)
            {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        within("the node to catch up", caught_up).await;
        for user in [banned - MANY, banned - MANY / 2, banned - 1] {
            assert!(is_revoked(&server, &format!("u{user}")).await, "{user}");
        }
        // Whoever is revoked after them is out in time.
        let dave = format!("dave {banned}");
        assert!(!is_revoked(&server, &dave).await);
        run(&store, &["revoke", "--user", &dave]).await.done();
        let since = Instant::now();
        while !is_revoked(&server, &dave).await {
            assert!(since.elapsed() < PROMISE, "it is not heard");
        }
    }
}

on_durable_stores!(a_node_starts_with_many_and_hears_of_as_many_more_as_it_runs);

#[tokio::test]
async fn a_node_that_does_not_hear_what_is_revoked_is_not_ready() {
    let store = Store::sqlite();
    let server = start(&store).await;
    let file = rusqlite::Connection::open(store.url().trim_start_matches("sqlite:")).unwrap();
    file.busy_timeout(Duration::from_secs(5)).unwrap();
    let rename = |from: &str, to: &str| file.execute(&format!("ALTER TABLE {from} RENAME TO {to}"), []).unwrap();
    let becomes = async |status: u16, say: &str| {
        let answer = async {
            loop {
                let (now, _, _) = ask(&server, "GET", "/readyz", &[]).await;
                if now == status {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(2 * PATIENCE, answer).await.expect(say);
    };
    becomes(200, "it to be ready").await;
    let since = Instant::now();
    rename("revocations", "away");
    becomes(503, "it to be not ready").await;
    assert!(since.elapsed() > Duration::from_secs(29), "a hiccup is none");
    // It goes on with what it knows.
    assert!(!is_revoked(&server, "ann").await);
    rename("away", "revocations");
    becomes(200, "it to be ready again").await;
}
