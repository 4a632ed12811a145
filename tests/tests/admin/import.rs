//! `log import`: whole or not at all, as often as one likes, and never over something else.

use std::process::Command;
use std::time::{Duration, Instant};

use e2e::command::{Ended, command, run, run_with_input};
use e2e::{Server, Store};
use serde_json::{Value, json};

use super::{export, file, post};

e2e::on_durable_stores!(
    doing_it_again_changes_nothing,
    a_room_that_differs_is_refused,
    what_was_cut_off_is_noticed
);

fn room(book: u64, posts: u64) -> Vec<Value> {
    (1..=posts)
        .map(|seq| post(book, seq, "alice", &format!("words {seq}")))
        .collect()
}

fn values(lines: &str) -> Vec<Value> {
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

async fn import(store: &Store, lines: &str) -> Ended {
    run_with_input(store, &["log", "import"], lines).await
}

async fn doing_it_again_changes_nothing(store: Store) {
    let events = [room(11, 5_000), room(12, 3)].concat();
    let lines = export(&events);
    let cut: String = lines.split_inclusive('\n').take(4_500).collect();
    let part = run_with_input(&store, &["log", "import", "--allow-cut"], &cut)
        .await
        .done();
    assert!(
        part.contains("keeps its own epoch") && part.contains("the export was cut off"),
        "{part}"
    );
    for _ in 0..2 {
        let whole = import(&store, &lines).await.done();
        assert!(whole.starts_with("imported 2 rooms, 5003 events\n"), "{whole}");
        assert!(whole.contains("taken over the epoch an-epoch"), "{whole}");
        let again = run(&store, &["log", "export"]).await.done();
        assert!(values(&again) == values(&lines), "the same, line for line");
    }
    run(&store, &["log", "verify"]).await.done();
}

async fn a_room_that_differs_is_refused(store: Store) {
    import(&store, &export(&[room(11, 5), room(12, 5)].concat()))
        .await
        .done();
    let before = run(&store, &["log", "export"]).await.done();
    let mut words = room(12, 6);
    words[2]["data"]["content"] = json!("other words");
    let why = import(&store, &export(&words)).await.refused();
    assert!(why.contains("room 12 differs from the export at position 3"), "{why}");
    let mut id = room(12, 6);
    id[3]["_id"] = json!("12/post/other/alice");
    id[3]["data"]["clientMessageId"] = json!("other");
    let why = import(&store, &export(&id)).await.refused();
    assert!(
        why.contains("room 12 differs from the export at position 4: another event stands there"),
        "{why}"
    );
    assert_eq!(run(&store, &["log", "export"]).await.done(), before);

    // Rooms are appended together: what is said of the others is that they may be there.
    let why = import(&store, &export(&[words, room(13, 1)].concat())).await.refused();
    assert!(why.contains("of the rooms after it some may have been"), "{why}");
    run(&store, &["log", "verify"]).await.done();
}

async fn what_was_cut_off_is_noticed(store: Store) {
    let lines = export(&room(11, 3));
    let at_line = lines.rfind("{\"end\"").unwrap();
    for cut in [&lines[..at_line], &lines[..at_line - 20]] {
        let why = import(&store, cut).await.refused();
        assert!(why.contains("cut off"), "{why}");
        run_with_input(&store, &["log", "import", "--allow-cut"], cut)
            .await
            .done();
    }
    let miscounted = lines.replace("\"events\":3", "\"events\":4");
    let why = import(&store, &miscounted).await.refused();
    assert!(
        why.contains("line 5 counts 4 events in 1 room, and 3 events in 1 room were read"),
        "{why}"
    );
}

#[tokio::test]
async fn what_is_no_export_is_refused_before_anything_is_made() {
    let (first, swapped) = (room(11, 2), vec![post(11, 2, "a", "x"), post(11, 1, "a", "x")]);
    let newer = export(&first).replace("\"readrealmExport\":1", "\"readrealmExport\":2");
    let newer_events = export(&first).replace("\"format\":1", "\"format\":99");
    let mut unknown = room(11, 2);
    unknown[1]["mood"] = json!({ "merry": true });
    let mut extra = room(11, 2);
    extra[1]["data"]["mood"] = json!("merry");
    let cases = [
        (String::new(), "line 1 is not the first of an export"),
        ("{}\n".to_owned(), "line 1 is none of an export"),
        (newer, "line 1 is of a newer export"),
        (
            newer_events,
            "the event log has format 99, this server knows 1 and older",
        ),
        (export(&unknown), "line 3 is none of an export that this server knows"),
        (
            export(&first) + &export(&room(12, 1)),
            "line 4 ends the export, and the file goes on after it",
        ),
        (
            export(&swapped),
            "line 2 has position 2 of room 11 where it does not follow",
        ),
        (
            export(&[room(12, 1), room(11, 1)].concat()),
            "line 3 has position 1 of room 11 where it does not follow",
        ),
        (export(&extra), "line 3 holds what this server would not store again"),
        (
            export(&[first, vec![json!({ "seq": 3 })]].concat()),
            "line 4 is none of an export",
        ),
    ];
    for (lines, expected) in cases {
        let why = import(&Store::sqlite(), &lines).await.refused();
        assert!(why.contains(expected), "{expected}: {why}");
    }
    let why = run(&Store::sqlite(), &["log", "import", "/nowhere/at/all"])
        .await
        .refused();
    assert!(why.contains("/nowhere/at/all: No such file"), "{why}");
}

/// As on a full disk: the log cannot be written any more in this process, and nobody waits for it.
#[tokio::test]
async fn a_log_that_is_full_is_given_up_at_once() {
    let store = Store::sqlite();
    let events: Vec<_> = (1..=4_000)
        .map(|seq| post(11, seq, "alice", &"words".repeat(200)))
        .collect();
    let lines = file(&store).with_file_name("log.jsonl");
    std::fs::write(&lines, export(&events)).unwrap();
    let import = command(&store, &["log", "import", lines.to_str().unwrap()]);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\""])
        .arg(import.get_program())
        .args(import.get_args());
    let started = Instant::now();
    let ended = limited.output().unwrap();
    let why = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(1), "{why}");
    let last = why.lines().last().unwrap();
    assert!(
        last.starts_with("readrealm-server: a commit to the log failed: "),
        "its reason is told: {why}"
    );
    assert!(started.elapsed() < Duration::from_secs(40), "{:?}", started.elapsed());
    run(&store, &["log", "import", lines.to_str().unwrap()]).await.done();
    let verified = run(&store, &["log", "verify"]).await.done();
    assert_eq!(verified, "1 room, 4000 events, 0 findings\n");
}

