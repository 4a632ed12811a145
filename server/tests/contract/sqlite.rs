//! What only SQLite promises: one server per file, and no event lost or doubled when it is killed.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use readrealm_server::log::open::{OpenError, StoreUrl, open};
use readrealm_server::log::sqlite::SqliteLog;
use readrealm_server::log::{AppendOutcome, EventLog, PageQuery, ReadError, Stop};
use rusqlite::Connection;
use tempfile::TempDir;

use super::append::forward;
use crate::support::events::{append, book, edit, post_by, posts, seq};

/// Names the file to a test that runs as a process of its own.
const CHILD_FILE: &str = "READREALM_TEST_CHILD_FILE";

async fn fresh() -> (TempDir, SqliteLog) {
    let folder = TempDir::new().expect("a folder");
    let log = SqliteLog::open(&folder.path().join("log.db")).await.expect("a log");
    (folder, log)
}

fn beside(folder: &TempDir) -> Connection {
    Connection::open(folder.path().join("log.db")).expect("the file")
}

async fn refusal(folder: &TempDir) -> OpenError {
    SqliteLog::open(&folder.path().join("log.db"))
        .await
        .expect_err("a refusal")
}

#[tokio::test]
async fn a_second_server_is_refused() {
    let (folder, log) = fresh().await;
    let refused = refusal(&folder).await;
    assert!(matches!(refused, OpenError::InUse(_)), "{refused}");
    assert!(
        refused
            .to_string()
            .ends_with("log.db is in use by another readrealm-server; stop that one first")
    );
    log.close().await;
    SqliteLog::open(&folder.path().join("log.db"))
        .await
        .expect("free again");
}

/// As the file was before rows stood in the order they came.
const FORMER_LAYOUT: &str = "
    CREATE TABLE former (
        book INTEGER NOT NULL, seq INTEGER NOT NULL, place INTEGER NOT NULL, id TEXT NOT NULL, type TEXT NOT NULL, v INTEGER NOT NULL,
        at INTEGER NOT NULL, by TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (book, seq)
    ) STRICT, WITHOUT ROWID;
    INSERT INTO former SELECT book, seq, place, id, type, v, at, by, data FROM events;
    DROP TABLE events;
    ALTER TABLE former RENAME TO events;
    CREATE UNIQUE INDEX events_by_id ON events (id);
    CREATE INDEX events_by_place ON events (book, place, seq);";

#[tokio::test]
async fn a_position_past_the_next_is_taken_by_no_row() {
    let (_folder, log) = fresh().await;
    let first = log.append(vec![append(book(7), posts(book(7), 2, 2))]).await;
    assert_eq!(
        first,
        [AppendOutcome::stopped(0, Stop::Conflict)],
        "an empty room begins with 1"
    );
    // Another room's rows are no predecessors.
    let other = log.append(vec![append(book(8), posts(book(8), 1, 5))]).await;
    assert_eq!(other, [AppendOutcome::all(5)]);
    let written = log.append(vec![append(book(7), posts(book(7), 1, 3))]).await;
    assert_eq!(written, [AppendOutcome::all(3)]);
    let past = log.append(vec![append(book(7), posts(book(7), 5, 5))]).await;
    assert_eq!(past, [AppendOutcome::stopped(0, Stop::Conflict)]);
    let mut gap = posts(book(7), 4, 6);
    gap.remove(1);
    let torn = log.append(vec![append(book(7), gap)]).await;
    assert_eq!(torn, [AppendOutcome::stopped(1, Stop::Conflict)], "up to the gap");
    let again = log.append(vec![append(book(7), posts(book(7), 5, 6))]).await;
    assert_eq!(again, [AppendOutcome::all(2)]);
    log.close().await;
}

#[tokio::test]
async fn a_file_of_the_former_layout_is_served_as_it_is() {
    let (folder, log) = fresh().await;
    let written = log.append(vec![append(book(7), posts(book(7), 1, 60))]).await;
    assert_eq!(written, [AppendOutcome::all(60)]);
    log.close().await;
    beside(&folder).execute_batch(FORMER_LAYOUT).expect("the former layout");
    let log = SqliteLog::open(&folder.path().join("log.db")).await.expect("the log");
    let changes = [edit(book(7), 61, 60, "other words"), edit(book(7), 62, 3, "old words")];
    let outcome = log.append(vec![append(book(7), changes.clone())]).await;
    assert_eq!(outcome, [AppendOutcome::all(2)]);
    let past = log.append(vec![append(book(7), posts(book(7), 64, 64))]).await;
    assert_eq!(past, [AppendOutcome::stopped(0, Stop::Conflict)]);
    let query = PageQuery {
        before: None,
        at: None,
        limit: 50,
    };
    let page = log.read_page(book(7), query).await.expect("a page");
    assert_eq!((page.messages.len(), page.has_more), (50, true));
    assert_eq!(page.messages[0].content.as_str(), "other words");
    let latest = log.read_latest(book(7), &[seq(3), seq(4)]).await.expect("the latest");
    assert_eq!(latest, [changes[1].clone(), posts(book(7), 4, 4)[0].clone()]);
    log.close().await;
}

