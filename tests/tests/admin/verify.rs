//! `log verify`: each kind of damage is planted, and found.

use e2e::command::{Ended, run, run_with_input};
use e2e::{Server, Store};
use mongodb::bson::{Bson, Document, doc};
use rusqlite::Connection;
use serde_json::{Value, json};

use super::{database, export, file, post};

/// A sound room of three posts, an edit of the second and a delete of the third, and a room beside it.
fn sound() -> Vec<Value> {
    let mut edit = post(11, 4, "alice", "");
    edit["_id"] = json!("11/edit/k4/alice");
    (edit["type"], edit["place"]) = (json!("MessageEdited"), json!(2));
    edit["data"] = json!({
        "userId": "alice", "username": "alice's name", "content": "edited", "createdAt": "2024-03-15T14:32:02.000Z",
        "clientMessageId": "k2", "revision": 1,
    });
    let mut delete = post(11, 5, "alice", "");
    delete["_id"] = json!("11/delete/k5/alice");
    (delete["type"], delete["place"], delete["data"]) = (json!("MessageDeleted"), json!(3), json!({}));
    let posts = (1..=3).map(|seq| post(11, seq, "alice", &format!("words {seq}")));
    posts.chain([edit, delete, post(84, 1, "bob", "words")]).collect()
}

async fn sound_log(store: &Store) {
    run_with_input(store, &["log", "import"], &export(&sound()))
        .await
        .done();
    assert_eq!(
        run(store, &["log", "verify"]).await.done(),
        "2 rooms, 6 events, 0 findings\n"
    );
}

/// The findings, the verdict being that there are some.
fn findings(ended: &Ended) -> Vec<&str> {
    assert_eq!(ended.code, 1, "{}\n{}", ended.stdout, ended.stderr);
    let mut lines: Vec<_> = ended.stdout.lines().collect();
    let last = lines.pop().unwrap();
    let plural = if lines.len() == 1 { "" } else { "s" };
    assert!(
        last.ends_with(&format!("{} finding{plural}", lines.len())),
        "{last}: {lines:?}"
    );
    lines
}

