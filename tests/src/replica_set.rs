//! A replica set of real mongods, which can be harmed.
//!
//! Behind proxies, the addresses in the set's configuration are the proxies': drivers, and the members among themselves,
//! connect where the configuration says, whatever address they began with.

use std::net::SocketAddr;
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::error::Error;
use mongodb::options::{ClientOptions, ServerAddress};
use nix::sys::signal::Signal;
use tempfile::TempDir;

use crate::mongod::{SMALL_CACHE, folder, free_port, spawn};
use crate::process::Process;
use crate::proxy::{Proxy, Side};
use crate::within;

/// How often the set is asked how it is. There is no event to wait for.
const LOOK: Duration = Duration::from_millis(50);

/// One answer of a member: one that is stopped gives none.
const ANSWER: Duration = Duration::from_secs(1);

/// What a node's `appName` begins with; its number follows.
const NODE: &str = "readrealm-node-";

/// How a replica set is to be.
#[derive(Debug, Clone, Copy)]
pub struct Setup {
    /// How many mongods.
    pub members: usize,
    /// Whether each stands behind a proxy.
    pub proxied: bool,
    /// How long members wait for a primary that is silent; MongoDB's own choice is 10 s.
    pub election_timeout: Duration,
}

/// A replica set. Ended when dropped.
#[derive(Debug)]
pub struct ReplicaSet {
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    port: u16,
    /// Past the proxy.
    direct: Client,
    process: Option<Process>,
    proxy: Option<Proxy>,
    folder: TempDir,
}

impl ReplicaSet {
    /// Starts it, and waits until it has a primary and everyone else follows.
    pub async fn start(setup: Setup) -> Self {
        let mut members = Vec::new();
        for _ in 0..setup.members {
            members.push(Member::start(setup.proxied).await);
        }
        let set = Self { members };
        let hosts = set.members.iter().enumerate().map(|(number, member)| {
            let number = i32::try_from(number).expect("a few members");
            doc! { "_id": number, "host": member.advertised().to_string() }
        });
        let hosts: Vec<Document> = hosts.collect();
        let election = i32::try_from(setup.election_timeout.as_millis()).expect("seconds");
        // MongoDB's own relation of the two.
        let settings = doc! { "electionTimeoutMillis": election, "heartbeatIntervalMillis": election / 5 };
        let initiate = doc! { "replSetInitiate": { "_id": "chaos", "members": hosts, "settings": settings } };
        let admin = set.direct(0).database("admin");
        admin.run_command(initiate).await.expect("replSetInitiate");
        within("the replica set to be whole", set.whole()).await;
        set
    }

    /// The URL of a database, for the node of that number.
    pub fn url(&self, database: &str, node: usize) -> String {
        let hosts: Vec<_> = self
            .members
            .iter()
            .map(|member| member.advertised().to_string())
            .collect();
        let hosts = hosts.join(",");
        format!("mongodb://{hosts}/{database}?replicaSet=chaos&appName={NODE}{node}")
    }

    /// The proxies, in the order of the members.
    pub fn proxies(&self) -> impl Iterator<Item = &Proxy> {
        self.members.iter().filter_map(|member| member.proxy.as_ref())
    }

    /// The numbers of the members.
    pub fn numbers(&self) -> std::ops::Range<usize> {
        0..self.members.len()
    }

    /// Which member says that it is the primary.
    pub async fn primary(&self) -> Option<usize> {
        for number in self.numbers() {
            let hello = self.admin(number, doc! { "hello": 1 }).await;
            if hello.is_ok_and(|hello| hello.get_bool("isWritablePrimary").unwrap_or(false)) {
                return Some(number);
            }
        }
        None
    }

