//! What only MongoDB has: indexes others may have made, a lease, outcomes that are not known, and query plans.

use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use mongodb::bson::{DateTime, Document, doc};
use mongodb::{Client, Database, IndexModel};
use readrealm_server::log::mongo::MongoLog;
use readrealm_server::log::open::OpenError;
use readrealm_server::log::{AppendOutcome, EventLog, PageQuery, ReadError, Stop};
use tokio::sync::Mutex;

use super::append::forward;
use crate::support::events::{ALL, append, book, edit, posts, seq};
use crate::support::mongod::{self, Own};

/// A server has one fail point for commands, and the tests that set it take turns.
static FAIL_POINT: Mutex<()> = Mutex::const_new(());

async fn database(url: &str) -> Database {
    let client = Client::with_uri_str(url).await.expect("a client");
    client.default_database().expect("the URL names one")
}

#[tokio::test]
async fn an_index_that_is_not_unique_is_refused() {
    let url = mongod::replica_set();
    let planted = IndexModel::builder().keys(doc! { "bookId": 1, "seq": 1 }).build();
    let database = database(&url).await;
    database
        .collection::<Document>("events")
        .create_index(planted)
        .await
        .expect("an index");
    let refused = MongoLog::open(&url).await.expect_err("a refusal");
    let missing = format!(
        "collection {}.events has no unique index on (bookId, seq)",
        database.name()
    );
    assert_eq!(refused, OpenError::Unsound(missing));
}

#[tokio::test]
async fn indexes_made_by_hand_serve() {
    let url = mongod::replica_set();
    let events = database(&url).await;
    let index = doc! { "key": { "bookId": 1.0, "seq": 1.0 }, "name": "by hand", "unique": true };
    events
        .run_command(doc! { "createIndexes": "events", "indexes": [index] })
        .await
        .expect("an index");
    MongoLog::open(&url).await.expect("a log");
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let url = mongod::replica_set();
    MongoLog::open(&url).await.expect("a log").close().await;
    let meta = database(&url).await.collection::<Document>("meta");
    meta.update_one(doc! { "_id": "log" }, doc! { "$set": { "format": 2 } })
        .await
        .expect("a change");
    assert_eq!(
        MongoLog::open(&url).await.expect_err("a refusal"),
        OpenError::NewerFormat { found: 2, known: 1 }
    );
}

#[tokio::test]
async fn nodes_that_start_at_once_share_an_epoch() {
    let url = mongod::replica_set();
    let nodes = futures_util::future::join_all((0..8).map(|_| MongoLog::open(&url))).await;
    let nodes: Vec<_> = nodes.into_iter().map(|node| node.expect("a log")).collect();
    assert!(nodes.iter().all(|node| node.epoch() == nodes[0].epoch()));
}

#[tokio::test]
async fn a_standalone_server_serves_one_node() {
    let url = mongod::standalone();
    let first = MongoLog::open(&url).await.expect("a log");
    let refused = MongoLog::open(&url).await.expect_err("a refusal");
    assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
    first.close().await;
    let start = Instant::now();
    let second = MongoLog::open(&url).await.expect("free again");
    assert!(start.elapsed() < Duration::from_secs(2), "released, not waited for");
    assert_eq!(first.epoch(), second.epoch());
}

#[tokio::test]
async fn the_lease_of_a_dead_node_is_taken_over() {
    let url = mongod::standalone();
    let meta = database(&url).await.collection::<Document>("meta");
    let soon = DateTime::from_millis(DateTime::now().timestamp_millis() + 2_000);
    meta.insert_one(doc! { "_id": "lease", "holder": "dead", "expiresAt": soon })
        .await
        .expect("a lease");
    let start = Instant::now();
    let log = MongoLog::open(&url).await.expect("a log");
    assert!((1..10).contains(&start.elapsed().as_secs()), "{:?}", start.elapsed());
    // And one that loses it knows.
    meta.update_one(doc! { "_id": "lease" }, doc! { "$set": { "holder": "another" } })
        .await
        .expect("a theft");
    let why = tokio::time::timeout(Duration::from_secs(15), log.poisoned())
        .await
        .expect("soon");
    assert_eq!(why, "another server has taken the event log over");
    assert!(matches!(log.ready().await, Err(ReadError::Unavailable(_))));
}

/// Makes commands of one client fail, as `how` says.
async fn fail(database: &Database, mode: Document, mut how: Document) {
    how.insert("appName", database.name());
    let point = doc! { "configureFailPoint": "failCommand", "mode": mode, "data": how };
    database
        .client()
        .database("admin")
        .run_command(point)
        .await
        .expect("a fail point");
}

async fn stop_failing(database: &Database) {
    let point = doc! { "configureFailPoint": "failCommand", "mode": "off" };
    database
        .client()
        .database("admin")
        .run_command(point)
        .await
        .expect("no fail point");
}

