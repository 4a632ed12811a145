//! Log lines say where they belong, and never what was said, by which token, or with which password.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::client::{Client, posting};
use e2e::mongod::Mongod;
use e2e::token::{Signer, claims};
use e2e::{Server, Store, within};
use mongodb::bson::doc;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const BOOK: u32 = 174;
const SECRET: &str = "canary-secret-of-thirty-two-bytes-or-more";
const ADMIN_SECRET: &str = "canary-admin-secret-of-thirty-two-bytes-or-more";
const PASSWORD: &str = "canary-password";

/// Every level of every crate.
const EVERYTHING: &str = "trace,mongodb=trace,mongodb::command=trace,hyper=trace,rustls=trace,tower=trace";

/// A MongoDB with a user of its own for the server.
async fn store() -> (Store, std::sync::Arc<Mongod>) {
    let mongod = Mongod::shared().await;
    let url = mongod.database("logs");
    let client = mongodb::Client::with_uri_str(&url).await.unwrap();
    let create = doc! {
        "createUser": "canary-user", "pwd": PASSWORD,
        "roles": [{ "role": "root", "db": "admin" }],
    };
    // It may be there from a run before, where the deployment is not this test's own.
    let _ = client.database("admin").run_command(create).await;
    let url = url.replacen("mongodb://", &format!("mongodb://canary-user:{PASSWORD}@"), 1);
    (Store::at(format!("{url}&authSource=admin")), mongod)
}