/// What is planted into SQLite, and what is found.
const IN_SQLITE: &[(&str, &[&str])] = &[
    (
        "DELETE FROM events WHERE book = 11 AND seq = 1",
        &["room 11, position 2: position 1 is missing before it"],
    ),
    (
        "UPDATE events SET seq = 9, place = 9 WHERE book = 11 AND seq = 1",
        &[
            "room 11, position 2: position 1 is missing",
            "room 11, position 9: positions 6 to 8 are missing before it",
            "room 11, position 9: its time",
        ],
    ),
    (
        "UPDATE events SET seq = 0, place = 0 WHERE book = 84",
        &["room 84, position 0: positions begin at 1"],
    ),
    (
        "UPDATE events SET data = '{' WHERE book = 84",
        &["room 84, position 1: cannot be read: data: EOF"],
    ),
    (
        "UPDATE events SET data = '{\"content\":\"words\"}' WHERE book = 84",
        &[
            "room 84, position 1: the event log holds an event that cannot be read: MessagePosted version 1: missing field",
        ],
    ),
    (
        "UPDATE events SET by = '' WHERE book = 84",
        &["room 84, position 1: cannot be read: by: userId must be"],
    ),
    (
        "UPDATE events SET seq = -4 WHERE book = 84",
        &["event \"84/post/k1/bob\" has no room or no position"],
    ),
    (
        "UPDATE events SET book = -84 WHERE book = 84",
        &["event \"84/post/k1/bob\" has no room or no position"],
    ),
    (
        "UPDATE events SET type = 'MessagePinned' WHERE book = 84",
        &["room 84, position 1: this server does not know type \"MessagePinned\" version 1"],
    ),
    (
        "UPDATE events SET v = 7 WHERE book = 84",
        &["room 84, position 1: this server does not know type \"MessagePosted\" version 7"],
    ),
    (
        "UPDATE events SET place = 7 WHERE book = 84",
        &["room 84, position 1: a post has its own position as its place, and this one has 7"],
    ),
    (
        "UPDATE events SET at = 1 WHERE book = 11 AND seq = 3",
        &["room 11, position 3: its time 1970-01-01T00:00:00.001Z is before 2024-03-15T14:32:02.000Z"],
    ),
    (
        "UPDATE events SET id = '84' WHERE book = 84",
        &["room 84, position 1: its id \"84\" is not of the form bookId/kind/key/userId"],
    ),
    (
        "UPDATE events SET id = '85/post/k1/bob' WHERE book = 84",
        &["room 84, position 1: its id \"85/post/k1/bob\" is of another room"],
    ),
    (
        "UPDATE events SET id = '84/edit/k1/bob' WHERE book = 84",
        &["room 84, position 1: its id \"84/edit/k1/bob\" is not that of a post"],
    ),
    (
        "UPDATE events SET id = '84/post/~1/bob' WHERE book = 84",
        &["room 84, position 1: its id \"84/post/~1/bob\" has no key"],
    ),
    (
        "UPDATE events SET id = '84/post/k2/bob' WHERE book = 84",
        &["room 84, position 1: its id \"84/post/k2/bob\" has another key than \"k1\""],
    ),
    (
        "UPDATE events SET by = 'eve' WHERE book = 84",
        &["room 84, position 1: its id \"84/post/k1/bob\" is of another user than \"eve\""],
    ),
    (
        "UPDATE events SET place = 4 WHERE type = 'MessageEdited'",
        &["room 11, position 4: it changes the message at 4, where none was posted before it"],
    ),
    (
        "UPDATE events SET place = 4 WHERE type = 'MessageDeleted'",
        &["room 11, position 5: it changes the message at 4, where none was posted before it"],
    ),
    (
        "UPDATE events SET data = json_set(data, '$.revision', 3) WHERE type = 'MessageEdited'",
        &["room 11, position 4: it says that it is edit 3, and is edit 1"],
    ),
    (
        "INSERT INTO events SELECT 11, seq + 2, 3, '11/edit/k6/alice', type, v, at + 9000, by, data FROM events WHERE seq = 4",
        &["room 11, position 6: it changes the message at 3, which was deleted before it"],
    ),
    (
        "DROP INDEX events_by_id; UPDATE events SET id = '11/post/k1/alice' WHERE book = 11 AND seq = 2",
        &[
            "table events has no unique index on (id)",
            "2 events bear the id \"11/post/k1/alice\"",
            "room 11, position 2: its id \"11/post/k1/alice\" has another key",
        ],
    ),
    (
        "DROP INDEX events_by_id; CREATE INDEX events_by_id ON events (id)",
        &["table events has no unique index on (id)"],
    ),
    (
        "DROP INDEX events_by_place",
        &["table events has no index on (book,place,seq)"],
    ),
    ("DELETE FROM meta WHERE key = 'epoch'", &["the log has no epoch"]),
    ("DELETE FROM meta WHERE key = 'format'", &["the log has no format"]),
];

#[tokio::test]
async fn planted_damage_is_found_in_sqlite() {
    for (damage, expected) in IN_SQLITE {
        let store = Store::sqlite();
        sound_log(&store).await;
        let connection = Connection::open(file(&store)).unwrap();
        connection.execute_batch(damage).unwrap();
        drop(connection);
        let ended = run(&store, &["log", "verify"]).await;
        let found = findings(&ended);
        assert_eq!(found.len(), expected.len(), "{damage}: {found:#?}");
        for (found, expected) in found.iter().zip(*expected) {
            assert!(found.starts_with(expected), "{damage}: {found}");
        }
    }
}

#[tokio::test]
async fn more_edits_than_a_message_may_have_are_found() {
    let store = Store::sqlite();
    sound_log(&store).await;
    let plant = "WITH RECURSIVE n(i) AS (SELECT 6 UNION ALL SELECT i + 1 FROM n WHERE i < 105)
        INSERT INTO events SELECT 11, i, 2, '11/edit/k' || i || '/alice', type, v, at + i * 1000, by,
            json_set(data, '$.revision', i - 4) FROM events, n WHERE seq = 4";
    let connection = Connection::open(file(&store)).unwrap();
    connection.execute(plant, []).unwrap();
    drop(connection);
    let ended = run(&store, &["log", "verify"]).await;
    assert_eq!(
        findings(&ended),
        ["room 11, position 105: it is edit 101 of the message at 2, of 100 at most"]
    );
}

async fn plant(store: &Store, filter: Document, update: Document) {
    let database = database(store).await;
    let events = database.collection::<Document>("events");
    assert_eq!(events.update_one(filter, update).await.unwrap().modified_count, 1);
}

