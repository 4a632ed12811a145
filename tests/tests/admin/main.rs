//! The commands on a log, as an operator runs them: the binary as a process, beside live servers and after them.
#![allow(clippy::unwrap_used, reason = "tests")]

mod command_line;
mod export;
mod history;
mod import;
mod import_messages;
mod moving;
mod new_epoch;
mod redact;
mod types;
mod verify;

use std::path::PathBuf;

use e2e::client::Client;
use e2e::{Server, Store};
use readrealm_protocol::{MessageId, Timestamp};
use serde_json::{Value, json};

/// The file of an SQLite store.
fn file(store: &Store) -> PathBuf {
    store.url().strip_prefix("sqlite:").unwrap().into()
}

/// The database of a MongoDB store.
async fn database(store: &Store) -> mongodb::Database {
    let client = mongodb::Client::with_uri_str(store.url()).await.unwrap();
    client.default_database().unwrap()
}

/// A post as a line of an export.
fn post(book: u64, seq: u64, by: &str, words: &str) -> Value {
    let at = Timestamp::from_millis(1_710_513_120_000 + i64::try_from(seq).unwrap() * 1_000).to_string();
    json!({
        "_id": format!("{book}/post/k{seq}/{by}"), "bookId": book, "seq": seq, "place": seq, "type": "MessagePosted",
        "v": 1, "at": at, "by": by,
        "data": { "username": format!("{by}'s name"), "content": words, "clientMessageId": format!("k{seq}") },
    })
}

/// A whole export of these lines, which are sorted by room and position.
fn export(events: &[Value]) -> String {
    let mut books: Vec<_> = events.iter().map(|event| event["bookId"].as_u64()).collect();
    books.dedup();
    let head = json!({
        "readrealmExport": 1, "format": 1, "epoch": "an-epoch", "version": "0.1.0", "allRooms": true,
        "deletedWords": true,
    });
    let end = json!({ "end": { "rooms": books.len(), "events": events.len(), "whole": true } });
    let lines = std::iter::once(&head).chain(events).chain([&end]);
    lines.map(ToString::to_string).collect::<Vec<_>>().join("\n") + "\n"
}

/// A log that a server wrote: two rooms, an edit and a delete. Returns the ids of the edited and the deleted message.
async fn conversation(server: &Server) -> (MessageId, MessageId) {
    let mut alice = Client::connect(server, "alice").await;
    let mut bob = Client::connect(server, "bob").await;
    for client in [&mut alice, &mut bob] {
        client.join(11).await;
        client.join(84).await;
    }
    let first = alice.post(11, "Down the rabit hole").await.message_id;
    let second = bob.post(11, "a secret slipped out").await.message_id;
    bob.try_post(84, "It was a dreary night", Some("a-key")).await.unwrap();
    alice.edit(11, first, "Down the rabbit hole").await.unwrap();
    bob.edit(11, second, "a secret slipped out again").await.unwrap();
    bob.delete(11, second).await.unwrap();
    alice.post(11, "Curiouser and\ncuriouser \u{1b}[31m!").await;
    (first, second)
}
