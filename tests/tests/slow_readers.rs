//! Who does not read, or does not answer, is let go; nobody waits for them.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::client::{Client, posting};
use e2e::{Server, Store, within};
use readrealm_protocol::ServerEvent;
use tokio::io::AsyncReadExt;
use tokio::net::TcpSocket;

const BOOK: u32 = 2701;

/// More than the sockets of a connection hold between them (4 MiB to send by default, and a small window to receive).
const FLOOD: usize = 700;

async fn start(flags: &str) -> Server {
    let unlimited = ["--messages-per-second", "0", "--user-messages-per-second", "0"];
    let flags: Vec<&str> = unlimited.into_iter().chain(flags.split_whitespace()).collect();
    Server::start_with(&Store::memory(), &flags).await
}

/// A member whose socket takes little, and who reads nothing of it.
async fn joined_and_deaf(server: &Server) -> Client {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(16 * 1024).unwrap();
    let (mut deaf, _) = Client::connect_through(socket, server, "deaf", &[]).await.unwrap();
    deaf.join(BOOK).await;
    deaf
}

/// Posts 11 MB, and sees to it that a member who reads gets everything.
async fn flood(server: &Server) {
    let mut alice = Client::connect(server, "alice").await;
    let mut bob = Client::connect(server, "bob").await;
    alice.join(BOOK).await;
    bob.join(BOOK).await;
    let content = "\u{1f408}".repeat(4_000);
    for seq in 1..=FLOOD {
        let id = alice.request(posting(BOOK, &content, None)).await;
        assert_eq!(alice.next_message().await.seq.get(), seq as u64);
        alice.answer(id).await.unwrap();
        assert_eq!(bob.next_message().await.seq.get(), seq as u64);
    }
}

#[tokio::test]
async fn a_reader_who_does_not_read_is_closed_with_4008_and_others_get_everything() {
    let server = start("--outbox-bytes 65536").await;
    let mut deaf = joined_and_deaf(&server).await;
    flood(&server).await;
    let (code, reason) = deaf.closed().await;
    assert_eq!(code, 4008, "{reason}");
}

#[tokio::test]
async fn without_a_bound_a_late_reader_gets_everything() {
    let server = start("--outbox-bytes 0").await;
    let mut deaf = joined_and_deaf(&server).await;
    flood(&server).await;
    for seq in 1..=FLOOD {
        assert_eq!(deaf.next_message().await.seq.get(), seq as u64);
    }
}

#[tokio::test]
async fn a_connection_is_pinged_and_lives_while_it_answers() {
    let server = start("--ping-interval 100ms --idle-timeout 2s").await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(BOOK).await;
    // Longer than it may be silent.
    for _ in 0..30 {
        alice.pinged().await;
    }
    alice.post(BOOK, "still here").await;
}

#[tokio::test]
async fn a_silent_peer_is_let_go_unless_silence_is_allowed() {
    let strict = start("--ping-interval 100ms --idle-timeout 2s").await;
    let patient = start("--ping-interval 100ms --idle-timeout 0").await;
    let mut silent = Client::connect(&strict, "silent").await;
    let mut allowed = Client::connect(&patient, "silent").await;
    silent.join(BOOK).await;
    allowed.join(BOOK).await;
    // Read past the WebSocket, so that no ping is answered.
    let mut pings = Vec::new();
    let _ = within("the silent peer to be let go", silent.raw().read_to_end(&mut pings)).await;
    assert!(!pings.is_empty(), "it was asked before");
    allowed.post(BOOK, "still here").await;
}

#[tokio::test]
async fn without_pings_a_quiet_connection_is_let_go_by_the_idle_timeout_alone() {
    let server = start("--ping-interval 0 --idle-timeout 2s").await;
    let mut quiet = Client::connect(&server, "quiet").await;
    let mut talking = Client::connect(&server, "talking").await;
    quiet.join(BOOK).await;
    talking.join(BOOK).await;
    let closed = within("the quiet connection to be let go", quiet.closed());
    tokio::pin!(closed);
    loop {
        tokio::select! {
            _ = &mut closed => break,
            event = async { talking.post(BOOK, "a sign of life").await; talking.next().await } => {
                assert!(matches!(event.event, ServerEvent::Message(_) | ServerEvent::UserLeft(_)), "{event:?}");
            }
        }
    }
    talking.post(BOOK, "still here").await;
}
