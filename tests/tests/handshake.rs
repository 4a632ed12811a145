//! Who is let in: the pages of which origins, which subprotocol, which addresses.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use e2e::client::Client;
use e2e::{Server, Store, within};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BOOK: u32 = 5;

async fn is_served(server: &Server, headers: &[(&str, &str)]) {
    let (mut client, _) = Client::connect_with(server, "alice", headers)
        .await
        .expect("the handshake succeeds");
    client.join(BOOK).await;
}

#[tokio::test]
async fn pages_of_a_foreign_origin_are_closed_with_4103() {
    let server = Server::start(&Store::memory()).await;
    let foreign = [
        "https://evil.example",
        "null",
        "file://",
        "https://localhost.evil.example",
        "http://127.0.0.1.evil.example",
    ];
    for origin in foreign {
        // The handshake succeeds: a browser tells a page nothing of one that fails.
        let (mut client, _) = Client::connect_with(&server, "mallory", &[("origin", origin)])
            .await
            .unwrap();
        let (code, reason) = client.closed().await;
        assert_eq!(code, 4103, "{origin}: {reason}");
        // Once the close is answered the server ends the connection: a page hears of it then, and its place is free.
        let answered = Instant::now();
        client.closed().await;
        assert!(answered.elapsed() < Duration::from_secs(1), "{:?}", answered.elapsed());
    }
}

/// A page whose own name was made to lead here is of the same host, as its browser sees it.
#[tokio::test]
async fn at_loopback_without_a_key_a_strangers_name_is_not_answered_to() {
    let server = Server::start(&Store::memory()).await;
    let host = format!("evil.example:{}", server.address().port());
    let origin = format!("http://{host}");
    for headers in [&[("host", &*host), ("origin", &*origin)][..], &[("host", &*host)]] {
        let (mut client, _) = Client::connect_with(&server, "mallory", headers).await.unwrap();
        assert_eq!(client.closed().await.0, 4103);
    }
    for path in ["/rooms/1/messages", "/socket.io/?EIO=4&transport=polling"] {
        let (status, body) = server.get_as(path, &host).await;
        assert_eq!(status, 403, "{path}: {body}");
        let port = server.address().port();
        assert_eq!(server.get_as(path, &format!("localhost:{port}")).await.0, 200, "{path}");
    }
}

#[tokio::test]
async fn no_origin_the_same_host_localhost_and_allowed_origins_are_served() {
    let flags = [
        "--allow-origin",
        "https://books.example",
        "--allow-origin",
        "https://other.example:8443",
    ];
    let server = Server::start_with(&Store::memory(), &flags).await;
    is_served(&server, &[]).await;
    let same_host = format!("http://{}", server.address());
    for origin in [
        &*same_host,
        "http://localhost:5173",
        "https://localhost",
        "http://127.0.0.1:8080",
        "http://[::1]:3000",
        "https://books.example",
        "https://other.example:8443",
    ] {
        is_served(&server, &[("origin", origin)]).await;
    }
    is_served(&server, &[("host", "books.example")]).await;
    let anybodys = Server::start_with(&Store::memory(), &["--allow-anonymous"]).await;
    let same_host = [("host", "chat.example"), ("origin", "https://chat.example")];
    is_served(&anybodys, &same_host).await;
    for origin in [
        "http://books.example",
        "https://books.example:444",
        "https://other.example",
    ] {
        let (mut client, _) = Client::connect_with(&server, "mallory", &[("origin", origin)])
            .await
            .unwrap();
        assert_eq!(client.closed().await.0, 4103, "{origin}");
    }
}

#[tokio::test]
async fn the_subprotocol_is_taken_when_offered_and_not_required() {
    let server = Server::start(&Store::memory()).await;
    for offered in ["readrealm.v1", "other, readrealm.v1"] {
        let (mut client, response) = Client::connect_with(&server, "alice", &[("sec-websocket-protocol", offered)])
            .await
            .unwrap();
        let answered = response
            .headers()
            .get("sec-websocket-protocol")
            .map(|name| name.to_str().unwrap());
        assert_eq!(answered, Some("readrealm.v1"), "{offered}");
        client.join(BOOK).await;
    }
    let (mut client, response) = Client::connect_with(&server, "alice", &[]).await.unwrap();
    assert_eq!(response.headers().get("sec-websocket-protocol"), None);
    client.join(BOOK).await;
}

