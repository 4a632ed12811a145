//! `log redact`: no byte of the words stays, and all else does.

use std::fs;
use std::process::Stdio;

use ::mongodb::bson::{Document, doc};
use e2e::client::Client;
use e2e::command::{command, run, run_with_input};
use e2e::{Server, Store};
use readrealm_protocol::{ErrorCode, ServerEvent};
use serde_json::Value;

use super::{conversation, database, export, file, post};

e2e::on_durable_stores!(
    a_message_loses_its_words_in_post_and_edits,
    a_user_loses_words_and_name,
    without_yes_nothing_happens
);

/// The lines of a log's export, as values.
async fn events(store: &Store) -> Vec<Value> {
    let lines = run(store, &["log", "export"]).await.done();
    let lines: Vec<_> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    lines[1..lines.len() - 1].to_vec()
}

/// Everything of an event but its words.
fn frame(event: &Value) -> Value {
    let mut frame = event.clone();
    for field in ["content", "username"] {
        if let Some(data) = frame["data"].as_object_mut() {
            data.remove(field);
        }
    }
    frame
}

/// Whether any file of the store holds these bytes.
fn holds(store: &Store, words: &str) -> bool {
    let entries = file(store).parent().unwrap().read_dir().unwrap();
    let mut files = entries.map(|entry| fs::read(entry.unwrap().path()).unwrap());
    files.any(|bytes| bytes.windows(words.len()).any(|window| window == words.as_bytes()))
}

async fn a_message_loses_its_words_in_post_and_edits(store: Store) {
    let mut server = Server::start(&store).await;
    let (first, second) = conversation(&server).await;
    server.terminate();
    server.ended().await;
    let before = events(&store).await;
    let ids = [first.to_string(), second.to_string()];
    let arguments = ["log", "redact", "--message", &ids[0], "--message", &ids[1], "--yes"];
    let printed = run(&store, &arguments).await.done();
    assert_eq!(
        printed,
        "2 messages redacted, 1 of them deleted first; 4 events rewritten\n"
    );

    let after = events(&store).await;
    assert_eq!(after.len(), before.len() + 1, "one delete");
    for (index, event) in before.iter().enumerate() {
        let now = after.iter().find(|now| now["_id"] == event["_id"]).unwrap();
        assert_eq!(frame(now), frame(event));
        assert_eq!(
            now["data"]["username"], event["data"]["username"],
            "the name stays: {index}"
        );
    }
    let delete = &after[6];
    assert_eq!(
        (&delete["type"], &delete["place"], &delete["by"]),
        (&"MessageDeleted".into(), &1.into(), &"log-redact".into())
    );
    let text = format!("{after:?}");
    assert!(
        !text.contains("hole") && !text.contains("secret") && text.contains("Curiouser"),
        "{text}"
    );
    assert_eq!(
        run(&store, &["log", "verify"]).await.done(),
        "2 rooms, 8 events, 0 findings\n"
    );

    let again = run(&store, &arguments).await.done();
    assert_eq!(
        again,
        "2 messages redacted, 0 of them deleted first; 0 events rewritten\n"
    );
    assert_eq!(events(&store).await, after);
    let missing = run(
        &store,
        &["log", "redact", "--message", "84-1", "--message", "11-99", "--yes"],
    )
    .await
    .refused();
    assert!(missing.contains("there is no message 11-99"), "{missing}");
    assert_eq!(events(&store).await, after, "nothing is done where one is missing");
}

async fn a_user_loses_words_and_name(store: Store) {
    let posts: Vec<_> = [11, 12]
        .into_iter()
        .flat_map(|book| {
            let by = |seq: u64| if seq.is_multiple_of(2) { "eve" } else { "alice" };
            (1..=1_300).map(move |seq| post(book, seq, by(seq), &format!("{} said {seq}", by(seq))))
        })
        .collect();
    run_with_input(&store, &["log", "import"], &export(&posts)).await.done();
    let room = run(&store, &["log", "redact", "--user", "eve", "--book", "12", "--yes"])
        .await
        .done();
    assert_eq!(
        room,
        "650 messages redacted, 650 of them deleted first; 650 events rewritten\n"
    );
    let text = run(&store, &["log", "export"]).await.done();
    assert_eq!(text.matches("eve said").count(), 650);
    let all = run(&store, &["log", "redact", "--user", "eve", "--yes"]).await.done();
    assert_eq!(
        all,
        "1300 messages redacted, 650 of them deleted first; 650 events rewritten\n"
    );
    let text = run(&store, &["log", "export"]).await.done();
    assert!(!text.contains("eve said") && !text.contains("eve's name"));
    assert_eq!(text.matches("alice said").count(), 1_300);
    assert_eq!(
        run(&store, &["log", "verify"]).await.done(),
        "2 rooms, 3900 events, 0 findings\n"
    );
}

async fn without_yes_nothing_happens(store: Store) {
    let server = Server::start(&store).await;
    let (first, second) = conversation(&server).await;
    let before = events(&store).await;
    let (first, second) = (first.to_string(), second.to_string());
    let would = run(&store, &["log", "redact", "--message", &first, "--message", &second])
        .await
        .done();
    assert_eq!(
        would,
        "2 messages would be redacted, 1 of them deleted first; --yes does it\n"
    );
    let would = run(&store, &["log", "redact", "--user", "bob"]).await.done();
    assert_eq!(
        would,
        "2 messages would be redacted, 1 of them deleted first; --yes does it\n"
    );
    assert_eq!(events(&store).await, before);
}

