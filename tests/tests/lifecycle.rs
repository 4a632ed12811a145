//! A server's life: it says where it listens, it is healthy, it drains, and it is alone with its log.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::client::{Client, appended, posting};
use e2e::{Checker, Server, Store};
use readrealm_protocol::ServerEvent;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, frame::coding::CloseCode};

e2e::on_durable_stores!(a_drain_says_4001_and_loses_nothing_acknowledged, a_log_is_its_books_own);

const BOOK: u32 = 1661;

#[tokio::test]
async fn it_says_where_it_listens_and_is_healthy_and_ready() {
    // The harness takes the address from the first line on stdout, `listening on http://127.0.0.1:PORT`, or fails.
    let server = Server::start(&Store::sqlite()).await;
    assert_ne!(server.address().port(), 0);
    for path in ["/healthz", "/readyz"] {
        let (status, body) = server.get(path).await;
        assert_eq!(status, 200, "{path}: {body}");
    }
    assert_eq!(server.get("/nothing/here").await.0, 404);
}

/// The delay in a close reason `… retry in N ms …`.
fn delay(reason: &str) -> Option<u64> {
    reason.split_once("retry in ")?.1.split_once(" ms")?.0.parse().ok()
}

async fn a_drain_says_4001_and_loses_nothing_acknowledged(store: Store) {
    let mut server = Server::start_with(&store, &["--drain-timeout", "10s"]).await;
    let mut clients = Vec::new();
    for n in 0..8 {
        let mut client = Client::connect(&server, &format!("reader {n}")).await;
        client.join(BOOK).await;
        clients.push(client);
    }
    let mut sent = Vec::new();
    for n in 0..60 {
        let content = format!("message {n}");
        sent.push((clients[0].request(posting(BOOK, &content, None)).await, content));
    }
    clients[0].next_message().await;
    server.terminate();

    let mut delays = Vec::new();
    for client in &mut clients {
        let (code, reason) = client.closed().await;
        assert_eq!(code, 4001, "{reason}");
        delays.push(delay(&reason).unwrap_or_else(|| panic!("no delay in {reason:?}")));
    }
    delays.sort_unstable();
    delays.dedup();
    assert!(delays.len() > 1, "reconnects are spread: {delays:?}");
    let status = server.ended().await;
    assert_eq!(status.code(), Some(0), "{}", server.process().stderr());

    let acks: Vec<_> = clients[0]
        .heard()
        .filter_map(|frame| {
            let (_, content) = sent.iter().find(|(id, _)| frame.id == Some(*id))?;
            Some((appended(frame.event.clone()), content))
        })
        .collect();
    let mut checker = Checker::default();
    for (ack, content) in &acks {
        checker.acked(ack, content);
    }

    server.restart().await;
    let mut reader = Client::connect(&server, "later").await;
    reader.join(BOOK).await;
    let page = reader.load_previous(BOOK, 1_000, Some(100)).await;
    checker.read("later", &page.messages);
    checker.verify(page.messages.len() as u64);
    assert!(page.messages.len() >= acks.len());
}

#[tokio::test]
async fn a_drain_is_not_held_up_by_who_does_not_answer() {
    let mut server = Server::start_with(&Store::memory(), &["--drain-timeout", "3s"]).await;
    let mut silent = Client::connect(&server, "silent").await;
    silent.join(BOOK).await;
    let _half_open = tokio::net::TcpStream::connect(server.address()).await.unwrap();
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    assert_eq!(silent.closed().await.0, 4001);
    tokio::net::TcpStream::connect(server.address())
        .await
        .expect_err("nobody listens any more");
}

#[tokio::test]
async fn a_clients_close_is_answered() {
    let server = Server::start(&Store::memory()).await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(BOOK).await;
    let close = CloseFrame {
        code: CloseCode::Normal,
        reason: "".into(),
    };
    alice.send_raw(Message::Close(Some(close))).await;
    assert_eq!(
        alice.closed().await.0,
        1000,
        "without the answer a browser takes it for a failure"
    );
}

#[tokio::test]
async fn a_second_server_on_one_file_refuses_with_a_sentence() {
    let store = Store::sqlite();
    let mut first = Server::start(&store).await;
    let refused = Server::try_start(&store, &[]).await.expect_err("it must not start");
    assert!(!refused.status.success());
    assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);
    let last = refused.stderr.trim_end().lines().last().unwrap_or_default();
    assert!(
        last.starts_with("readrealm-server: ") && last.contains("readrealm.db"),
        "one clear sentence: {}",
        refused.stderr
    );

    let mut alice = Client::connect(&first, "alice").await;
    alice.join(BOOK).await;
    alice.post(BOOK, "the first goes on").await;
    first.kill();
    first.restart().await;
}

async fn a_log_is_its_books_own(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = Client::connect(&server, "alice").await;
    for book in [0, 1, 10, u32::MAX] {
        let state = alice.join(book).await;
        assert_eq!((state.book_id.get(), state.seq.get()), (u64::from(book), 0));
        assert_eq!(alice.post(book, "first here").await.seq.get(), 1);
    }
    for frame in alice.drain().await {
        let ServerEvent::Message(message) = frame.event else {
            panic!("{frame:?}")
        };
        assert_eq!(message.id.to_string(), format!("{}-1", message.book_id));
    }
}
