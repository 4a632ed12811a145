//! `log export`: its format is fixed, it is a faithful copy, and it harms no live server.

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::SystemTime;

use e2e::client::Client;
use e2e::command::{command, run, run_with_input};
use e2e::{Server, Store};
use serde_json::{Value, json};

use super::{conversation, export, file, post};

const GOLDEN: &str = include_str!("golden/export.jsonl");

e2e::on_durable_stores!(
    the_format_is_fixed,
    events_of_newer_servers_come_through,
    words_of_deleted_messages_can_be_left_out,
    what_a_newer_server_does_to_a_deleted_message_shows_nothing_of_it
);

async fn the_format_is_fixed(store: Store) {
    run_with_input(&store, &["log", "import"], GOLDEN).await.done();
    assert_eq!(run(&store, &["log", "export"]).await.done(), GOLDEN);
    let room = run(
        &store,
        &["log", "export", "--book", "84", "--book", "7", "--book", "84"],
    )
    .await
    .done();
    let lines: Vec<_> = room.lines().collect();
    let golden: Vec<_> = GOLDEN.lines().collect();
    assert!(lines[0].contains(r#""allRooms":false"#), "{room}");
    assert_eq!(lines[1..lines.len() - 1], golden[golden.len() - 2..golden.len() - 1]);
    assert_eq!(
        lines[lines.len() - 1],
        r#"{"end":{"rooms":1,"events":1,"whole":false}}"#
    );
}

/// What only a newer server knows stays as it is, whatever it holds.
async fn events_of_newer_servers_come_through(store: Store) {
    let mut pinned = post(11, 2, "alice", "words");
    pinned["type"] = json!("MessagePinned");
    pinned["v"] = json!(3);
    pinned["data"] =
        json!({ "z": [1, -2.5, null, true, 9_007_199_254_740_991_i64], "a": { "$date": "no date", "é": "\u{0}" } });
    let mut newer = post(11, 3, "alice", "words");
    newer["v"] = json!(2);
    newer["data"] = json!({ "blocks": [{ "text": "words" }] });
    let events = [post(11, 1, "alice", "words"), pinned, newer];
    run_with_input(&store, &["log", "import"], &export(&events))
        .await
        .done();
    let again = run(&store, &["log", "export"]).await.done();
    let lines: Vec<Value> = again.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[1..4], events);
}

async fn words_of_deleted_messages_can_be_left_out(store: Store) {
    let server = Server::start(&store).await;
    conversation(&server).await;
    let whole = run(&store, &["log", "export"]).await.done();
    assert_eq!(
        whole.matches("a secret slipped out").count(),
        2,
        "a copy is faithful: {whole}"
    );
    let bare = run(&store, &["log", "export", "--without-deleted-words"]).await.done();
    assert_eq!(bare.matches("secret").count(), 0, "{bare}");
    assert_eq!(bare.matches("[redacted]").count(), 2);
    assert_eq!(bare.lines().count(), whole.lines().count());
    assert!(bare.contains("Down the rabit hole"), "what is not deleted stays whole");

    let into = Store::sqlite();
    run_with_input(&into, &["log", "import"], &bare).await.done();
    run(&into, &["log", "verify"]).await.done();
    let page = run(&into, &["log", "history", "11", "--json"]).await.done();
    assert_eq!(page, run(&store, &["log", "history", "11", "--json"]).await.done());
}

/// The newest event of the message is of an unknown type, and it is deleted all the same.
async fn what_a_newer_server_does_to_a_deleted_message_shows_nothing_of_it(store: Store) {
    let mut events = [1, 2, 3].map(|seq| post(11, seq, "alice", "a secret"));
    for (event, kind) in events[1..].iter_mut().zip(["MessageDeleted", "MessagePinned"]) {
        (event["type"], event["place"], event["data"]) = (json!(kind), json!(1), json!({}));
    }
    run_with_input(&store, &["log", "import"], &export(&events))
        .await
        .done();
    let lines = run(&store, &["log", "export", "--without-deleted-words"]).await.done();
    assert!(!lines.contains("secret") && lines.contains("[redacted]"), "{lines}");
    for at in ["1", "2", "3"] {
        let room = run(&store, &["log", "history", "11", "--at", at]).await.done();
        assert!(!room.contains("secret"), "{room}");
    }
    let would = run(&store, &["log", "redact", "--message", "11-1"]).await.done();
    assert_eq!(
        would,
        "1 message would be redacted, 0 of them deleted first; --yes does it\n"
    );
}

#[tokio::test]
async fn a_file_has_its_name_when_it_is_whole() {
    let store = Store::sqlite();
    run_with_input(&store, &["log", "import"], GOLDEN).await.done();
    let out = file(&store).with_file_name("log.jsonl");
    let out = out.to_str().unwrap();
    let ended = run(&store, &["log", "export", "--out", out]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (0, ""));
    assert_eq!(fs::read_to_string(out).unwrap(), GOLDEN);
    assert!(!fs::exists(format!("{out}.part")).unwrap());
}

/// A device or a pipe is no name to be taken; a link is followed; a folder, and what another command writes, is refused.
#[tokio::test]
async fn what_is_no_file_is_written_into_and_not_replaced() {
    let store = Store::sqlite();
    run_with_input(&store, &["log", "import"], GOLDEN).await.done();
    let at = |name: &str| file(&store).with_file_name(name);
    let out = async |path: &PathBuf| run(&store, &["log", "export", "--out", path.to_str().unwrap()]).await;

    let pipe = at("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reading = {
        let pipe = pipe.clone();
        std::thread::spawn(move || fs::read_to_string(pipe).unwrap())
    };
    out(&pipe).await.done();
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo(), "it was replaced");
    assert_eq!(reading.join().unwrap(), GOLDEN);

    let (link, aim) = (at("link"), at("aim.jsonl"));
    symlink(&aim, &link).unwrap();
    assert!(out(&link).await.refused().contains("leads nowhere"));
    fs::write(&aim, "old").unwrap();
    out(&link).await.done();
    assert!(link.is_symlink());
    assert_eq!(fs::read_to_string(&aim).unwrap(), GOLDEN);

    let folder = at("folder");
    fs::create_dir(&folder).unwrap();
    assert!(out(&folder).await.refused().contains("is a directory"));
    assert!(!at("folder.part").exists());

    let part = fs::File::create(at("busy.part")).unwrap();
    part.lock().unwrap();
    assert!(out(&at("busy")).await.refused().contains("another command writes"));
}