#[tokio::test]
async fn no_byte_of_the_words_stays_in_the_file() {
    let store = Store::sqlite();
    let mut server = Server::start(&store).await;
    let (first, second) = conversation(&server).await;
    let mut writer = Client::connect(&server, "writer").await;
    writer.join(11).await;
    let long = writer.post(11, &"zanzibar ".repeat(400)).await.message_id;
    writer.edit(11, long, &"samarkand ".repeat(300)).await.unwrap();
    server.kill();
    // What another program once deleted lies about in free pages.
    let connection = rusqlite::Connection::open(file(&store)).unwrap();
    let fill = "PRAGMA secure_delete = OFF; CREATE TABLE old (words TEXT);
        INSERT INTO old SELECT 'timbuktu' || hex(zeroblob(3000)) FROM events; DELETE FROM old; DROP TABLE old;";
    connection.execute_batch(fill).unwrap();
    drop(connection);
    let words = ["rabit", "rabbit", "secret", "zanzibar", "samarkand", "timbuktu"];
    for word in words {
        assert!(holds(&store, word), "{word} is there to be erased");
    }
    let ids = [first, second, long].map(|id| id.to_string());
    let arguments = [
        "log",
        "redact",
        "--yes",
        "--message",
        &ids[0],
        "--message",
        &ids[1],
        "--message",
        &ids[2],
    ];
    run(&store, &arguments).await.done();
    for word in words {
        assert!(!holds(&store, word), "{word} is still there");
    }
    assert!(holds(&store, "Curiouser"), "what is not redacted stays");
    run(&store, &["log", "verify"]).await.done();
}

/// Whose they are cannot be told, and so not that all is done.
#[tokio::test]
async fn posts_that_cannot_be_read_are_told() {
    for damage in ["data = '{\"content\":\"a secret'", "v = -1"] {
        let store = Store::sqlite();
        let posts = [1, 2, 3].map(|seq| post(11, seq, "eve", "eve said"));
        run_with_input(&store, &["log", "import"], &export(&posts)).await.done();
        let connection = rusqlite::Connection::open(file(&store)).unwrap();
        connection
            .execute(&format!("UPDATE events SET {damage} WHERE seq = 2"), [])
            .unwrap();
        drop(connection);
        for arguments in [
            &["log", "redact", "--user", "eve"][..],
            &["log", "redact", "--user", "eve", "--yes"],
        ] {
            let ended = run(&store, arguments).await;
            assert!(ended.stdout.starts_with("2 messages "), "{}", ended.stdout);
            let why = ended.refused();
            assert!(
                why.contains("1 event cannot be read, and may be of this user: see log verify"),
                "{why}"
            );
        }
    }
}

/// Killed midway, again and again: the next run finishes what the last one began.
#[tokio::test]
async fn a_kill_midway_is_gone_on_from() {
    for store in [Store::sqlite(), Store::mongodb().await] {
        let posts: Vec<_> = (1..=6_000)
            .map(|seq| post(11, seq, "eve", &format!("eve said {seq}")))
            .collect();
        run_with_input(&store, &["log", "import"], &export(&posts)).await.done();
        let mut deletes = 0;
        while deletes < 2_000 {
            let mut child = command(&store, &["log", "redact", "--user", "eve", "--yes"])
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .spawn()
                .unwrap();
            let goal = deletes + 500;
            while deletes < goal {
                let verified = run(&store, &["log", "verify"]).await.done();
                let events: u64 = verified.split([',', ' ']).nth(3).unwrap().parse().unwrap();
                deletes = events - 6_000;
                assert!(
                    child.try_wait().unwrap().is_none_or(|status| status.success()),
                    "it failed by itself"
                );
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let printed = run(&store, &["log", "redact", "--user", "eve", "--yes"]).await.done();
        assert!(printed.starts_with("6000 messages redacted, "), "{printed}");
        assert!(!run(&store, &["log", "export"]).await.done().contains("eve said"));
        if store.url().starts_with("sqlite:") {
            assert!(!holds(&store, "eve said"), "the words are still there");
        }
        assert_eq!(
            run(&store, &["log", "verify"]).await.done(),
            "1 room, 12000 events, 0 findings\n"
        );
    }
}

/// Live nodes go on: their members see the message go, and the words are nowhere any more.
#[tokio::test]
async fn beside_live_nodes_it_is_dropped_everywhere() {
    let store = Store::mongodb().await;
    let nodes = [Server::start(&store).await, Server::start(&store).await];
    let mut alice = Client::connect(&nodes[0], "alice").await;
    let mut bob = Client::connect(&nodes[1], "bob").await;
    alice.join(11).await;
    bob.join(11).await;
    let posted = alice.try_post(11, "a secret", Some("my-key")).await.unwrap();
    bob.next_message().await;
    let id = posted.message_id.to_string();
    run(&store, &["log", "redact", "--message", &id, "--yes"]).await.done();
    for client in [&mut alice, &mut bob] {
        let deleted = client.hear("the delete", |frame| {
            matches!(frame.event, ServerEvent::MessageDeleted(_))
        });
        assert_eq!(deleted.await.frame.seq.unwrap().get(), 2);
        assert!(client.join(11).await.messages.is_empty());
    }
    let database = database(&store).await;
    let events = database.collection::<Document>("events");
    let left = events.count_documents(doc! { "data.content": "a secret" });
    assert_eq!(left.await.unwrap(), 0);

    // The key is still taken: the words cannot be compared any more, and nothing is posted again.
    let again = alice.try_post(11, "a secret", Some("my-key")).await.unwrap_err();
    assert_eq!(again.code, ErrorCode::IdempotencyConflict);
    assert_eq!(bob.join(11).await.seq.get(), 2);
}