#[tokio::test]
async fn a_plain_get_is_told_to_upgrade() {
    let server = Server::start(&Store::memory()).await;
    assert_eq!(server.get("/ws").await.0, 426);
}

#[tokio::test]
async fn a_key_that_is_not_16_bytes_in_base64_is_answered_400() {
    let server = Server::start(&Store::memory()).await;
    for key in [
        "",
        "short",
        "AAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        "AAAAAAAAAAAAAAAAAAAAAB==",
        "AAAAAAAAAAAAAAAAAAAA-A==",
        "AAAAAAAAAAAAAAAAAAAAAA=",
    ] {
        // The library's own key stands there, and this one takes its place.
        let refused = Client::connect_with(&server, "mallory", &[("sec-websocket-key", key)]).await;
        assert_eq!(refused.unwrap_err(), 400, "{key:?}");
    }
}

/// The answer to bytes that no client of the library sends.
async fn told(server: &Server, request: &str) -> String {
    let answer = within(request, async {
        let mut socket = TcpStream::connect(server.address()).await?;
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    });
    answer.await.unwrap()
}

#[tokio::test]
async fn a_handshake_is_a_get() {
    let server = Server::start(&Store::memory()).await;
    let upgrade = "Connection: close, upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n";
    for method in ["HEAD", "POST", "PUT"] {
        let answer = told(
            &server,
            &format!("{method} /ws HTTP/1.1\r\nHost: localhost\r\n{upgrade}"),
        )
        .await;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{method}: {answer}");
        assert!(
            answer.to_ascii_lowercase().contains("\r\nallow: get"),
            "{method}: {answer}"
        );
    }
}

#[tokio::test]
async fn a_request_names_one_host() {
    let server = Server::start(&Store::memory()).await;
    let end = "Connection: close\r\n\r\n";
    for (head, status) in [
        ("GET /healthz HTTP/1.1\r\n", 400),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n", 400),
        (
            "GET /rooms/1/messages HTTP/1.1\r\nHost: localhost\r\nhost: evil.example\r\n",
            400,
        ),
        (
            "GET /ws HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\nOrigin: http://evil.example\r\n",
            400,
        ),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\n", 200),
        ("GET /healthz HTTP/1.0\r\n", 200),
        ("GET /healthz HTTP/1.0\r\nHost: a\r\nHost: b\r\n", 400),
    ] {
        let answer = told(&server, &format!("{head}{end}")).await;
        assert_eq!(answer.split(' ').nth(1), Some(&*status.to_string()), "{head}{answer}");
    }
}

#[tokio::test]
async fn other_than_loopback_needs_allow_anonymous() {
    let store = Store::memory();
    let refused = Server::try_start(&store, &["--listen", "0.0.0.0:0"])
        .await
        .expect_err("it must not start");
    assert!(!refused.status.success());
    let sentences: Vec<&str> = refused
        .stderr
        .lines()
        .filter(|line| line.contains("--allow-anonymous"))
        .collect();
    assert_eq!(sentences.len(), 1, "one clear sentence: {}", refused.stderr);
    assert!(!refused.stderr.contains("panicked"), "{}", refused.stderr);

    let server = Server::try_start(&store, &["--listen", "0.0.0.0:0", "--allow-anonymous"]).await;
    assert!(server.is_ok());
}

#[tokio::test]
async fn bad_arguments_are_refused_with_a_sentence() {
    let store = Store::memory();
    for arguments in [
        &["--ping-interval", "soon"][..],
        &["--messages-per-second", "-1"],
        &["--store", "postgres://localhost/x"],
        &["--no-such-flag"],
        &["--listen", "nowhere"],
    ] {
        let refused = Server::try_start(&store, arguments)
            .await
            .expect_err("it must not start");
        assert!(!refused.status.success(), "{arguments:?}");
        assert!(refused.stderr.contains("error"), "{arguments:?}: {}", refused.stderr);
    }
}
