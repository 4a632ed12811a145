//! TLS by flags: the chat over it, certificates that change, and files that are none.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use e2e::client::Client;
use e2e::process::Process;
use e2e::server::program;
use e2e::{Metrics, PATIENCE, Server, Store, within};
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

/// The first one's key again, with a certificate that has expired; and that key with a passphrase.
const EXPIRED: &str = include_str!("for-tests-only-expired.cert.pem");
const ENCRYPTED: &str = include_str!("for-tests-only-encrypted.key.pem");

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
    connect_speaking(address, trusted, &[]).await
}

/// The same of somebody who speaks these protocols.
async fn connect_speaking(
    address: SocketAddr,
    trusted: &str,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(trusted.as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
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
        ((FIRST.0, ENCRYPTED), "is encrypted; a server needs one that is not"),
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
async fn files_whose_names_are_set_to_nothing_do_not_make_it_a_plain_server() {
    for (cert, key, empty) in [
        ("", "", "CERT"),
        ("", "/nowhere/key.pem", "CERT"),
        ("/nowhere/cert.pem", "", "KEY"),
    ] {
        let mut command = Command::new(program());
        command.args(["--listen", "127.0.0.1:0", "--store", "memory:"]);
        command.env("READREALM_TLS_CERT", cert).env("READREALM_TLS_KEY", key);
        let (mut server, mut lines) = Process::spawn("readrealm-server", command).unwrap();
        let ended = within("its end", server.ended()).await;
        let said = server.whole_stderr();
        assert_eq!(ended.code(), Some(1), "{said}");
        let why = format!("READREALM_TLS_{empty} is set to nothing");
        assert_eq!(said.matches(&why).count(), 1, "{said}");
        assert_eq!(lines.recv().await, None, "it never listened");
    }
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

async fn says(server: &Server, what: &str) {
    let said = async {
        while !server.process().stderr().contains(what) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    within(what, said).await;
}

#[tokio::test]
async fn a_certificate_that_has_expired_is_told_at_the_start_and_when_it_is_read_anew() {
    const SENTENCE: &str = "the TLS certificate has expired: clients refuse it";
    let files = Files::new((EXPIRED, FIRST.1));
    let server = Server::start_with(&Store::memory(), &files.flags()).await;
    let said = server.process().stderr();
    assert_eq!(said.matches(SENTENCE).count(), 1, "{said}");
    assert!(said.contains("end=2020-02-01T00:00:00.000Z"), "{said}");
    files.write(SECOND);
    server.process().signal(Signal::SIGHUP);
    says(&server, "the TLS certificate was read anew").await;
    assert!(!server.process().stderr().contains("SIGHUP: there is no certificate"));
    let end = async {
        loop {
            let metrics = metrics(server.address(), SECOND.0).await;
            let end = metrics.of("readrealm_tls_certificate_end_timestamp_seconds");
            if end > 4e9 {
                return;
            }
            assert!((end - 1_580_515_200.0).abs() < 0.5, "{end}");
        }
    };
    within("the end of the other one", end).await;
    assert_eq!(server.process().stderr().matches(SENTENCE).count(), 1);
    files.write((EXPIRED, FIRST.1));
    server.process().signal(Signal::SIGHUP);
    let told_again = async {
        while server.process().stderr().matches(SENTENCE).count() != 2 {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    within("the sentence again", told_again).await;
}

async fn metrics(address: SocketAddr, trusted: &str) -> Metrics {
    let mut socket = connect(address, trusted).await.unwrap();
    let request = "GET /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("the numbers", socket.read_to_string(&mut answer)).await.unwrap();
    Metrics::read(answer.split_once("\r\n\r\n").unwrap().1.to_owned())
}

#[tokio::test]
async fn http_1_1_is_spoken_and_nothing_else() {
    let files = Files::new(FIRST);
    let server = Server::start_with(&Store::memory(), &files.flags()).await;
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some(&b"http/1.1"[..])),
        (&["http/1.1"], Some(b"http/1.1")),
        (&[], None),
    ] {
        let socket = connect_speaking(server.address(), FIRST.0, offered).await.unwrap();
        assert_eq!(socket.get_ref().1.alpn_protocol(), chosen, "{offered:?}");
    }
    let refused = connect_speaking(server.address(), FIRST.0, &["h2"]).await.unwrap_err();
    assert!(refused.to_string().contains("NoApplicationProtocol"), "{refused}");
}

/// What a client says that knows nothing newer than this version, to begin with.
fn hello(minor: u8) -> Vec<u8> {
    let mut body = vec![3, minor];
    body.extend([7; 32]);
    // No session; ECDHE with ECDSA or RSA, of TLS 1.2 and of before; no compression.
    body.push(0);
    body.extend([0, 8, 0xc0, 0x2b, 0xc0, 0x2f, 0xc0, 0x09, 0xc0, 0x13]);
    body.extend([1, 0]);
    // Curves, forms of points, algorithms of signatures.
    let extensions = [
        &[0, 10, 0, 4, 0, 2, 0, 23][..],
        &[0, 11, 0, 2, 1, 0],
        &[0, 13, 0, 6, 0, 4, 4, 3, 4, 1],
    ]
    .concat();
    body.extend(u16::try_from(extensions.len()).unwrap().to_be_bytes());
    body.extend(extensions);
    let [_, high, mid, low] = u32::try_from(body.len()).unwrap().to_be_bytes();
    let message = [&[1, high, mid, low], &body[..]].concat();
    let length = u16::try_from(message.len()).unwrap().to_be_bytes();
    [&[22, 3, 1], &length[..], &message].concat()
}

#[tokio::test]
async fn tls_before_1_2_is_refused() {
    let files = Files::new(FIRST);
    let server = Server::start_with(&Store::memory(), &files.flags()).await;
    for (minor, is_spoken) in [(1, false), (2, false), (3, true)] {
        let mut socket = TcpStream::connect(server.address()).await.unwrap();
        socket.write_all(&hello(minor)).await.unwrap();
        let mut record = [0; 7];
        within("an answer", socket.read_exact(&mut record[..5])).await.unwrap();
        if is_spoken {
            assert_eq!(record[0], 22, "a handshake goes on");
        } else {
            within("an alert", socket.read_exact(&mut record[5..])).await.unwrap();
            assert_eq!(
                (record[0], &record[5..]),
                (21, &[2, 70][..]),
                "TLS 1.{}: protocol_version",
                minor - 1
            );
        }
    }
}