    /// Resolves when there is a primary.
    pub async fn elected(&self) {
        while self.primary().await.is_none() {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Resolves when there is a primary and all others follow it.
    pub async fn whole(&self) {
        loop {
            let mut states = Vec::new();
            for number in self.numbers() {
                let hello = self.admin(number, doc! { "hello": 1 }).await.unwrap_or_default();
                let is = |what: &str| hello.get_bool(what).unwrap_or(false);
                states.push((is("isWritablePrimary"), is("secondary")));
            }
            let primaries = states.iter().filter(|(primary, _)| *primary).count();
            if primaries == 1 && states.iter().all(|(primary, secondary)| primary ^ secondary) {
                return;
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// A client of one member, past its proxy.
    pub fn direct(&self, member: usize) -> &Client {
        &self.members[member].direct
    }

    /// A client of the whole set, which finds the primary by itself.
    pub async fn client(&self) -> Client {
        let mut options = ClientOptions::parse(self.url("admin", 0)).await.expect("a URL");
        options.app_name = None;
        Client::with_options(options).expect("a client")
    }

    /// `kill -9`.
    pub fn kill(&mut self, member: usize) {
        self.members[member].process = None;
    }

    /// Starts a killed member again, on its port and its data.
    pub async fn restart(&mut self, member: usize) {
        let member = &mut self.members[member];
        let started = spawn(member.folder.path(), member.port, &ARGUMENTS).await;
        member.process = Some(started.unwrap_or_else(|printed| panic!("{printed}")));
    }

    /// `SIGSTOP`, or `SIGCONT`.
    pub fn freeze(&self, member: usize, frozen: bool) {
        let signal = if frozen { Signal::SIGSTOP } else { Signal::SIGCONT };
        if let Some(process) = &self.members[member].process {
            process.signal(signal);
        }
    }

    /// Makes the primary step down, and keeps it from being elected for so long.
    pub async fn step_down(&self, member: usize, seconds: i32) -> Result<(), String> {
        let command = doc! { "replSetStepDown": seconds, "secondaryCatchUpPeriodSecs": 5 };
        let result = self.direct(member).database("admin").run_command(command).await;
        result.map(drop).map_err(|error| error.to_string())
    }

    /// Makes every member that answers fail drivers' commands as `data` says, or none any more.
    pub async fn fail_command(&self, data: Option<&Document>) {
        for number in self.numbers() {
            let mode = if data.is_some() { "alwaysOn" } else { "off" };
            let mut command = doc! { "configureFailPoint": "failCommand", "mode": mode };
            if let Some(data) = data {
                command.insert("data", data.clone());
            }
            // Who is dead has no fail point when it comes back.
            let _ = self.admin(number, command).await;
        }
    }

    async fn admin(&self, member: usize, command: Document) -> Result<Document, Error> {
        let run = async { self.direct(member).database("admin").run_command(command).await };
        tokio::time::timeout(ANSWER, run)
            .await
            .unwrap_or_else(|_| Err(Error::custom("no answer")))
    }
}

const ARGUMENTS: [&str; 8] = [
    "--replSet",
    "chaos",
    "--oplogSize",
    "256",
    "--setParameter",
    "enableTestCommands=1",
    SMALL_CACHE[0],
    SMALL_CACHE[1],
];

impl Member {
    async fn start(proxied: bool) -> Self {
        let folder = folder();
        let mut tries = 0;
        let (process, port) = loop {
            // Between finding the free port and taking it somebody else may: then with another one.
            let port = free_port();
            match spawn(folder.path(), port, &ARGUMENTS).await {
                Ok(process) => break (process, port),
                Err(printed) => {
                    tries += 1;
                    assert!(tries < 3, "{printed}");
                }
            }
        };
        let proxy = if proxied {
            Some(Proxy::start(SocketAddr::from(([127, 0, 0, 1], port)), side).await)
        } else {
            None
        };
        let host = ServerAddress::Tcp {
            host: "127.0.0.1".into(),
            port: Some(port),
        };
        let options = ClientOptions::builder()
            .hosts(vec![host])
            .direct_connection(true)
            .server_selection_timeout(ANSWER)
            .build();
        Self {
            port,
            direct: Client::with_options(options).expect("a client"),
            process: Some(process),
            proxy,
            folder,
        }
    }

    fn advertised(&self) -> SocketAddr {
        let own = SocketAddr::from(([127, 0, 0, 1], self.port));
        self.proxy.as_ref().map_or(own, Proxy::address)
    }
}

/// A driver says in its first bytes for which application it connects.
fn side(first: &[u8]) -> Side {
    let name = first.windows(NODE.len()).position(|bytes| bytes == NODE.as_bytes());
    let number = name.and_then(|at| first.get(at + NODE.len()));
    match number {
        Some(digit @ b'0'..=b'1') => Side::Node(usize::from(digit - b'0')),
        _ => Side::Other,
    }
}
