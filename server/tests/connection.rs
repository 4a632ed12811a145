//! The server as a library: an address and a word to end in, an end out; and what its sockets are set to.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::time::Duration;

use clap::Parser;
use readrealm_server::app::RunError;
use readrealm_server::config::Config;
use readrealm_server::shutdown::Shutdown;
use readrealm_server::transport::listen::Bound;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

const PATIENCE: Duration = Duration::from_secs(30);

/// A server in this process.
fn start() -> (SocketAddr, Shutdown, JoinHandle<Result<(), RunError>>) {
    let config = Config::parse_from(["readrealm-server", "--store", "memory:"]);
    let socket = Bound::to("127.0.0.1:0".parse().unwrap()).unwrap();
    let (address, shutdown) = (socket.address(), Shutdown::default());
    let server = tokio::spawn(readrealm_server::run(config, socket, shutdown.clone()));
    (address, shutdown, server)
}

/// A WebSocket whose handshake is done.
async fn connect(address: SocketAddr) -> TcpStream {
    let listens = async {
        loop {
            match TcpStream::connect(address).await {
                Ok(socket) => return socket,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let mut socket = tokio::time::timeout(PATIENCE, listens).await.unwrap();
    let request = format!(
        "GET /ws HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(socket.read_u8().await.unwrap());
    }
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
    let accept = "sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=";
    assert!(answer.to_ascii_lowercase().contains(accept), "{answer}");
    socket
}

#[tokio::test]
async fn it_ends_when_it_is_told_to_and_its_port_is_free_again() {
    let (address, shutdown, server) = start();
    let mut socket = connect(address).await;
    shutdown.begin();
    // A close frame of code 4001, unmasked as a server's frames are.
    let mut head = [0; 4];
    tokio::time::timeout(PATIENCE, socket.read_exact(&mut head))
        .await
        .unwrap()
        .unwrap();
    assert_eq!((head[0], u16::from_be_bytes([head[2], head[3]])), (0x88, 4001));
    drop(socket);
    tokio::time::timeout(PATIENCE, server).await.unwrap().unwrap().unwrap();
    TcpListener::bind(address).await.unwrap();
}

/// Without it a small frame would wait for the acknowledgement of the one before, up to 40 ms.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn every_accepted_socket_has_tcp_nodelay() {
    let (address, shutdown, server) = start();
    let client = connect(address).await;
    let accepted = sockets_of_this_process().into_iter().find(|socket| {
        socket.local_addr().is_ok_and(|local| local == address)
            && socket
                .peer_addr()
                .is_ok_and(|peer| peer == client.local_addr().unwrap())
    });
    assert!(
        accepted
            .expect("the server's end is in this process")
            .nodelay()
            .unwrap()
    );
    drop(client);
    shutdown.begin();
    server.await.unwrap().unwrap();
}

/// Duplicates of every open file, seen as sockets: of one that is none, no address can be asked.
#[cfg(target_os = "linux")]
fn sockets_of_this_process() -> Vec<std::net::TcpStream> {
    use std::os::fd::{BorrowedFd, RawFd};
    let open = std::fs::read_dir("/proc/self/fd").unwrap();
    let numbers = open.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<RawFd>().ok());
    let duplicates = numbers.filter_map(|number| {
        // SAFETY: borrowed for the duplication alone, which fails where the file was closed meanwhile.
        unsafe { BorrowedFd::borrow_raw(number) }.try_clone_to_owned().ok()
    });
    duplicates.map(std::net::TcpStream::from).collect()
}
