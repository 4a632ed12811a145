//! `readrealm-server health`: for containers, which have no program to ask with.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use clap::Args;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::config::Config;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Bytes of an answer that are read.
const ANSWER: u64 = 4_096;

/// Ask a server of this machine whether it is ready; exit code 0 where it is
///
/// It is asked at `--metrics-listen` where that is set, else at `--listen`, over plain HTTP: with TLS, `--metrics-listen` must
/// be set.
#[derive(Debug, Args)]
pub struct Health {
    /// Ask whether it serves at all (`/healthz`), and not whether it is ready (`/readyz`).
    #[arg(long)]
    live: bool,
}

impl Health {
    /// What the server says of itself; fails with that, or with why there is no answer.
    pub async fn run(&self, config: &Config) -> Result<String, String> {
        if config.tls_cert.is_some() && config.metrics_listen.is_none() {
            return Err("the server speaks TLS alone; set --metrics-listen, and it is asked there".to_owned());
        }
        let address = reached(config.metrics_listen.unwrap_or(config.listen));
        let path = if self.live { "/healthz" } else { "/readyz" };
        let answer = match timeout(PATIENCE, ask(address, path)).await {
            Ok(answer) => answer.map_err(|error| format!("{address} cannot be asked: {error}"))?,
            Err(_) => return Err(format!("{address} gave no answer within {PATIENCE:?}")),
        };
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let said = body.trim().to_owned();
        if head.split(' ').nth(1) == Some("200") {
            Ok(said)
        } else {
            Err(format!(
                "{address}{path} answered {}: {said}",
                head.lines().next().unwrap_or_default()
            ))
        }
    }
}

async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    socket.take(ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Where a server that listens there is reached from its own machine.
fn reached(mut listening: SocketAddr) -> SocketAddr {
    if listening.ip().is_unspecified() {
        listening.set_ip(match listening.ip() {
            IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    listening
}
