//! Too slow, and too many that only connect: every step to a first frame has its time, what is no WebSocket has its bound,
//! and who talks notices neither.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use e2e::client::Client;
use e2e::{PATIENCE, Server, Store, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpSocket, TcpStream};

const BOOK: u32 = 11;

/// What the server of most tests gives every step.
const TIME: Duration = Duration::from_millis(700);
const QUICK: [&str; 2] = ["--handshake-timeout", "700ms"];

async fn start(flags: &[&str]) -> Server {
    Server::start_with(&Store::memory(), flags).await
}

/// How long it takes until the server closes the connection, which must be after `TIME`.
async fn closed(mut socket: TcpStream, begun: Instant) {
    let mut rest = Vec::new();
    // A reset is a close as well.
    let _ = within("the server to give up", socket.read_to_end(&mut rest)).await;
    assert!(begun.elapsed() >= TIME, "{:?}", begun.elapsed());
    assert_eq!(String::from_utf8_lossy(&rest), "");
}

#[tokio::test]
async fn who_sends_no_head_or_no_end_of_it_is_closed() {
    let server = start(&QUICK).await;
    let begun = Instant::now();
    let silent = TcpStream::connect(server.address()).await.unwrap();
    let mut half = TcpStream::connect(server.address()).await.unwrap();
    half.write_all(b"GET /ws HTTP/1.1\r\nHost: chat.exam").await.unwrap();
    let mut dribbling = TcpStream::connect(server.address()).await.unwrap();
    let dribble = async {
        // A byte now and then is no sign of life.
        while dribbling
            .write_all(b"GET / HTTP/1.1\r\n".get(..1).unwrap())
            .await
            .is_ok()
        {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        begun.elapsed()
    };
    let (dribbled, (), ()) = tokio::join!(
        within("the server to give up the one that dribbles", dribble),
        closed(silent, begun),
        closed(half, begun)
    );
    assert!(dribbled >= TIME, "{dribbled:?}");
}

#[tokio::test]
async fn who_shows_no_token_is_closed_with_4101_however_it_idles() {
    let server = Server::start_with_secret(&Store::memory(), &QUICK).await;
    let begun = Instant::now();
    let mut idle = Client::connect(&server, "idle").await;
    let mut half = Client::connect(&server, "half").await;
    // A frame that never ends, as a fragment and pings.
    let mut dribbling = TcpStream::connect(server.address()).await.unwrap();
    let handshake = "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                     Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    dribbling.write_all(handshake.as_bytes()).await.unwrap();
    dribbling.write_all(&[0x01, 0x81, 0, 0, 0, 0, b'{']).await.unwrap();
    half.send_text(r#"{"event":"joinRoom","data":{"bookId":7}}"#).await;
    for client in [&mut idle, &mut half] {
        let (code, reason) = client.closed().await;
        assert_eq!(
            (code, &*reason),
            (4101, "no token came in time; send authenticate first")
        );
        assert!(begun.elapsed() >= TIME);
    }
    let mut rest = Vec::new();
    let ping = async {
        while dribbling.write_all(&[0x89, 0x80, 0, 0, 0, 0]).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let _ = tokio::time::timeout(Duration::from_millis(1), dribbling.read_buf(&mut rest)).await;
        }
    };
    within("the server to give up the one that dribbles", ping).await;
    assert!(rest.windows(2).any(|bytes| bytes == 4101_u16.to_be_bytes()), "{rest:?}");
}

#[tokio::test]
async fn a_connection_serves_many_requests_and_one_after_a_pause() {
    let server = start(&QUICK).await;
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    for pause in [Duration::ZERO, Duration::ZERO, TIME + TIME / 2] {
        // Between requests it may be silent for longer than a head may take.
        tokio::time::sleep(pause).await;
        socket
            .write_all(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
        let mut answer = Vec::new();
        while !answer.ends_with(b"ok\n") {
            let read = within("an answer", socket.read_buf(&mut answer)).await.unwrap();
            assert!(read > 0, "{}", String::from_utf8_lossy(&answer));
        }
    }
    let begun = Instant::now();
    socket.write_all(b"GET /heal").await.unwrap();
    closed(socket, begun).await;
}

#[tokio::test]
async fn who_only_connects_takes_nothing_from_who_talks() {
    let server = start(&["--max-http-connections", "20", "--handshake-timeout", "60s"]).await;
    let mut ann = Client::connect(&server, "ann").await;
    ann.join(BOOK).await;
    let (mut silent, mut closed) = (Vec::new(), 0);
    for _ in 0..30 {
        // One may be closed before it knows that it was connected.
        match TcpStream::connect(server.address()).await {
            Ok(socket) => silent.push(socket),
            Err(_) => closed += 1,
        }
    }
    // Ten of them are one too many.
    for socket in &mut silent {
        let one = tokio::time::timeout(Duration::from_millis(100), socket.read_u8()).await;
        closed += usize::from(one.is_ok());
    }
    assert_eq!(closed, 10);
    ann.post(BOOK, "those inside notice nothing").await;
    drop(silent);
    let begun = Instant::now();
    while Client::dial(server.address(), "bob").await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "places come free");
    }
}

#[tokio::test]
async fn one_address_cannot_take_all_places() {
    let server = start(&["--max-connections-per-address", "3", "--handshake-timeout", "60s"]).await;
    let mut silent = Vec::new();
    for _ in 0..3 {
        silent.push(TcpStream::connect(server.address()).await.unwrap());
    }
    // It too may be closed before it knows that it was connected.
    let fourth = async { TcpStream::connect(server.address()).await?.read_u8().await };
    assert!(within("the fourth to be closed", fourth).await.is_err());
    if cfg!(target_os = "linux") {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let (mut neighbour, _) = Client::connect_through(socket, &server, "dan", &[]).await.unwrap();
        neighbour.join(BOOK).await;
    }
}

#[tokio::test]
async fn a_head_that_is_too_large_is_answered_431() {
    let server = start(&QUICK).await;
    // As much as is read and no end: a system throws the answer away where something is left unread. Then one that fits.
    for (bytes, ends, status) in [(32 * 1024, "", "431"), (30 * 1024, "\r\n\r\n", "200")] {
        let begins = "GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Padding: ";
        let padding = "x".repeat(bytes - begins.len() - ends.len());
        let mut socket = TcpStream::connect(server.address()).await.unwrap();
        let head = format!("{begins}{padding}{ends}");
        socket.write_all(head.as_bytes()).await.unwrap();
        let mut answer = String::new();
        within("an answer", socket.read_to_string(&mut answer)).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{bytes}: {answer}");
    }
}
