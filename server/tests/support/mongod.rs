//! A MongoDB of the tests' own: a real `mongod` in a temporary folder, on a free port, once for a test binary.

use std::{
    env,
    io::Read,
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::LazyLock,
    thread,
    time::{Duration, Instant},
};

use mongodb::{Client, bson::doc};

/// Runs a mongod until its input ends, which it does with the process of the tests, however that goes: then ends it by
/// its pid and removes its folder.
const KEEPER: &str = r#"
    "$@" >"$FOLDER/log" 2>&1 &
    mongod=$!
    read -r _
    kill -9 $mongod
    wait $mongod
    rm -rf "$FOLDER"
"#;

/// The URL of a server, without a database: a replica set of one member, and a standalone.
static REPLICA_SET: LazyLock<Result<Server, String>> =
    LazyLock::new(|| Server::given("READREALM_TEST_MONGODB").map_or_else(|| Server::start(true), Ok));
static STANDALONE: LazyLock<Result<Server, String>> =
    LazyLock::new(|| Server::given("READREALM_TEST_MONGODB_STANDALONE").map_or_else(|| Server::start(false), Ok));

/// A fresh database in a replica set.
pub(crate) fn replica_set() -> String {
    REPLICA_SET.as_ref().unwrap_or_else(|why| panic!("{why}")).database()
}

/// A fresh database in a standalone server.
pub(crate) fn standalone() -> String {
    STANDALONE.as_ref().unwrap_or_else(|why| panic!("{why}")).database()
}

/// A standalone server of one test, which ends when this is dropped.
pub(crate) struct Own(Server);

impl Own {
    pub(crate) fn start() -> Self {
        Self(Server::start(false).unwrap_or_else(|why| panic!("{why}")))
    }

    /// A fresh database in it.
    pub(crate) fn url(&self) -> String {
        self.0.database()
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        if let Some(mut keeper) = self.0.keeper.take() {
            // Ends its input, and with it the server.
            drop(keeper.stdin.take());
            let _ = keeper.wait();
        }
    }
}

struct Server {
    /// Up to the database.
    base: String,
    /// From the `?` on.
    options: String,
    /// Its input is what keeps the server.
    keeper: Option<Child>,
}

impl Server {
    /// A server that runs already.
    fn given(variable: &str) -> Option<Self> {
        let url = env::var(variable).ok().filter(|url| !url.is_empty())?;
        let (url, options) = url.split_once('?').unwrap_or((&url, ""));
        let hosts = url.split_once("://").map_or(url, |(_, rest)| rest);
        let base = hosts
            .split_once('/')
            .map_or(url, |(_, database)| &url[..url.len() - database.len() - 1]);
        Some(Self {
            base: base.to_owned(),
            options: format!("?{options}"),
            keeper: None,
        })
    }

    fn start(replica_set: bool) -> Result<Self, String> {
        let binary = binary().ok_or(
            "these tests need a mongod: set MONGOD to its path, put it on PATH, or set READREALM_TEST_MONGODB (a \
             replica set) and READREALM_TEST_MONGODB_STANDALONE to URLs of running ones",
        )?;
        let folder = tempfile::Builder::new()
            .prefix("readrealm-mongod-")
            .tempdir()
            .map_err(|error| error.to_string())?;
        let folder = folder.keep();
        let port = free_port().map_err(|error| error.to_string())?;
        let mut keeper = Command::new("sh");
        keeper
            .args(["-c", KEEPER, "keeper"])
            .arg(&binary)
            .arg("--dbpath")
            .arg(&folder);
        keeper.args([
            "--bind_ip",
            "127.0.0.1",
            "--nounixsocket",
            "--wiredTigerCacheSizeGB",
            "0.25",
        ]);
        keeper.args(["--port", &port.to_string(), "--setParameter", "enableTestCommands=1"]);
        if replica_set {
            keeper.args(["--replSet", "rs0"]);
        }
        keeper
            .env("FOLDER", &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let keeper = keeper.spawn().map_err(|error| error.to_string())?;
        wait_for(port).map_err(|()| {
            let mut log = String::new();
            let _ = std::fs::File::open(folder.join("log")).and_then(|mut file| file.read_to_string(&mut log));
            format!("{} did not start: {log}", binary.display())
        })?;
        let options = if replica_set {
            "?replicaSet=rs0"
        } else {
            "?directConnection=true"
        };
        let server = Self {
            base: format!("mongodb://127.0.0.1:{port}"),
            options: options.to_owned(),
            keeper: Some(keeper),
        };
        if replica_set {
            initiate(port)?;
        }
        Ok(server)
    }

    fn database(&self) -> String {
        format!("{}/test_{:016x}{}", self.base, rand::random::<u64>(), self.options)
    }
}

fn binary() -> Option<PathBuf> {
    if let Some(given) = env::var_os("MONGOD").filter(|path| !path.is_empty()) {
        return Some(given.into());
    }
    env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join("mongod"))
        .find(|path| path.is_file())
}

fn free_port() -> std::io::Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

fn wait_for(port: u16) -> Result<(), ()> {
    let start = Instant::now();
    while start.elapsed() < Duration::from_mins(1) {
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(50));
    }
    Err(())
}

/// Makes the server a replica set, and waits until it can be written. A thread of its own, as tests run in runtimes.
fn initiate(port: u16) -> Result<(), String> {
    let initiate = move || -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime
            .map_err(|error| error.to_string())?
            .block_on(async {
                let client = Client::with_uri_str(format!("mongodb://127.0.0.1:{port}/?directConnection=true")).await?;
                let admin = client.database("admin");
                let member = doc! { "_id": 0, "host": format!("127.0.0.1:{port}") };
                let config = doc! { "_id": "rs0", "members": [member] };
                admin.run_command(doc! { "replSetInitiate": config }).await?;
                while !admin
                    .run_command(doc! { "hello": 1 })
                    .await?
                    .get_bool("isWritablePrimary")
                    .unwrap_or(false)
                {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Ok(())
            })
            .map_err(|error: mongodb::error::Error| error.to_string())
    };
    thread::spawn(initiate)
        .join()
        .map_err(|_| "initiating the replica set panicked".to_owned())?
}