#[tokio::test]
async fn planted_damage_is_found_in_mongodb() {
    let of_84 = || doc! { "bookId": 84 };
    let cases: Vec<(Document, Document, &str)> = vec![
        (
            doc! { "bookId": 11, "seq": 5 },
            doc! { "seq": 7_i64 },
            "room 11, position 7: positions 5 to 6 are missing",
        ),
        (
            of_84(),
            doc! { "bookId": "84" },
            "event \"84/post/k1/bob\" has no room or no position",
        ),
        (
            of_84(),
            doc! { "seq": Bson::Null },
            "event \"84/post/k1/bob\" has no room or no position",
        ),
        (of_84(), doc! { "at": "noon" }, "room 84, position 1: cannot be read: "),
        (
            of_84(),
            doc! { "data.content": "" },
            "room 84, position 1: the event log holds an event that cannot be read: ",
        ),
        (
            of_84(),
            doc! { "v": 2 },
            "room 84, position 1: this server does not know type \"MessagePosted\" version 2",
        ),
    ];
    for (filter, set, expected) in cases {
        let store = Store::mongodb().await;
        sound_log(&store).await;
        plant(&store, filter, doc! { "$set": &set }).await;
        let ended = run(&store, &["log", "verify"]).await;
        let found = findings(&ended);
        assert_eq!(found.len(), 1, "{set}: {found:#?}");
        assert!(found[0].starts_with(expected), "{set}: {found:#?}");
    }

    let store = Store::mongodb().await;
    sound_log(&store).await;
    let name = database(&store).await.name().to_owned();
    let events = database(&store).await.collection::<Document>("events");
    events.drop_indexes().await.unwrap();
    let mut twin = events.find_one(of_84()).await.unwrap().unwrap();
    twin.insert("_id", "84/post/k9/bob");
    twin.get_document_mut("data").unwrap().insert("clientMessageId", "k9");
    events.insert_one(twin).await.unwrap();
    let meta = database(&store).await.collection::<Document>("meta");
    meta.delete_one(doc! { "_id": "log" }).await.unwrap();
    let ended = run(&store, &["log", "verify"]).await;
    let expected = [
        format!("collection {name}.events has no unique index on (bookId, seq)"),
        format!("collection {name}.events has no index on (bookId, place, seq)"),
        "the log has no format".to_owned(),
        "the log has no epoch".to_owned(),
        "room 84, position 1: there is another event at this position".to_owned(),
    ];
    assert_eq!(findings(&ended), expected);
    let indexes = events.list_index_names().await.unwrap();
    assert_eq!(indexes, ["_id_"], "looking makes no index");
}

#[tokio::test]
async fn one_room_can_be_looked_at_and_much_is_told_in_short() {
    let store = Store::sqlite();
    sound_log(&store).await;
    let connection = Connection::open(file(&store)).unwrap();
    connection
        .execute("UPDATE events SET v = 9 WHERE book = 11", [])
        .unwrap();
    drop(connection);
    let room = run(&store, &["log", "verify", "--book", "84"]).await;
    assert_eq!(room.done(), "1 room, 1 event, 0 findings\n");
    let short = run(&store, &["log", "verify", "--show", "1"]).await;
    assert_eq!(short.code, 1);
    let lines: Vec<_> = short.stdout.lines().collect();
    assert_eq!(lines[1..], ["and 4 more", "2 rooms, 6 events, 5 findings"], "{lines:?}");
}

#[tokio::test]
async fn what_cannot_be_read_is_2() {
    let store = Store::sqlite();
    std::fs::write(file(&store), "no database at all, but a text of some length").unwrap();
    let ended = run(&store, &["log", "verify"]).await;
    assert_eq!((ended.code, ended.stdout.as_str()), (2, ""));
    assert!(ended.stderr.contains("file is not a database"), "{}", ended.stderr);

    let store = Store::sqlite();
    Connection::open(file(&store))
        .unwrap()
        .execute_batch("CREATE TABLE invoices (id)")
        .unwrap();
    let ended = run(&store, &["log", "verify"]).await;
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("is the database of another program"),
        "{}",
        ended.stderr
    );

    let store = Store::sqlite();
    drop(Server::start(&store).await);
    let connection = Connection::open(file(&store)).unwrap();
    connection
        .execute("UPDATE meta SET value = 2 WHERE key = 'format'", [])
        .unwrap();
    drop(connection);
    let ended = run(&store, &["log", "verify"]).await;
    assert_eq!(ended.code, 2);
    assert!(
        ended.stderr.contains("run a newer readrealm-server"),
        "{}",
        ended.stderr
    );
}
