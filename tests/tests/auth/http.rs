//! Reading a room's history without a socket.

use std::fmt::Write;

use e2e::client::Client;
use e2e::token::token;
use e2e::{Server, Store, within};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::BOOK;

/// The whole answer, its head in small letters.
pub(crate) async fn ask(server: &Server, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String, Value) {
    send(server, method, path, headers, "").await
}

/// The same for a request with a body.
pub(crate) async fn send(
    server: &Server,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String, Value) {
    let mut lines = String::new();
    for (name, value) in headers {
        write!(lines, "{name}: {value}\r\n").unwrap();
    }
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: chat.example\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
    );
    let answer = within(path, async {
        let mut socket = TcpStream::connect(server.address()).await?;
        socket.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        socket.read_to_string(&mut answer).await?;
        std::io::Result::Ok(answer)
    });
    let answer = answer.await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let body = serde_json::from_str(body).unwrap_or(Value::Null);
    (status, head.to_ascii_lowercase(), body)
}

pub(crate) fn path(book: u32) -> String {
    format!("/rooms/{book}/messages")
}

#[tokio::test]
async fn a_token_opens_its_rooms_and_no_other() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let mut ann = Client::known(&server, "ann", json!({})).await;
    ann.join(BOOK).await;
    ann.post(BOOK, "hello").await;
    let bearer = format!("Bearer {}", token("bot", json!({ "rooms": [BOOK] })));
    for scheme in [bearer.clone(), bearer.replace("Bearer", "bearer")] {
        let (status, _, body) = ask(&server, "GET", &path(BOOK), &[("authorization", &scheme)]).await;
        assert_eq!((status, &body["messages"][0]["content"]), (200, &json!("hello")));
    }
    let (status, head, body) = ask(&server, "GET", &path(8), &[("authorization", &bearer)]).await;
    assert_eq!((status, &body["code"]), (403, &json!("forbidden")));
    assert!(!head.contains("www-authenticate"), "{head}");
}

#[tokio::test]
async fn without_a_token_that_is_right_it_is_401_and_says_how() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let expired = format!("Bearer {}", token("ann", json!({ "exp": 1 })));
    for (authorization, challenge) in [
        (None, "www-authenticate: bearer\r\n"),
        (Some("Basic YW5uOmFubg=="), "www-authenticate: bearer\r\n"),
        (
            Some("Bearer garbage"),
            "www-authenticate: bearer error=\"invalid_token\"\r\n",
        ),
        (Some(&*expired), "www-authenticate: bearer error=\"invalid_token\"\r\n"),
    ] {
        let headers: Vec<_> = authorization
            .map(|value| ("authorization", value))
            .into_iter()
            .collect();
        for path in [path(BOOK), "/rooms/nonsense/messages".to_owned()] {
            let (status, head, body) = ask(&server, "GET", &path, &headers).await;
            assert_eq!(
                (status, &body["code"]),
                (401, &json!("unauthorized")),
                "{authorization:?}"
            );
            assert!(head.contains(challenge) && head.contains("no-store"), "{head}");
        }
    }
}

#[tokio::test]
async fn pages_of_allowed_origins_may_send_their_token() {
    let flags = ["--allow-origin", "https://books.example"];
    let server = Server::start_with_secret(&Store::memory(), &flags).await;
    let asks = |origin| {
        [
            ("origin", origin),
            ("access-control-request-method", "GET"),
            ("access-control-request-headers", "authorization"),
        ]
    };
    for origin in ["https://books.example", "http://localhost:5173", "https://chat.example"] {
        let (status, head, _) = ask(&server, "OPTIONS", &path(BOOK), &asks(origin)).await;
        assert_eq!(status, 204, "{head}");
        for line in [
            &*format!("access-control-allow-origin: {origin}"),
            "access-control-allow-headers: authorization",
            "access-control-allow-methods: get",
            "vary: origin",
        ] {
            assert!(head.contains(line), "{line}: {head}");
        }
        // The page may read why it was refused, too.
        let (status, head, _) = ask(&server, "GET", &path(BOOK), &[("origin", origin)]).await;
        assert_eq!(status, 401);
        for line in [
            &*format!("access-control-allow-origin: {origin}"),
            "access-control-expose-headers: retry-after, x-request-id",
        ] {
            assert!(head.contains(line), "{line}: {head}");
        }
    }
    for method in ["OPTIONS", "GET"] {
        let (status, head, _) = ask(&server, method, &path(BOOK), &asks("https://evil.example")).await;
        assert_eq!(status, 403, "{head}");
        assert!(!head.contains("access-control-"), "{head}");
    }
}
