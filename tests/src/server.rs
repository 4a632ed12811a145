//! The real `readrealm-server`, as a process.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::OnceLock;
use std::time::{Duration, SystemTime};

use nix::sys::signal::Signal;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::{Store, within};

/// Before a request of its own connection: fewer a second than `--new-connections-per-second`.
const PACE: Duration = Duration::from_millis(11);

/// A server. Killed when dropped.
#[derive(Debug)]
pub struct Server {
    arguments: Vec<String>,
    log_filter: Option<String>,
    process: Process,
    address: SocketAddr,
}

/// A server that did not start.
#[derive(Debug)]
pub struct Refused {
    /// How it ended.
    pub status: ExitStatus,
    /// What it said.
    pub stderr: String,
}

impl Server {
    /// Starts a server on a free port with its default limits.
    pub async fn start(store: &Store) -> Self {
        Self::start_with(store, &[]).await
    }

    /// Starts a server on a free port with further arguments.
    pub async fn start_with(store: &Store, arguments: &[&str]) -> Self {
        let started = Self::try_start(store, arguments).await;
        started.unwrap_or_else(|refused| panic!("the server ended with {}:\n{}", refused.status, refused.stderr))
    }

    /// Starts a server that logs what `filter` says.
    pub async fn start_logging(store: &Store, arguments: &[&str], filter: &str) -> Self {
        let all = [&["--store", store.url(), "--listen", "127.0.0.1:0"], arguments].concat();
        let started = Self::launch(all.into_iter().map(str::to_owned).collect(), Some(filter.to_owned())).await;
        started.unwrap_or_else(|refused| panic!("the server ended with {}:\n{}", refused.status, refused.stderr))
    }

    /// Starts a server that may refuse to.
    pub async fn try_start(store: &Store, arguments: &[&str]) -> Result<Self, Refused> {
        let listen: &[&str] = if arguments.contains(&"--listen") {
            &[]
        } else {
            &["--listen", "127.0.0.1:0"]
        };
        let all = [&["--store", store.url()], listen, arguments].concat();
        Self::launch(all.into_iter().map(str::to_owned).collect(), None).await
    }

    async fn launch(arguments: Vec<String>, log_filter: Option<String>) -> Result<Self, Refused> {
        let mut command = Command::new(program());
        command.args(&arguments);
        if let Some(filter) = &log_filter {
            command.env("RUST_LOG", filter);
        }
        let (mut process, mut lines) = Process::spawn("readrealm-server", command).expect("the server can be started");
        let Some(line) = within("the server's first line on stdout", lines.recv()).await else {
            let status = within("a server without stdout to end", process.ended()).await;
            return Err(Refused {
                status,
                stderr: process.whole_stderr(),
            });
        };
        let address = line
            .split_once("listening on ")
            .and_then(|(_, url)| url.split_once("://"))
            .map(|(_, address)| address)
            .and_then(|address| address.parse().ok());
        let address = address.unwrap_or_else(|| panic!("the first line is {line:?}"));
        Ok(Self {
            arguments,
            log_filter,
            process,
            address,
        })
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// Starts it anew, on the same port and store.
    pub async fn restart(&mut self) {
        self.kill();
        let at = self
            .arguments
            .iter()
            .position(|argument| argument == "--listen")
            .expect("--listen");
        self.arguments[at + 1] = self.address.to_string();
        let started = Self::launch(self.arguments.clone(), self.log_filter.clone()).await;
        *self = started.unwrap_or_else(|refused| panic!("no restart, {}:\n{}", refused.status, refused.stderr));
    }

    /// Asks it to end.
    pub fn terminate(&self) {
        self.process.signal(Signal::SIGTERM);
    }

    /// How it ended. Waits until it does.
    pub async fn ended(&mut self) -> ExitStatus {
        within("the server to end", self.process.ended()).await
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its process.
    pub fn process(&self) -> &Process {
        &self.process
    }

    /// The same from who asks for another host.
    pub async fn get_as(&self, path: &str, host: &str) -> (u16, String) {
        within(&format!("GET {path}"), get_of(self.address, path, host))
            .await
            .unwrap_or_else(|error| panic!("GET {path} of {host}: {error}"))
    }

    /// `GET path`: the status and the body. Whoever asks again and again does so at a pace that an address may.
    pub async fn get(&self, path: &str) -> (u16, String) {
        tokio::time::sleep(PACE).await;
        within(&format!("GET {path}"), get(self.address, path))
            .await
            .unwrap_or_else(|error| panic!("GET {path}: {error}"))
    }
}

/// `GET path` of any address: the status and the body.
pub async fn get(address: SocketAddr, path: &str) -> std::io::Result<(u16, String)> {
    get_of(address, path, &address.to_string()).await
}

/// The same, as it was sent: the head and the body.
pub async fn ask(address: SocketAddr, path: &str) -> std::io::Result<String> {
    ask_of(address, path, &address.to_string()).await
}

async fn ask_of(address: SocketAddr, path: &str, host: &str) -> std::io::Result<String> {
    let mut socket = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await?;
    Ok(answer)
}

async fn get_of(address: SocketAddr, path: &str, host: &str) -> std::io::Result<(u16, String)> {
    let answer = ask_of(address, path, host).await?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| std::io::Error::other("there was no answer"))?;
    Ok((status, body.to_owned()))
}

/// The binary: `$READREALM_SERVER`, or the one beside this test's own binary, built where it is missing or stale.
pub fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(
        || match std::env::var_os("READREALM_SERVER").filter(|path| !path.is_empty()) {
            Some(path) => path.into(),
            None => built(),
        },
    )
}

fn built() -> PathBuf {
    // target/PROFILE/deps/test-hash, or target/PROFILE/program
    let test = std::env::current_exe().expect("this test has a binary");
    let folder = test.parent().expect("a binary stands in a folder");
    let profile = if folder.ends_with("deps") {
        folder.parent().unwrap_or(folder)
    } else {
        folder
    };
    let program = profile.join(format!("readrealm-server{}", std::env::consts::EXE_SUFFIX));
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this crate stands in the workspace");
    let sources = ["Cargo.lock", "server/src", "protocol/src"]
        .into_iter()
        .filter_map(|path| newest(&root.join(path)));
    let built = program.metadata().and_then(|program| program.modified()).ok();
    if built.is_some() && built > sources.max() {
        return program;
    }
    // As `cargo test --workspace` builds it, for a test of its own: else the dependencies are compiled anew with other
    // features.
    let mut cargo = Command::new(env!("CARGO"));
    let tests = [
        "test",
        "--workspace",
        "--exclude",
        "readrealm-sdk",
        "--no-run",
        "--test",
        "direction",
    ];
    cargo.current_dir(root).args(tests);
    cargo
        .arg("--target-dir")
        .arg(profile.parent().expect("a target folder"));
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    // What cargo says to this test of itself would make it compile crates anew whose builds look at it.
    for (name, _) in std::env::vars_os() {
        let prefixes = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_PRIMARY_"];
        if name
            .to_str()
            .is_some_and(|name| prefixes.iter().any(|prefix| name.starts_with(prefix)))
        {
            cargo.env_remove(name);
        }
    }
    let output = cargo.output().expect("cargo can be run");
    assert!(
        output.status.success(),
        "no server to test:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    program
}

/// When a file, or the newest file below a folder, was changed.
fn newest(path: &Path) -> Option<SystemTime> {
    if path.is_dir() {
        let entries = path.read_dir().ok()?.filter_map(Result::ok);
        return entries.filter_map(|entry| newest(&entry.path())).max();
    }
    path.metadata().and_then(|file| file.modified()).ok()
}
