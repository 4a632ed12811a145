//! A real mongod for a test.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Weak};
use std::time::Duration;

use mongodb::Client;
use mongodb::bson::{Document, doc};
use mongodb::options::ClientOptions;
use tempfile::TempDir;
use tokio::sync::Mutex;

use crate::process::Process;
use crate::within;

/// Set to use a deployment that runs already, e.g. `mongodb://localhost:27017/?replicaSet=rs0`.
const OVERRIDE: &str = "READREALM_TEST_MONGODB";

/// What to say where there is no mongod: a test without one fails, it is never left out.
const MISSING: &str = "no mongod: put one in PATH, name it in MONGOD=/path/to/mongod, or name a running deployment in \
    READREALM_TEST_MONGODB=mongodb://…; `npm run setup` fetches one";

/// A deployment of MongoDB. Ended when dropped, where this harness started it.
#[derive(Debug)]
pub struct Mongod {
    /// Before and after the name of the database.
    url: (String, String),
    process: Option<Process>,
    _folder: Option<TempDir>,
}

/// Its cache in GB: several stand beside each other in tests.
pub(crate) const SMALL_CACHE: [&str; 2] = ["--wiredTigerCacheSizeGB", "0.25"];

const REPLICA_SET: [&str; 2] = ["--replSet", "e2e"];

impl Mongod {
    /// A replica set of one member, shared by the tests that run at the same time.
    pub async fn shared() -> Arc<Self> {
        let small_oplog = ["--oplogSize", "64"];
        Self::shared_on(&[&REPLICA_SET[..], &small_oplog, &SMALL_CACHE].concat()).await
    }

    /// The same as an operator has it, its cache and its oplog of MongoDB's own choice: for measuring. It is the shared one from then on.
    pub async fn shared_at_full_size() -> Arc<Self> {
        Self::shared_on(&REPLICA_SET).await
    }

    async fn shared_on(arguments: &[&str]) -> Arc<Self> {
        static SHARED: Mutex<Weak<Mongod>> = Mutex::const_new(Weak::new());
        let mut shared = SHARED.lock().await;
        if let Some(mongod) = shared.upgrade() {
            return mongod;
        }
        let mongod = Arc::new(match std::env::var(OVERRIDE) {
            Ok(url) => Self {
                url: split(&url),
                process: None,
                _folder: None,
            },
            Err(_) => Self::start(arguments).await,
        });
        *shared = Arc::downgrade(&mongod);
        mongod
    }

    /// A mongod that is no replica set.
    pub async fn standalone() -> Self {
        Self::start(&SMALL_CACHE).await
    }

    /// The URL of a database.
    pub fn database(&self, name: &str) -> String {
        format!("{}/{name}{}", self.url.0, self.url.1)
    }

    /// Its process, where this harness started it.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Process::pid)
    }

    async fn start(arguments: &[&str]) -> Self {
        let replica_set = arguments.starts_with(&REPLICA_SET);
        let folder = folder();
        let mut tries = 0;
        let (process, port) = loop {
            // Between finding the free port and taking it somebody else may: then with another one.
            let port = free_port();
            match spawn(folder.path(), port, arguments).await {
                Ok(process) => break (process, port),
                Err(printed) => {
                    tries += 1;
                    assert!(tries < 3, "{printed}");
                }
            }
        };
        if replica_set {
            within("the replica set to have a primary", initiate(port)).await;
        }
        let suffix = if replica_set {
            "?replicaSet=e2e"
        } else {
            "?directConnection=true"
        };
        let url = (format!("mongodb://127.0.0.1:{port}"), suffix.to_owned());
        Self {
            url,
            process: Some(process),
            _folder: Some(folder),
        }
    }
}

/// A new folder for the data of one mongod.
pub(crate) fn folder() -> TempDir {
    tempfile::Builder::new()
        .prefix("readrealm-mongod-")
        .tempdir()
        .expect("a temporary folder")
}

/// Starts a mongod and waits until it listens. Fails with what it printed where it ends before.
pub(crate) async fn spawn(folder: &Path, port: u16, arguments: &[&str]) -> Result<Process, String> {
    let mut command = Command::new(program());
    command
        .arg("--dbpath")
        .arg(folder)
        .args(["--bind_ip", "127.0.0.1", "--port", &port.to_string()])
        .args(["--nounixsocket", "--quiet"])
        .args(arguments);
    let (mut process, mut lines) =
        Process::spawn("mongod", command).unwrap_or_else(|error| panic!("{MISSING} ({error})"));
    let mut printed = Vec::new();
    let ready = async {
        while let Some(line) = lines.recv().await {
            if line.contains("Waiting for connections") {
                return true;
            }
            printed.push(line);
        }
        false
    };
    if within("mongod to listen", ready).await {
        return Ok(process);
    }
    let stderr = process.whole_stderr();
    Err(format!("mongod does not start:\n{}\n{stderr}", reason(&printed)))
}

/// Its errors alone, where it names any: it follows them with a page of stack.
fn reason(printed: &[String]) -> String {
    let grave = |line: &&String| [r#""s":"E""#, r#""s":"F""#].iter().any(|level| line.contains(level));
    let errors: Vec<&str> = printed.iter().filter(grave).map(String::as_str).collect();
    if errors.is_empty() {
        printed.join("\n")
    } else {
        errors.join("\n")
    }
}

async fn initiate(port: u16) {
    let options = ClientOptions::parse(format!("mongodb://127.0.0.1:{port}/?directConnection=true")).await;
    let client = Client::with_options(options.expect("a URL")).expect("a client");
    let admin = client.database("admin");
    let members = vec![doc! { "_id": 0, "host": format!("127.0.0.1:{port}") }];
    let command = doc! { "replSetInitiate": { "_id": "e2e", "members": members } };
    admin.run_command(command).await.expect("replSetInitiate");
    let is_primary = |hello: &Document| hello.get_bool("isWritablePrimary").unwrap_or(false);
    while !admin
        .run_command(doc! { "hello": 1 })
        .await
        .is_ok_and(|hello| is_primary(&hello))
    {
        // It elects itself; there is no event to wait for.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn program() -> PathBuf {
    std::env::var_os("MONGOD")
        .filter(|path| !path.is_empty())
        .map_or_else(|| "mongod".into(), PathBuf::from)
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("its address").port()
}

/// The URL before and after the name of its database.
fn split(url: &str) -> (String, String) {
    let (scheme, rest) = url
        .split_once("://")
        .unwrap_or_else(|| panic!("{OVERRIDE} must be a mongodb:// URL"));
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let hosts = rest.split('/').next().unwrap_or_default();
    let query = if query.is_empty() {
        String::new()
    } else {
        format!("?{query}")
    };
    (format!("{scheme}://{hosts}"), query)
}
