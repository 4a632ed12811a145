//! A `clientMessageId` makes a send idempotent for ever, per room and user, and swallows nobody else's message.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::client::{Client, appended, posting};
use e2e::{Server, Store};
use readrealm_protocol::ErrorCode;

e2e::on_durable_stores!(
    a_repeat_is_the_same_message,
    twenty_repeats_at_once_are_one_message,
    twenty_repeats_on_one_connection_are_one_message,
    other_words_under_a_used_key_are_a_conflict,
    a_key_is_its_users_own,
    a_key_is_its_rooms_own,
    ids_shaped_like_others_swallow_nobody,
    without_a_key_equal_sends_are_two_messages,
    a_repeated_edit_or_delete_is_one,
);

const BOOK: u32 = 11;

async fn joined(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server, user).await;
    client.join(BOOK).await;
    client
}

async fn a_repeat_is_the_same_message(store: Store) {
    let mut server = Server::start(&store).await;
    let mut alice = joined(&server, "alice").await;
    let first = alice.try_post(BOOK, "once", Some("k")).await.unwrap();
    assert!(!first.duplicate);
    alice.post(BOOK, "something else in between").await;
    let repeat = alice.try_post(BOOK, "once", Some("k")).await.unwrap();
    assert!(repeat.duplicate);
    assert_eq!(
        (repeat.seq, repeat.message_id, repeat.created_at),
        (first.seq, first.message_id, first.created_at)
    );
    // White space at the ends was never part of the words.
    assert!(alice.try_post(BOOK, " once ", Some("k")).await.unwrap().duplicate);

    server.kill();
    server.restart().await;
    let mut alice = joined(&server, "alice").await;
    let later = alice.try_post(BOOK, "once", Some("k")).await.unwrap();
    assert_eq!(
        (later.seq, later.created_at, later.duplicate),
        (first.seq, first.created_at, true)
    );
    let state = alice.join(BOOK).await;
    assert_eq!((state.seq.get(), state.messages.len()), (2, 2));
    assert_eq!(alice.drain().await, [], "a repeat is told to nobody");
}

async fn twenty_repeats_at_once_are_one_message(store: Store) {
    let server = Server::start(&store).await;
    let mut watcher = joined(&server, "bob").await;
    let mut clients = Vec::new();
    for _ in 0..20 {
        clients.push(joined(&server, "alice").await);
    }
    let mut requests = Vec::new();
    for client in &mut clients {
        requests.push(client.request(posting(BOOK, "all at once", Some("same"))).await);
    }
    let mut acks = Vec::new();
    for (client, id) in clients.iter_mut().zip(requests) {
        acks.push(appended(client.answer(id).await.unwrap()));
    }
    assert!(acks.iter().all(|ack| ack.seq.get() == 1), "{acks:?}");
    assert_eq!(acks.iter().filter(|ack| !ack.duplicate).count(), 1, "{acks:?}");
    for client in clients.iter_mut().chain([&mut watcher]) {
        assert_eq!(client.next_message().await.content.as_str(), "all at once");
        assert!(
            client.drain().await.iter().all(|frame| frame.seq.is_none()),
            "told once"
        );
    }
    assert_eq!(watcher.join(BOOK).await.messages.len(), 1);
}

async fn twenty_repeats_on_one_connection_are_one_message(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = joined(&server, "alice").await;
    let mut requests = Vec::new();
    for _ in 0..20 {
        requests.push(alice.request(posting(BOOK, "again", Some("same"))).await);
    }
    let mut duplicates = Vec::new();
    for id in requests {
        let ack = appended(alice.answer(id).await.unwrap());
        assert_eq!(ack.seq.get(), 1);
        duplicates.push(ack.duplicate);
    }
    assert!(
        !duplicates[0] && duplicates[1..].iter().all(|&duplicate| duplicate),
        "{duplicates:?}"
    );
    assert_eq!(alice.join(BOOK).await.messages.len(), 1);
}

async fn other_words_under_a_used_key_are_a_conflict(store: Store) {
    let mut server = Server::start(&store).await;
    let mut alice = joined(&server, "alice").await;
    // In flight together…
    let first = alice.request(posting(BOOK, "these words", Some("k"))).await;
    let second = alice.request(posting(BOOK, "other words", Some("k"))).await;
    assert!(!appended(alice.answer(first).await.unwrap()).duplicate);
    assert_eq!(
        alice.answer(second).await.unwrap_err().code,
        ErrorCode::IdempotencyConflict
    );
    // …long after…
    let refused = alice.try_post(BOOK, "other words", Some("k")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::IdempotencyConflict);
    // …and after a restart. The room goes on.
    server.restart().await;
    let mut alice = joined(&server, "alice").await;
    let refused = alice.try_post(BOOK, "other words", Some("k")).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::IdempotencyConflict);
    assert_eq!(alice.post(BOOK, "other words").await.seq.get(), 2);
    assert_eq!(alice.join(BOOK).await.messages.len(), 2);
}

