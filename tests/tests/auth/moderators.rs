//! A moderator edits and deletes what others said.

use e2e::client::Client;
use e2e::token::token;
use e2e::{Server, Store};
use readrealm_protocol::client::{ClientEvent, EditMessage};
use readrealm_protocol::{ErrorCode, ServerEvent};
use serde_json::{Value, json};

use crate::BOOK;

e2e::on_durable_stores!(
    a_moderator_edits_and_everybody_sees_the_authors_message,
    a_moderator_deletes_and_it_stays_deleted,
    the_right_is_the_claims_and_ends_with_it,
    a_repeat_is_one_edit_also_by_a_moderator,
);

fn moderator() -> Value {
    json!({ "moderator": true })
}

async fn joined(server: &Server, user: &str, others: Value) -> Client {
    let mut client = Client::known(server, user, others).await;
    client.join(BOOK).await;
    client
}

async fn a_moderator_edits_and_everybody_sees_the_authors_message(store: Store) {
    let mut server = Server::start_with_secret(&store, &[]).await;
    let mut ann = joined(&server, "ann", json!({ "name": "Ann" })).await;
    let mut maud = joined(&server, "maud", moderator()).await;
    let post = ann.post(BOOK, "a rude word").await;
    ann.next_message().await;
    let edit = maud.edit(BOOK, post.message_id, "[removed]").await.unwrap();
    assert_eq!(
        (edit.seq.get(), edit.message_id, edit.duplicate),
        (2, post.message_id, false)
    );
    let told = ann
        .hear("messageEdited", |frame| {
            matches!(frame.event, ServerEvent::MessageEdited(_))
        })
        .await;
    let ServerEvent::MessageEdited(edited) = told.frame.event else {
        unreachable!()
    };
    assert_eq!((edited.user_id.as_str(), edited.username.as_str()), ("ann", "Ann"));
    assert_eq!((edited.seq, edited.created_at), (post.seq, post.created_at));
    assert_eq!(
        (edited.updated_at, edited.content.as_str()),
        (edit.created_at, "[removed]")
    );
    // The author may still change it.
    ann.edit(BOOK, post.message_id, "a kind word").await.unwrap();
    for restarted in [false, true] {
        if restarted {
            server.restart().await;
        }
        let mut late = joined(&server, "late", json!({})).await;
        let message = late.join(BOOK).await.messages.remove(0);
        assert_eq!(
            (message.user_id.as_str(), message.content.as_str()),
            ("ann", "a kind word")
        );
    }
}

async fn a_moderator_deletes_and_it_stays_deleted(store: Store) {
    let server = Server::start_with_secret(&store, &[]).await;
    let mut ann = joined(&server, "ann", json!({})).await;
    let mut maud = joined(&server, "maud", moderator()).await;
    let post = ann.post(BOOK, "a rude word").await.message_id;
    maud.delete(BOOK, post).await.unwrap();
    let deleted =
        |frame: &readrealm_protocol::server::ServerFrame| matches!(frame.event, ServerEvent::MessageDeleted(_));
    ann.hear("messageDeleted", deleted).await;
    let refused = ann.edit(BOOK, post, "again").await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::MessageNotFound);
    let state = ann.join(BOOK).await;
    assert_eq!((state.seq.get(), state.messages), (2, vec![]));
}

async fn the_right_is_the_claims_and_ends_with_it(store: Store) {
    let server = Server::start_with_secret(&store, &[]).await;
    let mut ann = joined(&server, "ann", json!({})).await;
    let mut maud = joined(&server, "maud", json!({ "moderator": false })).await;
    let post = ann.post(BOOK, "mine").await.message_id;
    for (right, words) in [(false, "one"), (true, "two"), (false, "three"), (true, "four")] {
        // In place: maud stays in the room.
        let renewed = token("maud", json!({ "moderator": right }));
        maud.authenticate(&renewed).await.unwrap();
        let answer = maud.edit(BOOK, post, words).await;
        assert_eq!(
            answer.map(|ack| ack.duplicate).map_err(|reply| reply.code),
            if right { Ok(false) } else { Err(ErrorCode::Forbidden) }
        );
    }
    assert_eq!(maud.delete(BOOK, post).await.map(|ack| ack.seq.get()), Ok(4));
}

async fn a_repeat_is_one_edit_also_by_a_moderator(store: Store) {
    let server = Server::start_with_secret(&store, &[]).await;
    let mut ann = joined(&server, "ann", json!({})).await;
    let mut maud = joined(&server, "maud", moderator()).await;
    let post = ann.post(BOOK, "mine").await.message_id;
    let edit = |words: &str| {
        ClientEvent::EditMessage(EditMessage {
            book_id: BOOK.into(),
            message_id: post,
            content: e2e::client::valid(words),
            client_message_id: Some(e2e::client::valid("k1")),
        })
    };
    let mut acks = Vec::new();
    // The same key is another's own: the author's is another edit.
    for client in [&mut maud, &mut ann] {
        for _ in 0..2 {
            acks.push(e2e::client::appended(client.ask(edit("better")).await.unwrap()));
        }
    }
    let acks: Vec<_> = acks.iter().map(|ack| (ack.seq.get(), ack.duplicate)).collect();
    assert_eq!(acks, [(2, false), (2, true), (3, false), (3, true)]);
    maud.authenticate(&token("maud", json!({}))).await.unwrap();
    let again = maud.ask(edit("better")).await.map(e2e::client::appended).unwrap();
    assert_eq!(
        (again.seq.get(), again.duplicate),
        (2, true),
        "what is done is not judged again"
    );
    let other = maud.ask(edit("worse")).await.unwrap_err();
    assert_eq!(other.code, ErrorCode::IdempotencyConflict);
}
