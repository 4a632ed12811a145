//! How often an address may ask over plain HTTP, over real sockets that are kept: what a pace of new connections does not see.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use e2e::client::Client;
use e2e::{Server, Store, within};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// Sixty at once, and another one a second.
const SLOW: [&str; 4] = ["--requests-per-second", "1", "--max-connections-per-address", "20"];

async fn start(flags: &[&str]) -> Server {
    Server::start_with(&Store::memory(), flags).await
}

/// A connection over which many requests go.
struct Kept(BufReader<TcpStream>);

impl Kept {
    async fn open(server: &Server) -> Self {
        Self(BufReader::new(TcpStream::connect(server.address()).await.unwrap()))
    }

    /// The answer to one: its head in small letters, and its body.
    async fn ask(&mut self, path: &str, headers: &str) -> (String, String) {
        let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n");
        let asking = async {
            self.0.write_all(request.as_bytes()).await.unwrap();
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                assert_ne!(self.0.read_line(&mut head).await.unwrap(), 0, "closed after {head:?}");
            }
            let head = head.to_lowercase();
            let length = head.split("content-length: ").nth(1).unwrap_or("0");
            let mut body = vec![0; length.lines().next().unwrap().parse().unwrap()];
            self.0.read_exact(&mut body).await.unwrap();
            (head, String::from_utf8(body).unwrap())
        };
        within(&format!("GET {path}"), asking).await
    }

    /// Asks until that is too often. Returns how many were answered before beyond those that came free meanwhile, and that answer.
    async fn ask_too_often(&mut self, path: &str, headers: &str) -> (u64, String, String) {
        let begun = Instant::now();
        for answered in 0..1_000u64 {
            let (head, body) = self.ask(path, headers).await;
            if head.starts_with("http/1.1 429 ") {
                return (answered.saturating_sub(begun.elapsed().as_secs()), head, body);
            }
        }
        panic!("all are answered")
    }

    async fn ended(mut self) -> bool {
        within("the end", self.0.read_to_end(&mut Vec::new())).await.is_ok()
    }
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_told_so_and_its_connection_ends() {
    let page = tempfile::tempdir().unwrap();
    std::fs::write(page.path().join("index.html"), "the page").unwrap();
    let folder = ["--static-dir", page.path().to_str().unwrap()];
    let server = start(&[&SLOW[..], &folder].concat()).await;
    let mut kept = Kept::open(&server).await;
    let (answered, head, body) = kept.ask_too_often("/", "").await;
    assert!((59..=60).contains(&answered), "{answered}");
    for header in [
        "retry-after: 1",
        "cache-control: no-store",
        "connection: close",
        "x-content-type-options: nosniff",
        "x-request-id: ",
    ] {
        assert!(head.contains(&format!("\r\n{header}")), "{header}: {head}");
    }
    assert!(
        body.contains(r#""code":"rate_limited""#) && body.contains(r#""retryAfterMs":"#),
        "{body}"
    );
    assert!(kept.ended().await);

    // Whatever it asks for; a page may read why.
    for path in ["/assets/none.js", "/rooms/1/messages", "/metrics"] {
        let origin = "Origin: http://localhost:5173\r\n";
        let (_, head, _) = Kept::open(&server).await.ask_too_often(path, origin).await;
        let readable = head.contains("access-control-allow-origin: http://localhost:5173\r\n");
        assert_eq!(readable, path.starts_with("/rooms"), "{head}");
    }
    // What probes and operators ask is not counted, nor is what has bounds of its own.
    for (path, status) in [
        ("/healthz", 200),
        ("/readyz", 200),
        ("/admin/revocations", 404),
        ("/ws", 426),
        ("/socket.io/?EIO=4&transport=polling", 200),
    ] {
        assert_eq!(server.get(path).await.0, status, "{path}");
    }
    Client::connect(&server, "ann").await.join(1).await;

    let log = server.process().stderr();
    assert_eq!(log.matches("name it by --trust-proxy").count(), 1, "{log}");
    assert!(
        log.contains("127.0.0.1") && log.contains("--requests-per-second"),
        "{log}"
    );
    tokio::time::sleep(Duration::from_millis(1_001)).await;
    let limited = server
        .metrics()
        .await
        .of(r#"readrealm_limited_total{limit="requests"}"#);
    assert!(limited >= 4.0, "{limited}");
}

#[tokio::test]
async fn behind_a_trusted_proxy_each_client_has_a_pace_and_the_connection_stays() {
    let server = start(&[&SLOW[..], &["--trust-proxy", "127.0.0.1"]].concat()).await;
    let mut kept = Kept::open(&server).await;
    let (answered, head, _) = kept.ask_too_often("/", "X-Forwarded-For: 203.0.113.1\r\n").await;
    assert!((59..=60).contains(&answered), "{answered}");
    assert!(!head.contains("connection: close"), "{head}");
    let (head, _) = kept.ask("/", "X-Forwarded-For: 203.0.113.2\r\n").await;
    assert!(head.starts_with("http/1.1 404 "), "{head}");
}

#[tokio::test]
async fn by_default_a_page_is_never_too_much_and_zero_is_off() {
    for (flags, most) in [
        (&[][..], 1_000),
        (
            &["--requests-per-second", "0", "--max-connections-per-address", "1"],
            200,
        ),
        (
            &["--requests-per-second", "1", "--max-connections-per-address", "0"],
            200,
        ),
    ] {
        let server = start(flags).await;
        let mut kept = Kept::open(&server).await;
        for asked in 0..most {
            let (head, _) = kept.ask("/metrics", "").await;
            assert!(head.starts_with("http/1.1 200 "), "{flags:?} {asked}: {head}");
        }
    }
}