/// All files of the store: name, content, time of the last change.
fn folder(store: &Store) -> Vec<(String, Vec<u8>, SystemTime)> {
    let entries = file(store).parent().unwrap().read_dir().unwrap();
    let mut all: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            let changed = path.metadata().unwrap().modified().unwrap();
            (path.display().to_string(), fs::read(&path).unwrap(), changed)
        })
        .collect();
    all.sort();
    all
}

#[tokio::test]
async fn looking_at_a_file_at_rest_writes_nothing() {
    let store = Store::sqlite();
    run_with_input(&store, &["log", "import"], GOLDEN).await.done();
    let before = folder(&store);
    for command in [&["log", "verify"][..], &["log", "export"], &["log", "history", "11"]] {
        run(&store, command).await;
        assert!(folder(&store) == before, "{command:?} changed something");
    }
}

/// A file at rest that comes to life while it is read: a server opens it, writes, and leaves it with other pages.
#[tokio::test]
async fn a_server_that_comes_and_goes_meanwhile_tears_nothing() {
    let store = Store::sqlite();
    let mut events: Vec<_> = (1..=5_000)
        .map(|seq| post(11, seq, "alice", &format!("words {seq}")))
        .collect();
    events.push(post(84, 1, "alice", "words"));
    run_with_input(&store, &["log", "import"], &export(&events))
        .await
        .done();
    let mut child = command(&store, &["log", "export"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    // From here on it waits for its output to be read, far from its end.
    assert!(lines.next().unwrap().contains("readrealmExport"));
    let mut server = Server::start(&store).await;
    let mut writer = Client::connect(&server, "writer").await;
    writer.join(84).await;
    writer.post(84, &"many words ".repeat(300)).await;
    server.terminate();
    server.ended().await;
    let read: Vec<Value> = lines.map(|line| serde_json::from_str(&line).unwrap()).collect();
    assert!(child.wait().unwrap().success());
    assert_eq!(read[..5_001], events);
    assert_eq!(
        (read.len(), &read[5_001]["seq"]),
        (5_003, &json!(2)),
        "and the server's post"
    );
}

/// After a crash the newest events stand in the write-ahead log alone.
#[tokio::test]
async fn after_a_crash_everything_acknowledged_is_seen_and_stays() {
    let store = Store::sqlite();
    let mut server = Server::start(&store).await;
    conversation(&server).await;
    server.kill();
    let wal = file(&store).with_extension("db-wal");
    let (before, tail) = (fs::read(file(&store)).unwrap(), fs::read(&wal).unwrap());
    assert!(!tail.is_empty());
    let seen = run(&store, &["log", "verify"]).await.done();
    assert_eq!(seen, "2 rooms, 7 events, 0 findings\n");
    assert!(
        fs::read(file(&store)).unwrap() == before && fs::read(&wal).unwrap() == tail,
        "looking changes nothing"
    );

    // As a backup that holds the two files alone.
    fs::remove_file(file(&store).with_extension("db-shm")).unwrap();
    assert_eq!(run(&store, &["log", "verify"]).await.done(), seen);
    let server = Server::start(&store).await;
    let mut reader = Client::connect(&server, "reader").await;
    assert_eq!(reader.join(11).await.messages.len(), 2);
}

/// Beside a server that writes all the while: each room of an export is a prefix, and the server notices nothing.
#[tokio::test]
async fn beside_a_live_server_each_room_is_a_prefix() {
    for store in [Store::sqlite(), Store::mongodb().await] {
        let server = Server::start_with(
            &store,
            &["--messages-per-second", "0", "--user-messages-per-second", "0"],
        )
        .await;
        let mut writer = Client::connect(&server, "writer").await;
        for book in 1..=4 {
            writer.join(book).await;
        }
        let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
        let writing = tokio::spawn(async move {
            let mut posted = 0_u32;
            while stopped.try_recv().is_err() {
                writer.post(posted % 4 + 1, &format!("words {posted}")).await;
                posted += 1;
            }
            posted
        });
        let mut counts = Vec::new();
        while counts.iter().collect::<std::collections::BTreeSet<_>>().len() < 3 {
            let lines = run(&store, &["log", "export"]).await.done();
            let into = Store::sqlite();
            run_with_input(&into, &["log", "import"], &lines).await.done();
            let verified = run(&into, &["log", "verify"]).await.done();
            assert!(verified.ends_with(" 0 findings\n"), "{verified}");
            counts.push(lines.lines().count());
            run(&store, &["log", "verify"]).await.done();
        }
        stop.send(()).unwrap();
        let posted = writing.await.unwrap();
        drop(server);
        let all = run(&store, &["log", "export"]).await.done();
        assert_eq!(all.lines().count(), posted as usize + 2);
        assert!(counts.is_sorted(), "{counts:?}");
    }
}
