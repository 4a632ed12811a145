//! `import-messages`: what Mongoose left becomes the beginning of the log.

use std::fs;
use std::sync::Arc;

use ::mongodb::Collection;
use ::mongodb::bson::oid::ObjectId;
use ::mongodb::bson::{Bson, DateTime, Document, doc};
use e2e::client::Client;
use e2e::command::{Ended, command, run};
use e2e::mongod::Mongod;
use e2e::{Server, Store};
use serde_json::Value;

e2e::on_durable_stores!(
    messages_come_over_with_times_users_and_ids,
    oddities_are_tolerated_and_counted,
    it_may_be_run_again,
    a_live_room_is_left_alone_unless_told
);

const START: i64 = 1_500_000_000_000;

/// The old chat's collection.
pub(super) struct Old {
    url: String,
    pub(super) messages: Collection<Document>,
    _mongod: Arc<Mongod>,
}

impl Old {
    pub(super) async fn new() -> Self {
        let mongod = Mongod::shared().await;
        let url = mongod.database(&format!("old_{}", ObjectId::new()));
        let client = ::mongodb::Client::with_uri_str(&url).await.unwrap();
        let messages = client.default_database().unwrap().collection("messages");
        Self {
            url,
            messages,
            _mongod: mongod,
        }
    }

    pub(super) async fn insert(&self, documents: impl IntoIterator<Item = Document>) {
        self.messages.insert_many(documents).await.unwrap();
    }

    pub(super) async fn import(&self, into: &Store, arguments: &[&str]) -> Ended {
        run(into, &[&["import-messages", "--from", &self.url], arguments].concat()).await
    }
}

/// A document as the old gateway writes it, said `second` seconds after the start.
pub(super) fn said(book: impl Into<Bson>, second: i64, content: &str) -> Document {
    let at = DateTime::from_millis(START + second * 1_000);
    doc! {
        "_id": id_of(second), "bookId": book, "userId": "64a1f3c2e4b0a1234567890a", "username": "alice",
        "content": content, "createdAt": at, "updatedAt": at, "__v": 0,
    }
}

/// An `_id` made at that second.
fn id_of(second: i64) -> ObjectId {
    let seconds = u32::try_from(START / 1_000 + second).unwrap();
    let mut bytes = *ObjectId::new().bytes().first_chunk::<12>().unwrap();
    bytes[..4].copy_from_slice(&seconds.to_be_bytes());
    ObjectId::from_bytes(bytes)
}

/// The message objects of a room, oldest first.
pub(super) async fn room(store: &Store, book: &str) -> Vec<Value> {
    let lines = run(store, &["log", "history", book, "--json", "--limit", "10000"])
        .await
        .done();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

pub(super) fn contents(messages: &[Value]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message["content"].as_str().unwrap())
        .collect()
}

async fn messages_come_over_with_times_users_and_ids(into: Store) {
    let old = Old::new().await;
    let (first, second) = (said(28520, 1, "first"), said(28520, 2, "  second\nline "));
    let ids = [
        first.get_object_id("_id").unwrap(),
        second.get_object_id("_id").unwrap(),
    ];
    old.insert([second, said(11, 5, "elsewhere"), first]).await;
    let printed = old.import(&into, &[]).await.done();
    assert_eq!(printed, "3 messages imported, 0 there already, 0 skipped\n");
    assert_eq!(
        run(&into, &["log", "verify"]).await.done(),
        "2 rooms, 3 events, 0 findings\n"
    );

    let server = Server::start(&into).await;
    let mut reader = Client::connect(&server, "reader").await;
    let state = reader.join(28520).await;
    let [newest, oldest] = &state.messages[..] else {
        panic!("{state:?}")
    };
    assert_eq!(
        (newest.content.as_str(), oldest.content.as_str()),
        ("second\nline", "first")
    );
    assert_eq!(oldest.created_at.as_millis(), START + 1_000);
    assert_eq!(oldest.updated_at, oldest.created_at);
    assert_eq!(
        (oldest.user_id.as_str(), oldest.username.as_str()),
        ("64a1f3c2e4b0a1234567890a", "alice")
    );
    for (message, id) in [(oldest, &ids[0]), (newest, &ids[1])] {
        assert_eq!(message.client_message_id.as_ref().unwrap().as_str(), id.to_hex());
    }
    assert_eq!(reader.post(28520, "and on it goes").await.seq.get(), 3);
}

