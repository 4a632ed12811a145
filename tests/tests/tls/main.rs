//! TLS by flags: the chat over it, certificates that change, and files that are none.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use e2e::client::Client;
use e2e::{PATIENCE, Server, Store, within};
use futures_util::{SinkExt, StreamExt};
use nix::sys::signal::Signal;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{ClientConfig, RootCertStore};
use tokio_tungstenite::tungstenite::Message;

/// Certificates of these tests, for localhost, each its own authority; their keys are used for nothing else.
const FIRST: (&str, &str) = (
    include_str!("for-tests-only-1.cert.pem"),
    include_str!("for-tests-only-1.key.pem"),
);
const SECOND: (&str, &str) = (
    include_str!("for-tests-only-2.cert.pem"),
    include_str!("for-tests-only-2.key.pem"),
);

struct Files {
    _folder: TempDir,
    cert: PathBuf,
    key: PathBuf,
}

impl Files {
    fn new((cert, key): (&str, &str)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = Self {
            cert: folder.path().join("cert.pem"),
            key: folder.path().join("key.pem"),
            _folder: folder,
        };
        files.write((cert, key));
        files
    }

    fn write(&self, (cert, key): (&str, &str)) {
        std::fs::write(&self.cert, cert).unwrap();
        std::fs::write(&self.key, key).unwrap();
    }

    fn flags(&self) -> [&str; 4] {
        let text = |path: &'_ Path| -> &'_ str { Box::leak(path.to_str().unwrap().to_owned().into_boxed_str()) };
        ["--tls-cert", text(&self.cert), "--tls-key", text(&self.key)]
    }
}

/// Connects as somebody who trusts that certificate alone.
async fn connect(address: SocketAddr, trusted: &str) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let socket = TcpStream::connect(address).await?;
    within(
        "a TLS handshake",
        TlsConnector::from(Arc::new(config)).connect(name, socket),
    )
    .await
}

async fn get(address: SocketAddr, path: &str) -> String {
    let mut socket = connect(address, FIRST.0).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within(path, socket.read_to_string(&mut answer)).await.unwrap();
    answer
}

#[tokio::test]
async fn the_chat_and_plain_requests_go_over_tls_and_over_nothing_else() {
    let files = Files::new(FIRST);
    let server = Server::start_with(&Store::memory(), &files.flags()).await;
    let socket = connect(server.address(), FIRST.0).await.unwrap();
    let url = format!("wss://localhost:{}/ws", server.address().port());
    let (mut chat, _) = tokio_tungstenite::client_async(url, socket).await.unwrap();
    for text in [
        r#"{"event":"joinRoom","id":1,"data":{"bookId":7,"userId":"ann"}}"#,
        r#"{"event":"message","id":2,"data":{"bookId":7,"content":"over TLS"}}"#,
    ] {
        chat.send(Message::text(text)).await.unwrap();
    }
    for event in ["previousMessages", "message", "ack"] {
        let heard = within(event, chat.next()).await.unwrap().unwrap();
        assert!(
            heard.to_text().unwrap().contains(&format!(r#""event":"{event}""#)),
            "{heard}"
        );
    }
    let health = get(server.address(), "/healthz").await;
    assert!(health.starts_with("HTTP/1.1 200 "), "{health}");
    assert!(health.contains("strict-transport-security: max-age="), "{health}");
    assert!(Client::dial(server.address(), "plain").await.is_err());
    assert!(
        connect(server.address(), SECOND.0).await.is_err(),
        "the certificate is looked at"
    );
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart_and_a_broken_one_is_not() {
    let files = Files::new(FIRST);
    let server = Server::start_with(&Store::memory(), &files.flags()).await;
    assert!(connect(server.address(), FIRST.0).await.is_ok());
    files.write((SECOND.0, "no key at all"));
    server.process().signal(Signal::SIGHUP);
    within("the server to say what is wrong", async {
        while !server.process().stderr().contains("the TLS certificate in use stays") {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert!(connect(server.address(), FIRST.0).await.is_ok());
    files.write(SECOND);
    server.process().signal(Signal::SIGHUP);
    let begun = std::time::Instant::now();
    while connect(server.address(), SECOND.0).await.is_err() {
        assert!(begun.elapsed() < PATIENCE, "{}", server.process().stderr());
    }
    assert!(connect(server.address(), FIRST.0).await.is_err());
}

#[tokio::test]
async fn files_that_are_none_are_refused_with_one_sentence() {
    let crossed = (FIRST.0, SECOND.1);
    for (pair, why) in [
        (crossed, "cannot be used with the key"),
        (("", FIRST.1), "holds no certificate in PEM"),
        ((FIRST.1, FIRST.1), "holds no certificate in PEM"),
        ((FIRST.0, FIRST.0), "holds no private key in PEM"),
        (
            (
                FIRST.0,
                "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
            ),
            "cannot be used",
        ),
    ] {
        let files = Files::new(pair);
        let refused = Server::try_start(&Store::memory(), &files.flags()).await.unwrap_err();
        assert_eq!(
            refused.stderr.matches("readrealm-server: ").count(),
            1,
            "{}",
            refused.stderr
        );
        assert!(
            refused.stderr.contains(why) && !refused.stderr.contains("panicked"),
            "{}",
            refused.stderr
        );
    }
    let missing = ["--tls-cert", "/nowhere/cert.pem", "--tls-key", "/nowhere/key.pem"];
    let refused = Server::try_start(&Store::memory(), &missing).await.unwrap_err();
    assert!(
        refused.stderr.contains("/nowhere/cert.pem cannot be read"),
        "{}",
        refused.stderr
    );
    let alone = Server::try_start(&Store::memory(), &missing[..2]).await.unwrap_err();
    assert!(alone.stderr.contains("--tls-key"), "{}", alone.stderr);
}

#[tokio::test]
async fn a_handshake_has_its_time() {
    let files = Files::new(FIRST);
    let flags = [&files.flags()[..], &["--handshake-timeout", "500ms"]].concat();
    let server = Server::start_with(&Store::memory(), &flags).await;
    let mut silent = TcpStream::connect(server.address()).await.unwrap();
    // The first bytes of a ClientHello.
    silent.write_all(&[0x16, 3, 1]).await.unwrap();
    let mut rest = Vec::new();
    let _ = within("the server to give up", silent.read_to_end(&mut rest)).await;
}
