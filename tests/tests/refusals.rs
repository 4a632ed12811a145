//! Who sends what is refused, without end and without reading, costs little, and nobody else notices.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use e2e::{Client, Server, Store, within};
use tokio::io::AsyncWriteExt;
use tokio::net::TcpSocket;

const BOOK: u32 = 2702;

/// Who floods, and frames each of them sends.
const DEAF: u32 = 20;
const FRAMES: usize = 50_000;

/// What it may take of the server's memory. Each answer that waits takes some hundred bytes: all of them would be 300 MiB.
const GROWTH: f64 = 48.0 * 1024.0 * 1024.0;

const REFUSED: [&str; 3] = [
    r#"{"event":"x"}"#,
    r#"{"event":"message","data":{"bookId":"7"}}"#,
    r#"{"event":"leaveRoom","data":{"bookId":7}}"#,
];

/// A frame of a client (RFC 6455, 5.2), masked with zeros.
fn frame(text: &str) -> Vec<u8> {
    let length = u8::try_from(text.len()).unwrap();
    assert!(length < 126, "it is short");
    [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_refused_without_end_and_reads_nothing_costs_little_and_is_noticed_by_nobody() {
    let server = Server::start(&Store::memory()).await;
    let mut alice = Client::connect(&server, "alice").await;
    let mut bob = Client::connect(&server, "bob").await;
    alice.join(BOOK).await;
    bob.join(BOOK).await;
    let before = server.metrics().await.of("process_resident_memory_bytes");
    let begun = Instant::now();
    let mut floods = Vec::new();
    for n in 0..DEAF {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(16 * 1024).unwrap();
        let (mut deaf, _) = Client::connect_through(socket, &server, "deaf", &[]).await.unwrap();
        let flood = frame(REFUSED[n as usize % REFUSED.len()]).repeat(FRAMES);
        floods.push(tokio::spawn(async move {
            // As far as the server reads, and the systems between.
            let _ = deaf.raw().write_all(&flood).await;
            std::future::pending::<()>().await;
        }));
    }
    let mut told = 0;
    let noticed = async {
        loop {
            told += 1;
            alice.post(BOOK, &format!("{told}")).await;
            assert_eq!(bob.next_message().await.content.as_str(), format!("{told}"));
            let metrics = server.metrics().await;
            let grown = metrics.of("process_resident_memory_bytes") - before;
            assert!(grown < GROWTH, "the server grew by {grown} bytes");
            let held_back = metrics.of(r#"readrealm_limited_total{limit="refusals"}"#);
            if told >= 40 && held_back >= f64::from(DEAF) * 100.0 {
                return metrics;
            }
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    };
    let metrics = within("all who flood to be held back", noticed).await;
    let codes = ["unknown_event", "invalid_data", "not_joined"];
    let answered = codes.map(|code| metrics.of(&format!(r#"readrealm_errors_total{{code="{code}"}}"#)));
    let answered: f64 = answered.into_iter().sum();
    // Two hundred at once for each, and a hundred a second.
    let most = f64::from(DEAF) * (200.0 + 100.0 * (begun.elapsed().as_secs_f64() + 1.0));
    assert!(answered <= most, "{answered} were answered, and {most} may be");
    floods.iter().for_each(tokio::task::JoinHandle::abort);
}