/// Room 7 in every way its number may be written, and messages in every way they may be odd.
async fn oddities_are_tolerated_and_counted(into: Store) {
    let old = Old::new().await;
    let author = ObjectId::new();
    let (mut nameless, mut timeless, mut textual) = (
        said(7.0, 5, "no name"),
        said(7, 6, "no time"),
        said(7, 7, "time as text"),
    );
    nameless.remove("username");
    nameless.insert("userId", author);
    timeless.remove("createdAt");
    textual.insert("createdAt", "2017-07-14T02:40:07.500Z");
    let mut long_name = said(7, 8, "a long name");
    long_name.insert("username", "n".repeat(65));
    old.insert([long_name, textual, timeless, nameless]).await;
    let spelled = [
        said("7", 2, "as text"),
        said(7_i64, 3, "as a Long"),
        said(7.0, 4, "as a Double"),
        said(7, 1, "as an int"),
    ];
    old.insert(spelled).await;
    let bad_books = [
        Bson::Null,
        Bson::from(-1),
        1.5.into(),
        "seven".into(),
        Bson::from(vec![7]),
        doc! {}.into(),
        true.into(),
    ];
    let bad_book_count = bad_books.len() as u64;
    old.insert(bad_books.into_iter().map(|book| said(book, 9, "bad book")))
        .await;
    let mut bookless = said(7, 9, "bad book");
    bookless.remove("bookId");
    let (mut userless, mut odd_user, mut no_content) = (said(7, 9, "x"), said(7, 9, "x"), said(7, 9, "x"));
    userless.remove("userId");
    odd_user.insert("userId", "a\nb");
    no_content.insert("content", 5);
    let long = said(7, 9, &"x".repeat(4_001));
    old.insert([bookless, userless, odd_user, no_content, long, said(7, 9, " \n ")])
        .await;

    let rejects = tempfile::tempdir().unwrap();
    let rejects = rejects.path().join("rejects.jsonl");
    let ended = old.import(&into, &["--rejects", rejects.to_str().unwrap()]).await;
    let lines = fs::read_to_string(&rejects).unwrap();
    let rejected: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let bad = |reason: &str| {
        rejected
            .iter()
            .filter(|reject| reject["reason"].as_str().unwrap().starts_with(reason))
            .count() as u64
    };
    assert_eq!(bad("bookId is no whole number"), bad_book_count + 1, "{lines}");
    assert_eq!((bad("userId"), bad("content")), (2, 3), "{lines}");
    assert!(
        rejected
            .iter()
            .all(|reject| reject["document"]["_id"]["$oid"].is_string()),
        "{lines}"
    );
    assert!(ended.stderr.contains("skipped _id "), "{}", ended.stderr);
    let printed = ended.done();
    assert!(
        printed.starts_with(&format!(
            "8 messages imported, 0 there already, {} skipped\n",
            rejected.len()
        )),
        "{printed}"
    );
    assert!(printed.contains("  2 without a usable username"), "{printed}");
    assert!(printed.contains("  2 without a date in createdAt"), "{printed}");
    assert!(
        printed.contains("  2 skipped: content must be 1 to 4000 characters"),
        "{printed}"
    );

    let messages = room(&into, "7").await;
    let expected = [
        "as an int",
        "as text",
        "as a Long",
        "as a Double",
        "no name",
        "no time",
        "time as text",
        "a long name",
    ];
    assert_eq!(contents(&messages), expected);
    assert_eq!(messages[4]["username"], author.to_hex());
    assert_eq!(messages[5]["createdAt"], "2017-07-14T02:40:06.000Z");
    assert_eq!(messages[6]["createdAt"], "2017-07-14T02:40:07.500Z");
    assert_eq!(messages[7]["username"], "64a1f3c2e4b0a1234567890a");
}

async fn it_may_be_run_again(into: Store) {
    let old = Old::new().await;
    old.insert((1..=2_500).map(|second| said(7, second, &format!("words {second}"))))
        .await;
    let dry = old.import(&into, &["--dry-run"]).await.done();
    assert_eq!(dry, "2500 messages would be imported, 0 there already, 0 skipped\n");
    assert_eq!(run(&into, &["log", "verify"]).await.code, 2, "a dry run makes no log");
    old.import(&into, &["--book", "8"]).await.done();
    old.import(&into, &["--book", "7"]).await.done();
    let dry = old.import(&into, &["--dry-run"]).await.done();
    assert_eq!(dry, "0 messages would be imported, 2500 there already, 0 skipped\n");

    // The old gateway wrote on, and one comes late; one was changed in place.
    old.insert([said(7, 3_000, "newer"), said(7, 100, "late")]).await;
    let change = doc! { "$set": { "content": "other words" } };
    old.messages
        .update_one(doc! { "content": "words 5" }, change)
        .await
        .unwrap();
    let printed = old.import(&into, &[]).await.done();
    assert!(
        printed.starts_with("2 messages imported, 2500 there already, 0 skipped\n"),
        "{printed}"
    );
    assert!(printed.contains("  1 older than what their room held"), "{printed}");
    assert!(printed.contains("  1 of those there have other words"), "{printed}");
    let messages = room(&into, "7").await;
    let contents = contents(&messages);
    assert_eq!(contents[2_499..], ["words 2500", "late", "newer"]);
    assert_eq!(contents[4], "words 5");
    assert_eq!(
        messages[2_500]["createdAt"], messages[2_499]["createdAt"],
        "times never go back"
    );
    assert_eq!(
        run(&into, &["log", "verify"]).await.done(),
        "1 room, 2502 events, 0 findings\n"
    );
}