#[tokio::test]
async fn an_outcome_not_heard_is_found_out() {
    let _turn = FAIL_POINT.lock().await;
    let url = mongod::replica_set();
    let database = database(&url).await;
    let log = MongoLog::open(&format!("{url}&appName={}", database.name()))
        .await
        .expect("a log");
    let mut at = 1;
    for (times, how) in [
        // Written, and not known to have a majority.
        (
            1,
            doc! { "failCommands": ["insert"], "writeConcernError": { "code": 64, "errmsg": "timed out" } },
        ),
        // Neither written nor answered, and the driver's own retry neither.
        (3, doc! { "failCommands": ["insert"], "closeConnection": true }),
        (3, doc! { "failCommands": ["insert"], "errorCode": 10107 }),
        // The look-up fails, too.
        (6, doc! { "failCommands": ["insert", "find"], "closeConnection": true }),
    ] {
        fail(&database, doc! { "times": times }, how).await;
        let batch = vec![
            append(book(1), posts(book(1), at, at + 2)),
            append(book(2), posts(book(2), at, at + 2)),
        ];
        assert_eq!(log.append(batch).await, [AppendOutcome::all(3), AppendOutcome::all(3)]);
        stop_failing(&database).await;
        at += 3;
        assert_eq!(forward(&log, 1).await, posts(book(1), 1, at - 1));
        assert_eq!(forward(&log, 2).await, posts(book(2), 1, at - 1));
    }
}

#[tokio::test]
async fn an_outcome_that_cannot_be_found_out_is_unknown() {
    let _turn = FAIL_POINT.lock().await;
    let url = mongod::replica_set();
    let database = database(&url).await;
    let log = MongoLog::open(&format!("{url}&appName={}", database.name()))
        .await
        .expect("a log");
    let batch = || vec![append(book(1), posts(book(1), 1, 3))];
    let how = doc! { "failCommands": ["insert", "find"], "closeConnection": true };
    fail(&database, doc! { "times": 1_000 }, how).await;
    let start = Instant::now();
    assert_eq!(log.append(batch()).await, [AppendOutcome::stopped(0, Stop::Unknown)]);
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    stop_failing(&database).await;
    assert_eq!(
        log.append(batch()).await,
        [AppendOutcome::all(3)],
        "so it is appended again"
    );
}

#[tokio::test]
async fn a_store_out_of_reach_is_unavailable() {
    let server = Own::start();
    let log = MongoLog::open(&format!("{}&serverSelectionTimeoutMS=300", server.url()))
        .await
        .expect("a log");
    assert_eq!(
        log.append(vec![append(book(1), posts(book(1), 1, 1))]).await,
        [AppendOutcome::all(1)]
    );
    drop(server);
    while log.head(book(1)).await.is_ok() {}
    let outcome = log.append(vec![append(book(1), posts(book(1), 2, 2))]).await;
    assert_eq!(outcome, [AppendOutcome::stopped(0, Stop::Unavailable)]);
    assert!(matches!(
        log.read_forward(book(1), seq(0), ALL).await,
        Err(ReadError::Unavailable(_))
    ));
    assert!(log.ready().await.is_err());
}

/// The server's own record of what each read looked at.
#[tokio::test]
async fn no_read_looks_at_more_than_it_needs() {
    let url = mongod::replica_set();
    let database = database(&url).await;
    let log = MongoLog::open(&url).await.expect("a log");
    let mut events = posts(book(1), 1, 2_000);
    events.extend((2_001..=2_020).map(|at| edit(book(1), at, 1_000, "edited")));
    log.append(vec![append(book(1), events)]).await;
    database.run_command(doc! { "profile": 2 }).await.expect("a profile");
    log.head(book(1)).await.expect("a head");
    log.read_forward(
        book(1),
        seq(1_500),
        readrealm_server::log::ReadLimit { events: 100, ..ALL },
    )
    .await
    .expect("events");
    let query = PageQuery {
        before: None,
        at: Some(seq(2_020)),
        limit: 50,
    };
    log.read_page(book(1), query).await.expect("a page");
    log.read_page(
        book(1),
        PageQuery {
            before: Some(seq(1_003)),
            ..query
        },
    )
    .await
    .expect("a page");
    log.read_page(
        book(1),
        PageQuery {
            at: Some(seq(60)),
            ..query
        },
    )
    .await
    .expect("a page");
    log.read_latest(book(1), &[seq(7), seq(1_000)]).await.expect("events");
    database.run_command(doc! { "profile": 0 }).await.expect("no profile");
    let profile = database.collection::<Document>("system.profile");
    let reads = profile
        .find(doc! { "ns": format!("{}.events", database.name()) })
        .sort(doc! { "ts": 1 });
    let reads: Vec<Document> = reads.await.expect("a profile").try_collect().await.expect("reads");
    let plans = reads.iter().map(|read| {
        let count = |name| read.get_i32(name).map_or(-1, i64::from);
        (
            read.get_str("planSummary").expect("a plan"),
            count("docsExamined"),
            count("nreturned"),
        )
    });
    let plans: Vec<_> = plans.collect();
    let by_seq = "IXSCAN { bookId: 1, seq: 1 }";
    let by_place = "IXSCAN { bookId: 1, place: 1, seq: 1 }";
    assert_eq!(
        plans,
        [
            (by_seq, 1, 1),
            (by_seq, 100, 100),
            (by_place, 63, 63),
            // Twenty edits among them: on it reads.
            (by_place, 63, 63),
            (by_place, 126, 126),
            (by_place, 60, 60),
            ("DISTINCT_SCAN { bookId: 1, place: 1, seq: 1 }", 2, 2),
        ]
    );
}
