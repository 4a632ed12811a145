//! The main job: readers join, get the newest messages, talk, and everything is there after `kill -9`.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::client::{Client, appended, posting};
use e2e::{Checker, Server, Store};
use readrealm_protocol::{ErrorCode, ServerEvent};

e2e::on_durable_stores!(
    history_survives_kill_9,
    two_members_see_one_order,
    a_message_has_exactly_the_promised_fields,
    a_send_pipelined_behind_its_join_works,
    leaving_stops_delivery,
);

const BOOK: u32 = 28_520;

fn places(messages: &[readrealm_protocol::Message]) -> Vec<u64> {
    messages.iter().map(|message| message.seq.get()).collect()
}

fn down(from: u64, to: u64) -> Vec<u64> {
    (to..=from).rev().collect()
}

async fn history_survives_kill_9(store: Store) {
    let mut server = Server::start(&store).await;
    let mut alice = Client::connect(&server, "alice").await;
    let empty = alice.join(BOOK).await;
    assert_eq!((empty.seq.get(), empty.messages.len(), empty.has_more), (0, 0, false));
    let mut checker = Checker::default();
    for n in 1..=60 {
        let content = format!("message {n}");
        checker.acked(&alice.post(BOOK, &content).await, &content);
    }
    server.kill();
    server.restart().await;

    let mut bob = Client::connect(&server, "bob").await;
    let state = bob.join(BOOK).await;
    assert_eq!(places(&state.messages), down(60, 11), "the newest 50, newest first");
    assert!(state.has_more);
    assert_eq!(state.seq.get(), 60);
    assert_eq!(state.epoch, empty.epoch, "the log is the same");
    checker.read("bob", &state.messages);

    let page = bob.load_previous(BOOK, 11, None).await;
    assert_eq!(
        (places(&page.messages), page.has_more, page.seq.get()),
        (down(10, 1), false, 60)
    );
    checker.read("bob", &page.messages);
    let page = bob.load_previous(BOOK, 11, Some(4)).await;
    assert_eq!((places(&page.messages), page.has_more), (down(10, 7), true));
    let page = bob.load_previous(BOOK, 61, Some(100)).await;
    assert_eq!((places(&page.messages), page.has_more), (down(60, 1), false));
    let page = bob.load_previous(BOOK, 1, None).await;
    assert_eq!((places(&page.messages), page.has_more), (vec![], false));

    let next = bob.post(BOOK, "message 61").await;
    assert_eq!(next.seq.get(), 61, "the order goes on where it ended");
    checker.acked(&next, "message 61");
    checker.heard("bob", &bob.next_message().await);
    checker.verify(61);
}

async fn two_members_see_one_order(store: Store) {
    const EACH: u64 = 40;
    let server = Server::start(&store).await;
    let mut alice = Client::connect(&server, "alice").await;
    let mut bob = Client::connect(&server, "bob").await;
    alice.join(BOOK).await;
    bob.join(BOOK).await;
    let mut checker = Checker::default();
    // Both at once, and nobody waits for an answer.
    let talk = async |client: &mut Client| {
        let mut sent = Vec::new();
        for n in 0..EACH {
            let content = format!("{} {n}", client.user);
            sent.push((client.request(posting(BOOK, &content, None)).await, content));
        }
        sent
    };
    let (sent_by_alice, sent_by_bob) = tokio::join!(talk(&mut alice), talk(&mut bob));
    for (client, sent) in [(&mut alice, sent_by_alice), (&mut bob, sent_by_bob)] {
        let name = client.user.clone();
        let mut heard = Vec::new();
        for _ in 0..2 * EACH {
            let message = client.next_message().await;
            checker.heard(&name, &message);
            heard.push(message.content.to_string());
        }
        for (id, content) in &sent {
            checker.acked(&appended(client.answer(*id).await.unwrap()), content);
        }
        let own: Vec<_> = heard.into_iter().filter(|content| content.starts_with(&name)).collect();
        let in_order: Vec<_> = sent.into_iter().map(|(_, content)| content).collect();
        assert_eq!(
            own, in_order,
            "accepted sends of one connection stand in the order they were sent"
        );
    }
    checker.verify(2 * EACH);
}