async fn a_key_is_its_users_own(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = joined(&server, "alice").await;
    let mut bob = joined(&server, "bob").await;
    let by_alice = alice.request(posting(BOOK, "hello", Some("k"))).await;
    let by_bob = bob.request(posting(BOOK, "hello", Some("k"))).await;
    let by_alice = appended(alice.answer(by_alice).await.unwrap());
    let by_bob = appended(bob.answer(by_bob).await.unwrap());
    assert!(
        !by_alice.duplicate && !by_bob.duplicate && by_alice.seq != by_bob.seq,
        "{by_alice:?} {by_bob:?}"
    );
    let users: Vec<_> = bob
        .join(BOOK)
        .await
        .messages
        .iter()
        .map(|message| message.user_id.to_string())
        .collect();
    assert!(
        users.contains(&"alice".to_owned()) && users.contains(&"bob".to_owned()),
        "{users:?}"
    );
}

async fn a_key_is_its_rooms_own(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = joined(&server, "alice").await;
    alice.join(BOOK + 1).await;
    for book in [BOOK, BOOK + 1] {
        let ack = alice.try_post(book, "hello", Some("k")).await.unwrap();
        assert_eq!((ack.seq.get(), ack.duplicate), (1, false));
    }
}

/// Ids of events are put together from a room, a kind, a key and a user: no choice of one may imitate another.
async fn ids_shaped_like_others_swallow_nobody(store: Store) {
    let server = Server::start_with(&store, &["--messages-per-second", "0"]).await;
    let users = [
        "b",
        "a/post/k/b",
        "k/b",
        "/b",
        "b/",
        "11/post/k/b",
        "post/k/b",
        "k",
        "a",
        "b b",
        "%2Fb",
        "k%2Fb",
        "B",
        "$b",
        "b.",
        "é",
        "e\u{301}",
    ];
    let keys = ["k", "post", "11", "k-b", "K", "-", "_"];
    let mut sent = 0;
    for user in users {
        let mut client = joined(&server, user).await;
        for key in keys {
            let ack = client.try_post(BOOK, &format!("{user} {key}"), Some(key)).await;
            let ack = ack.unwrap_or_else(|reply| panic!("{user:?} with {key:?}: {reply}"));
            sent += 1;
            assert_eq!((ack.seq.get(), ack.duplicate), (sent, false), "{user:?} with {key:?}");
        }
        // Nor does a message without a key stand in anybody's way.
        sent += 1;
        assert_eq!(client.post(BOOK, "no key").await.seq.get(), sent, "{user:?}");
    }
    let mut reader = joined(&server, "reader").await;
    let page = reader.load_previous(BOOK, 9_999, Some(100)).await;
    for message in page
        .messages
        .iter()
        .filter(|message| message.client_message_id.is_some())
    {
        let key = message.client_message_id.as_ref().unwrap();
        assert_eq!(message.content.as_str(), format!("{} {key}", message.user_id));
    }
}

async fn without_a_key_equal_sends_are_two_messages(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = joined(&server, "alice").await;
    for seq in 1..=2 {
        let ack = alice.post(BOOK, "the same").await;
        assert_eq!((ack.seq.get(), ack.duplicate), (seq, false));
    }
    assert_eq!(alice.join(BOOK).await.messages.len(), 2);
}

async fn a_repeated_edit_or_delete_is_one(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = joined(&server, "alice").await;
    let post = alice.try_post(BOOK, "first words", Some("k")).await.unwrap();
    let message = post.message_id;
    let edit = format!(r#"{{"bookId":{BOOK},"messageId":"{message}","content":"better words","clientMessageId":"k"}}"#);
    let delete = format!(r#"{{"bookId":{BOOK},"messageId":"{message}","clientMessageId":"k"}}"#);
    let mut number = 1_000_u32;
    let mut acks = Vec::new();
    // A key of an edit is none of a post's or a delete's.
    for (event, data) in [
        ("editMessage", &edit),
        ("editMessage", &edit),
        ("deleteMessage", &delete),
        ("deleteMessage", &delete),
    ] {
        number += 1;
        alice
            .send_text(&format!(r#"{{"event":"{event}","id":{number},"data":{data}}}"#))
            .await;
        let ack = appended(alice.answer(number.into()).await.unwrap());
        acks.push((ack.seq.get(), ack.duplicate));
    }
    assert_eq!(acks, [(2, false), (2, true), (3, false), (3, true)]);
    // The post's own key still answers for the post, which is withdrawn and stays so.
    let repeat = alice.try_post(BOOK, "first words", Some("k")).await.unwrap();
    assert_eq!((repeat.seq.get(), repeat.duplicate), (1, true));
    assert_eq!(alice.join(BOOK).await.messages, []);
}