#[tokio::test]
async fn it_is_ready_while_it_can_be_written_and_no_longer() {
    let (folder, log) = fresh().await;
    log.ready().await.expect("it can be written");
    let other = beside(&folder);
    let written = |connection: &Connection| {
        let row = "SELECT value FROM meta WHERE key = 'written'";
        connection
            .query_row(row, [], |row| row.get::<_, i64>(0))
            .expect("what was written")
    };
    let before = written(&other);
    other.execute_batch("BEGIN IMMEDIATE").expect("the file for itself");
    let refused = log.ready().await.expect_err("nothing can be written");
    assert!(
        refused.to_string().contains("nothing was written within 2s"),
        "{refused}"
    );
    other.execute_batch("ROLLBACK").expect("the end of that");
    // What it could not do is no harm: it is ready again, and writes.
    while log.ready().await.is_err() {}
    assert!(written(&other) > before);
    let post = posts(book(7), 1, 1);
    assert_eq!(log.append(vec![append(book(7), post)]).await[0], AppendOutcome::all(1));
    log.close().await;
    assert!(log.ready().await.is_err());
}

#[tokio::test]
async fn a_file_it_cannot_vouch_for_is_refused() {
    let (folder, log) = fresh().await;
    log.close().await;
    beside(&folder)
        .execute_batch("UPDATE meta SET value = 7 WHERE key = 'format'")
        .expect("a change");
    assert_eq!(refusal(&folder).await, OpenError::NewerFormat { found: 7, known: 1 });

    let folder = TempDir::new().expect("a folder");
    beside(&folder)
        .execute_batch("CREATE TABLE invoices (id INTEGER)")
        .expect("a table");
    let refused = refusal(&folder).await;
    assert!(
        refused
            .to_string()
            .ends_with("log.db is the database of another program"),
        "{refused}"
    );

    let (folder, log) = fresh().await;
    log.close().await;
    let plant = "DROP INDEX events_by_id; CREATE INDEX events_by_id ON events (id)";
    beside(&folder).execute_batch(plant).expect("a planted index");
    let missing = "table events has no unique index on (id)";
    assert_eq!(refusal(&folder).await, OpenError::Unsound(missing.to_owned()));

    let nowhere = "sqlite:/nowhere/at/all/log.db".parse::<StoreUrl>().expect("a URL");
    assert!(matches!(open(&nowhere).await, Err(OpenError::Failed(_))));
}

/// A trigger makes the commit fail, and only the commit, for what `bad` posts.
#[tokio::test]
async fn a_failed_commit_poisons_the_log() {
    let (folder, log) = fresh().await;
    let plant = "
        CREATE TABLE plants (key TEXT REFERENCES meta (key) DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER plant AFTER INSERT ON events WHEN new.by = 'bad' BEGIN
            INSERT INTO plants VALUES ('none');
        END";
    beside(&folder).execute_batch(plant).expect("a planted trigger");
    let append_by = |at: u64, by: &str| log.append(vec![append(book(1), [post_by(book(1), at, "words", by)])]);
    assert_eq!(append_by(1, "ann").await, [AppendOutcome::all(1)]);
    let calm = tokio::time::timeout(Duration::from_millis(20), log.poisoned()).await;
    assert!(calm.is_err(), "poisoned before its time");
    let unknown = [AppendOutcome::stopped(0, Stop::Unknown)];
    assert_eq!(append_by(2, "bad").await, unknown);
    assert_eq!(append_by(2, "ann").await, unknown, "nothing is written any more");
    assert!(log.poisoned().await.starts_with("a commit to the log failed"));
    assert!(matches!(log.ready().await, Err(ReadError::Unavailable(_))));
    assert_eq!(
        forward(&log, 1).await,
        [post_by(book(1), 1, "words", "ann")],
        "what is written can be read"
    );
}

#[tokio::test]
async fn what_was_acked_survives_a_kill() {
    let folder = TempDir::new().expect("a folder");
    let path = folder.path().join("log.db");
    let mut acked = 0;
    for _ in 0..5 {
        let mut child = Command::new(env::current_exe().expect("this program"));
        child.args([
            "--exact",
            "contract::sqlite::appends_until_killed",
            "--ignored",
            "--nocapture",
        ]);
        let mut child = child
            .env(CHILD_FILE, &path)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a child");
        let lines = BufReader::new(child.stdout.take().expect("its output"))
            .lines()
            .map_while(Result::ok);
        for line in lines {
            if let Some(seq) = line.strip_prefix("acked ") {
                let seq: u64 = seq.parse().expect("a position");
                acked = acked.max(seq);
                if seq.is_multiple_of(40) {
                    child.kill().expect("a kill");
                }
            }
        }
        child.wait().expect("its end");
        let log = SqliteLog::open(&path).await.expect("the log again");
        let events = forward(&log, 1).await;
        assert!(events.len() as u64 >= acked, "{acked} acked, {} there", events.len());
        assert_eq!(events, posts(book(1), 1, events.len() as u64));
        log.close().await;
    }
    assert!(acked >= 200);
}

#[tokio::test]
#[ignore = "run by what_was_acked_survives_a_kill, as a process to be killed"]
async fn appends_until_killed() {
    let Some(path) = env::var_os(CHILD_FILE) else { return };
    let log = SqliteLog::open(Path::new(&path)).await.expect("a log");
    let mut next = log.head(book(1)).await.expect("a head").seq.next().get();
    loop {
        let outcome = log.append(vec![append(book(1), posts(book(1), next, next + 3))]).await;
        assert_eq!(outcome, [AppendOutcome::all(4)]);
        next += 4;
        println!("acked {}", next - 1);
    }
}