async fn a_message_has_exactly_the_promised_fields(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(BOOK).await;
    let content = "The Cheshire Cat scene is my favourite! \u{1f63a} \"quoted\" \\ <b> \u{0} and a\nline";
    let id = alice
        .request(posting(BOOK, &format!("  {content}\n "), Some("k-1_A")))
        .await;

    // The sender hears its own message, and only then that it is durable.
    let heard = alice.hear("anything", |_| true).await;
    let ack = alice.hear("anything", |_| true).await;
    assert_eq!(heard.frame.id, None);
    assert_eq!(ack.frame.id, Some(id), "{}", ack.text);

    let frame: serde_json::Value = serde_json::from_str(&heard.text).unwrap();
    let at = frame["data"]["createdAt"].as_str().unwrap().to_owned();
    let expected = serde_json::json!({
        "event": "message",
        "seq": 1,
        "data": {
            "id": "28520-1", "seq": 1, "bookId": 28520, "userId": "alice", "username": "alice", "content": content,
            "createdAt": at, "updatedAt": at, "clientMessageId": "k-1_A",
        },
    });
    assert_eq!(frame, expected);
    let pattern: String = at.chars().map(|c| if c.is_ascii_digit() { '9' } else { c }).collect();
    assert_eq!(pattern, "9999-99-99T99:99:99.999Z", "{at}");
    let acked: serde_json::Value = serde_json::from_str(&ack.text).unwrap();
    let data = serde_json::json!({"messageId": "28520-1", "seq": 1, "createdAt": at, "duplicate": false});
    assert_eq!(acked, serde_json::json!({"event": "ack", "id": id.get(), "data": data}));

    alice.post(BOOK, "without a key").await;
    let keyless = alice.hear("a message", |frame| frame.seq.is_some()).await;
    assert!(!keyless.text.contains("clientMessageId"), "{}", keyless.text);

    // The same object stands in the history.
    let joining = alice.joining(BOOK);
    let id = alice.request(joining).await;
    let state = alice.hear("previousMessages", |frame| frame.id == Some(id)).await;
    let state: serde_json::Value = serde_json::from_str(&state.text).unwrap();
    assert_eq!(state["data"]["messages"][1], expected["data"]);
    let members = serde_json::json!({"count": 1, "users": [{"userId": "alice", "username": "alice"}]});
    assert_eq!(state["data"]["members"], members);
}

async fn a_send_pipelined_behind_its_join_works(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = Client::connect(&server, "alice").await;
    let joining = alice.joining(BOOK);
    let join = alice.request(joining).await;
    let sends = [
        alice.request(posting(BOOK, "first", None)).await,
        alice.request(posting(BOOK, "second", None)).await,
    ];
    let state = alice.next().await;
    assert_eq!(state.id, Some(join), "the join is answered first: {state:?}");
    for (send, seq) in sends.into_iter().zip(1..) {
        assert_eq!(appended(alice.answer(send).await.unwrap()).seq.get(), seq);
    }
    assert_eq!(alice.next_message().await.content.as_str(), "first");
    assert_eq!(alice.next_message().await.content.as_str(), "second");
}

async fn leaving_stops_delivery(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = Client::connect(&server, "alice").await;
    let mut bob = Client::connect(&server, "bob").await;
    alice.join(BOOK).await;
    alice.join(BOOK + 1).await;
    bob.join(BOOK).await;
    alice.leave(BOOK).await;
    alice.drain().await;
    bob.post(BOOK, "is anybody here?").await;
    assert_eq!(alice.drain().await, [], "alice has left");
    let refused = alice.try_post(BOOK, "no", None).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::NotJoined);

    alice.post(BOOK + 1, "the other room is as it was").await;
    let state = alice.join(BOOK).await;
    assert_eq!(
        places(&state.messages),
        [1],
        "what was said meanwhile is in the history"
    );
    bob.post(BOOK, "welcome back").await;
    let heard = alice
        .hear("bob's message", |frame| frame.seq.is_some_and(|seq| seq.get() == 2))
        .await;
    assert!(matches!(heard.frame.event, ServerEvent::Message(_)));
}

#[tokio::test]
async fn a_standalone_mongod_works_as_well() {
    let store = Store::standalone_mongodb().await;
    let mut server = Server::start(&store).await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(BOOK).await;
    alice.post(BOOK, "kept").await;
    server.restart().await;
    let mut bob = Client::connect(&server, "bob").await;
    assert_eq!(bob.join(BOOK).await.messages[0].content.as_str(), "kept");
}