/// Asks over HTTP with these headers. Returns the whole answer.
async fn ask(server: &Server, target: &str, headers: &str) -> String {
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    let request = format!("GET {target} HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n{headers}\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    answer
}

/// One packet of Socket.IO, by long-polling.
async fn send_packet(server: &Server, session: &str, packet: &str) {
    let mut socket = TcpStream::connect(server.address()).await.unwrap();
    let head = format!("POST {session} HTTP/1.1\r\nHost: chat\r\nConnection: close\r\n");
    let length = packet.len();
    let request = format!("{head}Content-Type: text/plain\r\nContent-Length: {length}\r\n\r\n{packet}");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{packet}: {answer}");
}

/// The same with an app of today.
async fn converse_by_socket_io(server: &Server, token: &str) {
    let opened = ask(server, "/socket.io/?EIO=4&transport=polling", "").await;
    let (_, rest) = opened.split_once(r#""sid":""#).unwrap_or_else(|| panic!("{opened}"));
    let session = format!(
        "/socket.io/?EIO=4&transport=polling&sid={}",
        rest.split('"').next().unwrap()
    );
    send_packet(server, &session, &format!("40{}", json!({ "token": token }))).await;
    send_packet(server, &session, &format!(r#"42["joinRoom",{{"bookId":{BOOK}}}]"#)).await;
    let said = format!(r#"42["chatMessage",{{"bookId":{BOOK},"content":"canary-word of an app"}}]"#);
    send_packet(server, &session, &said).await;
    send_packet(
        server,
        &session,
        r#"42["chatMessage",{"bookId":"x","content":"canary-word"}]"#,
    )
    .await;
    let mut told = String::new();
    while !(told.contains("newMessage") && told.contains("exception")) {
        told += &within("what the app is told", ask(server, &session, "")).await;
    }
    // An app of before shows its token in the query.
    ask(
        server,
        &format!("/socket.io/?EIO=3&transport=polling&token={token}"),
        "",
    )
    .await;
}

/// Everything that clients do, with canaries in all they say. Returns what must be nowhere.
async fn converse(server: &Server) -> Vec<String> {
    let sign = |user: &str, others| Signer::secret(SECRET).sign(&claims(user, others));
    let good = sign("alice", json!({ "name": "Alice" }));
    let renewed = sign("alice", json!({ "name": "Alice", "moderator": true }));
    let foreign = Signer::secret("canary-other-secret-of-thirty-two-bytes").sign(&claims("mallory", json!({})));
    let late = Signer::secret(SECRET).sign(&json!({ "sub": "late", "exp": 1_000_000_000 }));

    let headers = [("x-request-id", "a-name-of-our-own")];
    let (mut alice, answered) = Client::connect_with(server, "alice", &headers).await.unwrap();
    assert_eq!(answered.headers()["x-request-id"], "a-name-of-our-own");
    alice.authenticate(&good).await.unwrap();
    alice.join(BOOK).await;
    let sent = alice.post(BOOK, "canary-word one").await;
    alice.edit(BOOK, sent.message_id, "canary-word two").await.unwrap();
    alice.try_post(BOOK, "canary-word three", Some("key")).await.unwrap();
    alice
        .ask(posting(BOOK, "canary-word four", Some("key")))
        .await
        .unwrap_err();
    alice.delete(BOOK, sent.message_id).await.unwrap();
    alice.set_typing(BOOK, true).await;
    alice.load_previous(BOOK, 3, None).await;
    for frame in [
        "canary-word",
        r#"{"event":"canary-word","data":{}}"#,
        r#"{"event":"message","data":{"content":"canary-word"}}"#,
    ] {
        alice.send_text(frame).await;
    }
    let too_long = format!(
        r#"{{"event":"message","data":{{"bookId":{BOOK},"content":"canary-word{}"}}}}"#,
        "x".repeat(5_000)
    );
    alice.send_text(&too_long).await;
    alice.authenticate(&renewed).await.unwrap();
    alice.authenticate(&foreign).await.unwrap_err();
    alice.drain().await;
    for token in [&foreign, &late] {
        let mut refused = Client::connect(server, "mallory").await;
        refused.authenticate(token).await.unwrap_err();
        refused.closed().await;
    }
    let mut large = Client::connect(server, "large").await;
    let _ = large
        .try_send_raw(format!("canary-word{}", "y".repeat(70_000)).into())
        .await;
    large.closed().await;

    converse_by_socket_io(server, &good).await;
    let history = format!("/rooms/{BOOK}/messages");
    for token in [&good, &foreign] {
        ask(server, &history, &format!("Authorization: Bearer {token}\r\n")).await;
        ask(
            server,
            &format!("{history}?token={token}"),
            "Cookie: session=canary-cookie\r\n",
        )
        .await;
    }
    for secret in [ADMIN_SECRET, "canary-guess-at-the-admin-secret"] {
        ask(
            server,
            "/admin/revocations",
            &format!("Authorization: Bearer {secret}\r\n"),
        )
        .await;
    }
    // A token's middle and last part are as good as all of it.
    let parts = [good, renewed, foreign, late];
    let parts = parts
        .iter()
        .flat_map(|token| token.split('.').skip(1).map(str::to_owned));
    parts.chain(["canary".to_owned()]).collect()
}

async fn nothing_said_is_logged(format: &str) -> String {
    let (store, _mongod) = store().await;
    let secrets = [
        "--auth-secret",
        SECRET,
        "--admin-secret",
        ADMIN_SECRET,
        "--log-format",
        format,
    ];
    let mut server = Server::start_logging(&store, &secrets, EVERYTHING).await;
    let forbidden = converse(&server).await;
    server.terminate();
    assert!(server.ended().await.success());
    // It is gone: this waits until its last line is read.
    server.kill();
    let log = server.process().stderr();
    for word in forbidden {
        let at = log.find(&word).map(|at| log[..at].lines().count());
        assert_eq!(
            at,
            None,
            "{word} is in the log:\n{}",
            log.lines().nth(at.unwrap_or(1) - 1).unwrap_or_default()
        );
    }
    assert!(!log.contains("panicked") && !log.contains("a panic"), "{log}");
    assert!(
        log.contains("the connection ended"),
        "it was written at every level:\n{log}"
    );
    log
}

#[tokio::test]
async fn nothing_said_no_token_and_no_password_is_logged_at_any_level() {
    let log = nothing_said_is_logged("text").await;
    // Lines of a connection name it, and the request that it began with.
    let of_alice: Vec<_> = log
        .lines()
        .filter(|line| line.contains(r#"request="a-name-of-our-own""#))
        .collect();
    assert!(
        of_alice
            .iter()
            .any(|line| line.contains("connection{") && line.contains(" id=1")),
        "{log}"
    );
    for line in log.lines() {
        let level = line.split_whitespace().nth(1).unwrap_or_default();
        assert!(
            !["DEBUG", "TRACE"].contains(&level) || line.contains("readrealm_server"),
            "a library's: {line}"
        );
    }
}

#[tokio::test]
async fn json_lines_are_json_and_say_as_little() {
    let log = nothing_said_is_logged("json").await;
    let lines: Vec<Value> = log
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    for line in &lines {
        assert!(
            line["timestamp"].is_string() && line["level"].is_string() && line["target"].is_string(),
            "{line}"
        );
    }
    let ended = lines
        .iter()
        .find(|line| line["fields"]["message"] == "the connection ended")
        .unwrap();
    assert_eq!(ended["span"]["name"], "connection");
    assert!(
        ended["span"]["id"].is_number() && ended["span"]["request"].is_string(),
        "{ended}"
    );
}

#[tokio::test]
async fn a_server_that_does_not_start_tells_no_password() {
    let (store, _mongod) = store().await;
    let wrong = Store::at(store.url().replace(PASSWORD, "canary-wrong-password"));
    let refused = Server::try_start(&wrong, &[]).await.expect_err("the password is wrong");
    assert!(
        !refused.stderr.contains("canary-wrong") && !refused.stderr.contains(PASSWORD),
        "{}",
        refused.stderr
    );
}

#[tokio::test]
async fn every_answer_over_http_has_a_name() {
    let server = Server::start(&Store::memory()).await;
    for target in [
        "/healthz",
        "/nothing/here",
        "/rooms/1/messages",
        "/ws",
        "/socket.io/",
        "/metrics",
    ] {
        let answer = ask(&server, target, "").await.to_ascii_lowercase();
        assert_eq!(answer.matches("\r\nx-request-id: ").count(), 1, "{target}: {answer}");
        let named = ask(&server, target, "X-Request-Id: from-the-proxy\r\n")
            .await
            .to_ascii_lowercase();
        assert!(
            named.contains("\r\nx-request-id: from-the-proxy\r\n"),
            "{target}: {named}"
        );
    }
}

#[tokio::test]
async fn of_a_path_no_more_than_128_bytes_are_logged_whatever_they_are() {
    for (letter, written) in [
        ("é", "é".repeat(64)),
        ("aé", "aé".repeat(42) + "a"),
        ("\u{1f63a}", "\u{1f63a}".repeat(32)),
    ] {
        let mut server = Server::start_logging(&Store::memory(), &[], "readrealm_server=debug").await;
        ask(&server, &format!("/{}", letter.repeat(3_000)), "").await;
        server.kill();
        let log = server.process().stderr();
        let line = log.lines().find(|line| line.contains("answered")).unwrap();
        let path = line.split_once("path=\"").unwrap().1.split('"').next().unwrap();
        let expected: String = format!("/{written}");
        assert!(
            expected.starts_with(path) && (125..=128).contains(&path.len()),
            "{} bytes: {path}",
            path.len()
        );
    }
}