/// A log that has other rooms too, or more, is not the exported one: its positions mean something else.
#[tokio::test]
async fn the_epoch_is_taken_over_only_by_the_same_log() {
    let lines = export(&room(11, 3));
    let keeps = |printed: &str, why: &str| {
        assert!(
            printed.contains("keeps its own epoch") && printed.contains(why),
            "{why}: {printed}"
        );
    };
    let store = Store::sqlite();
    import(&store, &export(&room(12, 1))).await.done();
    keeps(
        &import(&store, &lines).await.done(),
        "the log holds more than the export",
    );

    let store = Store::sqlite();
    import(&store, &export(&room(11, 4))).await.done();
    keeps(
        &import(&store, &lines).await.done(),
        "the log holds more than the export",
    );

    let partial = lines.replace("\"allRooms\":true", "\"allRooms\":false");
    keeps(
        &import(&Store::sqlite(), &partial).await.done(),
        "does not hold every room",
    );
    let moved = lines.replace("\"whole\":true", "\"whole\":false");
    keeps(
        &import(&Store::sqlite(), &moved).await.done(),
        "events were appended while the export was made",
    );
    let own = run_with_input(&Store::sqlite(), &["log", "import", "--own-epoch"], &lines).await;
    keeps(&own.done(), "--own-epoch was given");

    let store = Store::mongodb().await;
    let _server = Server::start(&store).await;
    keeps(&import(&store, &lines).await.done(), "live readrealm-server(s) follow");
}
