//! What a load balancer sees of a server that is told to end: it is not ready at once, and serves on for the delay. Then it
//! ends as soon as it can, whoever holds a connection open.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use e2e::{Client, Server, Store, within};
use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BOOK: u32 = 1661;

#[tokio::test]
async fn it_is_not_ready_before_it_closes_anything() {
    let arguments = ["--drain-delay", "2s", "--reconnect-spread", "0"];
    let mut server = Server::start_with(&Store::memory(), &arguments).await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(BOOK).await;
    server.terminate();
    let unready = async {
        loop {
            let (status, body) = server.get("/readyz").await;
            if status != 200 {
                return (status, body);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (status, body) = within("the server not to be ready", unready).await;
    assert_eq!((status, body.as_str()), (503, "shutting down\n"));
    assert_eq!(server.get("/healthz").await.0, 200, "it is not to be killed for that");
    alice.post(BOOK, "as before").await;
    let mut late = Client::connect(&server, "late").await;
    assert_eq!(
        late.join(BOOK).await.seq.get(),
        1,
        "who was sent here a moment before is let in"
    );
    for client in [&mut alice, &mut late] {
        let (code, reason) = client.closed().await;
        assert_eq!((code, reason.as_str()), (4001, "retry in 0 ms"));
    }
    assert_eq!(server.ended().await.code(), Some(0));
}

/// Far less than the ten seconds that `--drain-timeout` and `--handshake-timeout` are by default.
const SOON: Duration = Duration::from_secs(3);

/// A connection that has sent some bytes and stays open.
async fn holding(address: SocketAddr, sent: &str) -> TcpStream {
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    socket.write_all(sent.as_bytes()).await.expect("sent");
    socket
}

/// One that was answered, and may ask again.
async fn kept_alive(address: SocketAddr, path: &str) -> TcpStream {
    let mut socket = holding(address, &format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")).await;
    let mut answer = String::new();
    while !answer.contains("\r\n\r\n") {
        let byte = within("an answer", socket.read_u8()).await.expect("an answer");
        answer.push(byte.into());
    }
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    let length = answer.to_ascii_lowercase();
    let (_, length) = length.split_once("content-length: ").expect("a length");
    let length = length.lines().next().and_then(|length| length.parse().ok());
    let mut body = vec![0; length.expect("a number")];
    within("its body", socket.read_exact(&mut body)).await.expect("a body");
    socket
}

async fn ends_soon(mut server: Server) {
    server.terminate();
    let begun = Instant::now();
    assert_eq!(server.ended().await.code(), Some(0));
    assert!(begun.elapsed() < SOON, "it took {:?}", begun.elapsed());
    let said = server.process().stderr();
    assert!(!said.contains("the drain took longer"), "{said}");
}

#[tokio::test]
async fn with_metrics_listen_and_a_scraper_on_keep_alive_it_ends_at_once() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let monitoring = free.expect("a free port");
    let arguments = ["--metrics-listen", &monitoring.to_string(), "--reconnect-spread", "0"];
    let store = Store::sqlite();
    let server = Server::start_with(&store, &arguments).await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(BOOK).await;
    alice.post(BOOK, "hello").await;
    let _scraper = kept_alive(monitoring, "/metrics").await;
    let _half = holding(monitoring, "GET /metr").await;
    ends_soon(server).await;
    assert_eq!(alice.closed().await.0, 4001);
}

#[tokio::test]
async fn who_asks_half_a_question_or_none_holds_up_no_shutdown() {
    let store = Store::sqlite();
    let server = Server::start(&store).await;
    let address = server.address();
    let _waiting = [
        holding(address, "").await,
        holding(address, "GET /he").await,
        kept_alive(address, "/healthz").await,
    ];
    let mut again = kept_alive(address, "/healthz").await;
    again.write_all(b"GET /healthz HT").await.expect("sent");
    // By then all of them are accepted.
    assert_eq!(server.get("/healthz").await.0, 200);
    ends_soon(server).await;
}

/// Waits until the server has written that to its log.
async fn says(server: &Server, what: &str) {
    let said = async {
        while !server.process().stderr().contains(what) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(what, said).await;
}

#[tokio::test]
async fn a_second_signal_cuts_the_delay_short() {
    let arguments = ["--drain-delay", "10m", "--reconnect-spread", "0"];
    let mut server = Server::start_with(&Store::memory(), &arguments).await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(BOOK).await;
    server.terminate();
    says(&server, "shutting down").await;
    server.process().signal(Signal::SIGINT);
    assert_eq!(alice.closed().await.0, 4001, "it is drained all the same");
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test]
async fn a_third_signal_ends_it_where_it_stands() {
    let secret = "a secret of thirty-two bytes or more";
    let arguments = [
        "--auth-secret",
        secret,
        "--admin-secret",
        "another secret of thirty-two bytes or more",
    ];
    let mut server = Server::start_with(&Store::sqlite(), &arguments).await;
    // A request whose body never comes: its answer is waited for, five seconds.
    let head = "POST /admin/revocations HTTP/1.1\r\nHost: chat\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\
        Authorization: Bearer another secret of thirty-two bytes or more\r\n\r\n";
    let _asking = holding(server.address(), head).await;
    // By then it is accepted.
    assert_eq!(server.get("/healthz").await.0, 200);
    server.terminate();
    says(&server, "shutting down").await;
    server.terminate();
    says(&server, "told again").await;
    server.terminate();
    assert_eq!(
        server.ended().await.code(),
        Some(128 + 15),
        "{}",
        server.process().stderr()
    );
}

#[tokio::test]
async fn sighup_ends_nothing() {
    let mut server = Server::start(&Store::memory()).await;
    server.process().signal(Signal::SIGHUP);
    says(&server, "SIGHUP: there is no certificate to be read anew").await;
    assert_eq!(server.get("/healthz").await.0, 200);
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
}

/// How long a socket is listened to that was let go.
const LISTENED: Duration = Duration::from_secs(2);

/// One that was let go: an app's, which said what is no packet, and does not end its side.
async fn let_go(address: SocketAddr) -> TcpStream {
    let mut socket = holding(address, &handshake(address)).await;
    let mut told = Vec::new();
    while !told.contains(&b'}') {
        let read = within("its session", socket.read_buf(&mut told)).await.expect("read");
        assert!(read > 0, "{}", String::from_utf8_lossy(&told));
    }
    socket.write_all(b"\x81\x81\0\0\0\0x").await.expect("sent");
    within("its end", socket.read_to_end(&mut told))
        .await
        .expect("an end in order");
    socket
}

fn handshake(address: SocketAddr) -> String {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: {address}\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
}

#[tokio::test]
async fn an_app_that_is_listened_to_still_has_its_place_and_is_waited_for() {
    let mut server = Server::start_with(&Store::memory(), &["--max-connections", "1"]).await;
    let address = server.address();
    let begun = Instant::now();
    let _first = let_go(address).await;
    while begun.elapsed() < LISTENED / 4 {
        let mut second = holding(address, &handshake(address)).await;
        let mut answer = [0; 12];
        within("an answer", second.read_exact(&mut answer))
            .await
            .expect("an answer");
        assert!(
            &answer == b"HTTP/1.1 503" || begun.elapsed() > LISTENED,
            "its place is taken"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
    let took = begun.elapsed();
    assert!(took >= LISTENED && took < SOON + SOON, "it took {took:?}");
}

#[tokio::test]
async fn an_app_that_ends_its_side_gives_its_place_back_at_once() {
    let server = Server::start_with(&Store::memory(), &["--max-connections", "1"]).await;
    let address = server.address();
    drop(let_go(address).await);
    let begun = Instant::now();
    while Client::dial(address, "alice").await.is_err() {
        assert!(begun.elapsed() < Duration::from_secs(1), "its place is free");
    }
}