async fn a_live_room_is_left_alone_unless_told(into: Store) {
    let old = Old::new().await;
    old.insert([said(7, 1, "old"), said(8, 1, "old too")]).await;
    let server = Server::start(&into).await;
    let mut live = Client::connect(&server, "live").await;
    live.join(7).await;
    // A key that looks like an `_id`, and is none of the collection.
    live.try_post(7, "said live", Some("65f45f1e8c1b2a3d4e5f6071"))
        .await
        .unwrap();
    drop(server);
    for _ in 0..2 {
        let ended = old.import(&into, &[]).await;
        assert!(
            ended
                .stdout
                .contains("room 7 was left alone: it has events that are not from this collection"),
            "{}",
            ended.stdout
        );
        assert!(ended.refused().contains("1 room not imported"));
        assert_eq!((room(&into, "7").await.len(), room(&into, "8").await.len()), (1, 1));
    }
    let told = old.import(&into, &["--into-live-rooms"]).await.done();
    assert!(
        told.starts_with("1 message imported, 1 there already, 0 skipped\n"),
        "{told}"
    );
    let messages = room(&into, "7").await;
    assert_eq!(contents(&messages), ["said live", "old"]);
    assert_eq!(messages[0]["createdAt"], messages[1]["createdAt"]);
    run(&into, &["log", "verify"]).await.done();
}

/// How many events the last line of `log verify` counts.
fn events(verified: &str) -> u32 {
    let counted = verified.lines().last().and_then(|line| line.split(", ").nth(1));
    counted.map_or(0, |events| events.split(' ').next().unwrap().parse().unwrap())
}

/// Killed midway, again and again: nothing is doubled and nothing left out.
#[tokio::test]
async fn a_kill_midway_is_gone_on_from() {
    for into in [
        Store::sqlite(),
        Store::mongodb().await,
        Store::standalone_mongodb().await,
    ] {
        let old = Old::new().await;
        let documents = (1..=12_000).map(|second| said(second % 3, i64::from(second), &format!("words {second}")));
        old.insert(documents).await;
        old.messages
            .create_index(::mongodb::IndexModel::builder().keys(doc! { "bookId": 1 }).build())
            .await
            .unwrap();
        let mut reached = 0;
        while reached < 4_000 {
            let mut child = command(&into, &["import-messages", "--from", &old.url])
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            // Killed once it has written more than the last one had.
            let goal = reached + 1_000;
            loop {
                let counted = run(&into, &["log", "verify"]).await.stdout;
                reached = events(&counted);
                if reached >= goal {
                    break;
                }
                assert!(
                    child.try_wait().unwrap().is_none_or(|status| status.success()),
                    "it failed by itself"
                );
            }
            child.kill().unwrap();
            child.wait().unwrap();
        }
        let printed = old.import(&into, &[]).await.done();
        let imported: u32 = printed.split(' ').next().unwrap().parse().unwrap();
        assert!(
            printed.contains(&format!("{} there already", 12_000 - imported)),
            "{printed}"
        );
        assert_eq!(
            run(&into, &["log", "verify"]).await.done(),
            "3 rooms, 12000 events, 0 findings\n"
        );
        let messages = room(&into, "1").await;
        let expected: Vec<_> = (0..4_000).map(|n| format!("words {}", n * 3 + 1)).collect();
        assert!(contents(&messages) == expected);
    }
}

#[tokio::test]
async fn a_source_that_is_none_is_refused() {
    let into = Store::sqlite();
    for (from, why) in [
        ("sqlite:old.db", "--from must be a mongodb:// URL"),
        ("mongodb://127.0.0.1:1", "must name a database"),
    ] {
        let said = run(&into, &["import-messages", "--from", from]).await.refused();
        assert!(said.contains(why), "{said}");
    }
    let old = Old::new().await;
    let why = old.import(&into, &[]).await.refused();
    assert!(
        why.contains("there is no collection messages in the database old_"),
        "{why}"
    );
    old.insert([said(7, 1, "words")]).await;
    let why = old.import(&into, &["--collection", "mesages"]).await.refused();
    assert!(why.contains("there is no collection mesages"), "{why}");
    assert!(!super::file(&into).exists(), "a typo makes no log");
    let nobody = "mongodb://127.0.0.1:1/old?serverSelectionTimeoutMS=200";
    let said = run(&into, &["import-messages", "--from", nobody]).await.refused();
    assert!(said.contains("the messages cannot be read"), "{said}");
}
