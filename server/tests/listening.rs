//! The address: whoever listens first has it, and the other is told so in one sentence.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::{SocketAddr, TcpListener};

use clap::Parser;
use readrealm_server::config::Config;
use readrealm_server::shutdown::Shutdown;
use readrealm_server::transport::listen::Bound;

#[tokio::test]
async fn an_address_that_was_taken_while_the_log_opened_is_named_by_the_error() {
    let socket = Bound::to(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.address();
    // As docs/operate.md says: it is had by who listens.
    let another = TcpListener::bind(address).unwrap();
    let config = Config::try_parse_from(["readrealm-server", "--store", "memory:"]).unwrap();
    let ended = readrealm_server::run(config, socket, Shutdown::default()).await;
    let why = ended.unwrap_err().to_string();
    assert!(why.starts_with(&format!("cannot listen on {address}: ")), "{why}");
    let refused = Bound::to(address).unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::AddrInUse);
    drop(another);
}
