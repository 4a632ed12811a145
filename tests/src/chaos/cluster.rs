//! What is harmed: two nodes on a replica set of three, with a proxy before each process.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::Say;
use crate::pair::UNLIMITED;
use crate::proxy::{Proxy, Side};
use crate::replica_set::{ReplicaSet, Setup};
use crate::{Server, Store};

/// The nodes.
pub(super) const NODES: usize = 2;

/// The database.
pub(super) const DATABASE: &str = "chaos";

/// One try to start a node: a database without a primary keeps it waiting.
const START: Duration = Duration::from_secs(10);

/// Nodes, members and proxies.
#[derive(Debug)]
pub(super) struct Cluster {
    pub(super) set: ReplicaSet,
    pub(super) nodes: Vec<Node>,
}

/// One node.
#[derive(Debug)]
pub(super) struct Node {
    /// Where it listens, also after a restart.
    pub(super) address: SocketAddr,
    /// Where most of its clients connect.
    pub(super) proxy: Proxy,
    url: String,
    server: Option<Server>,
    /// What those before it said, and how they ended.
    log: String,
}

impl Cluster {
    pub(super) async fn start(election_timeout: Duration, say: &Say) -> Self {
        let setup = Setup {
            members: 3,
            proxied: true,
            election_timeout,
        };
        let set = ReplicaSet::start(setup).await;
        say.line("the replica set is whole");
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let url = set.url(DATABASE, number);
            let server = Server::start_with(&Store::at(url.clone()), &UNLIMITED).await;
            let address = server.address();
            nodes.push(Node {
                address,
                proxy: Proxy::start(address, |_| Side::Client).await,
                url,
                server: Some(server),
                log: String::new(),
            });
        }
        Self { set, nodes }
    }

    /// Writes what each node has said to a file, and returns the files.
    pub(super) fn write_logs(&self, seed: u64) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for (number, node) in self.nodes.iter().enumerate() {
            let now = node.server.as_ref().map(|server| server.process().stderr());
            let file = std::env::temp_dir().join(format!("readrealm-chaos-{seed}-node-{number}.log"));
            if std::fs::write(&file, format!("{}{}", node.log, now.unwrap_or_default())).is_ok() {
                files.push(file);
            }
        }
        files
    }
}

impl Node {
    /// `kill -9`.
    pub(super) fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill();
            self.log += &server.process().stderr();
            self.log += "--- killed ---\n";
        }
    }

    /// `SIGTERM`. Returns how it ended where that was not as it should be.
    pub(super) async fn terminate(&mut self) -> Option<String> {
        let mut server = self.server.take()?;
        server.terminate();
        let status = server.ended().await;
        self.log += &server.process().stderr();
        self.log += "--- terminated ---\n";
        (!status.success()).then(|| format!("a node ended with {status} after SIGTERM"))
    }

    /// Starts it again where it was, as often as it takes: that is what runs servers.
    pub(super) async fn restart(&mut self, say: &Say) {
        let store = Store::at(self.url.clone());
        let listen = self.address.to_string();
        let arguments = [&["--listen", &listen], &UNLIMITED[..]].concat();
        loop {
            match tokio::time::timeout(START, Server::try_start(&store, &arguments)).await {
                Ok(Ok(server)) => {
                    self.server = Some(server);
                    return;
                }
                Ok(Err(refused)) => {
                    let why = refused.stderr.lines().last().unwrap_or_default().to_owned();
                    say.line(&format!("the node did not start, once more: {why}"));
                    self.log += &refused.stderr;
                }
                Err(_) => say.line("the node did not start in time, once more"),
            }
        }
    }

    /// Whether it has ended by itself.
    pub(super) fn has_crashed(&self) -> bool {
        self.server.as_ref().is_some_and(|server| server.process().has_ended())
    }
}
