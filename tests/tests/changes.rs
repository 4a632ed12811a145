//! Edits and deletes: the author's alone, in the room's one order, and what is deleted never comes back.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::client::Client;
use e2e::{Server, Store};
use readrealm_protocol::{ErrorCode, Message, ServerEvent};

e2e::on_durable_stores!(
    changes_share_the_one_order_and_reach_everybody,
    only_the_author_may_change_a_message,
    history_shows_the_current_truth,
    a_message_takes_a_hundred_edits,
);

const BOOK: u32 = 2600;

async fn two(server: &Server) -> (Client, Client) {
    let mut alice = Client::connect(server, "alice").await;
    let mut bob = Client::connect(server, "bob").await;
    alice.join(BOOK).await;
    bob.join(BOOK).await;
    alice.drain().await;
    (alice, bob)
}

async fn changes_share_the_one_order_and_reach_everybody(store: Store) {
    let server = Server::start(&store).await;
    let (mut alice, mut bob) = two(&server).await;
    let first = alice.post(BOOK, "frist").await;
    bob.post(BOOK, "hello").await;
    let edit = alice.edit(BOOK, first.message_id, " first ").await.unwrap();
    assert_eq!(
        (edit.seq.get(), edit.message_id, edit.duplicate),
        (3, first.message_id, false)
    );
    let delete = alice.delete(BOOK, first.message_id).await.unwrap();
    assert_eq!((delete.seq.get(), delete.message_id), (4, first.message_id));
    assert_eq!(bob.post(BOOK, "bye").await.seq.get(), 5);

    for client in [&mut alice, &mut bob] {
        let frames = client.drain().await;
        let order: Vec<_> = frames
            .iter()
            .map(|frame| (frame.event.name(), frame.seq.unwrap().get()))
            .collect();
        let expected = [
            ("message", 1),
            ("message", 2),
            ("messageEdited", 3),
            ("messageDeleted", 4),
            ("message", 5),
        ];
        assert_eq!(order, expected, "{}", client.user);
        let ServerEvent::MessageEdited(edited) = &frames[2].event else {
            unreachable!()
        };
        assert_eq!(
            (edited.id, edited.seq, edited.content.as_str()),
            (first.message_id, first.seq, "first")
        );
        assert_eq!(
            (edited.created_at, edited.updated_at),
            (first.created_at, edit.created_at)
        );
        let ServerEvent::MessageDeleted(deleted) = &frames[3].event else {
            unreachable!()
        };
        assert_eq!(
            (deleted.message_id, deleted.book_id.get()),
            (first.message_id, u64::from(BOOK))
        );
    }
}

async fn only_the_author_may_change_a_message(store: Store) {
    let server = Server::start(&store).await;
    let (mut alice, mut bob) = two(&server).await;
    let message = alice.post(BOOK, "mine").await.message_id;
    assert_eq!(
        bob.edit(BOOK, message, "yours").await.unwrap_err().code,
        ErrorCode::Forbidden
    );
    assert_eq!(bob.delete(BOOK, message).await.unwrap_err().code, ErrorCode::Forbidden);
    assert_eq!(bob.join(BOOK).await.messages[0].content.as_str(), "mine");
    alice.delete(BOOK, message).await.unwrap();
    for refused in [
        alice.edit(BOOK, message, "back?").await,
        alice.delete(BOOK, message).await,
    ] {
        assert_eq!(refused.unwrap_err().code, ErrorCode::MessageNotFound);
    }
    let state = bob.join(BOOK).await;
    assert_eq!(
        (state.seq.get(), state.messages),
        (2, vec![]),
        "what was refused took no position"
    );
}

async fn history_shows_the_current_truth(store: Store) {
    let mut server = Server::start_with(
        &store,
        &["--messages-per-second", "0", "--user-messages-per-second", "0"],
    )
    .await;
    let (mut alice, _) = two(&server).await;
    let mut posts = Vec::new();
    for n in 1..=120 {
        posts.push(alice.post(BOOK, &format!("message {n}")).await.message_id);
    }
    // Every third is deleted, every fifth of the others edited: old ones and new ones.
    let mut expected = Vec::new();
    for (n, message) in (1..=120).zip(&posts) {
        if n % 3 == 0 {
            alice.edit(BOOK, *message, "a secret").await.unwrap();
            alice.delete(BOOK, *message).await.unwrap();
        } else if n % 5 == 0 {
            alice.edit(BOOK, *message, &format!("edited {n}")).await.unwrap();
            expected.push(format!("edited {n}"));
        } else {
            expected.push(format!("message {n}"));
        }
    }
    expected.reverse();
    let words =
        |messages: &[Message]| -> Vec<String> { messages.iter().map(|message| message.content.to_string()).collect() };
    for restarted in [false, true] {
        if restarted {
            server.kill();
            server.restart().await;
        }
        let mut reader = Client::connect(&server, "reader").await;
        let state = reader.join(BOOK).await;
        assert_eq!(words(&state.messages), expected[..50], "restarted: {restarted}");
        assert!(state.has_more);
        let before = state.messages[49].seq.get().try_into().unwrap();
        let page = reader.load_previous(BOOK, before, Some(100)).await;
        assert_eq!((words(&page.messages), page.has_more), (expected[50..].to_vec(), false));
        assert_eq!(page.seq, state.seq);
    }
}

async fn a_message_takes_a_hundred_edits(store: Store) {
    let server = Server::start_with(
        &store,
        &["--messages-per-second", "0", "--user-messages-per-second", "0"],
    )
    .await;
    let (mut alice, _) = two(&server).await;
    let message = alice.post(BOOK, "version 0").await.message_id;
    for n in 1..=100 {
        alice.edit(BOOK, message, &format!("version {n}")).await.unwrap();
    }
    assert_eq!(
        alice.edit(BOOK, message, "version 101").await.unwrap_err().code,
        ErrorCode::TooManyEdits
    );
    assert_eq!(alice.join(BOOK).await.messages[0].content.as_str(), "version 100");
    alice.delete(BOOK, message).await.unwrap();
}
