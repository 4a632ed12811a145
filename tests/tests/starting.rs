//! How a server begins: nobody reaches it before it can serve, it can be told to end at once, and what is set to nothing is not set.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::{SocketAddr, TcpListener};
use std::process::Command;
use std::time::{Duration, Instant};

use e2e::process::{Lines, Process};
use e2e::server::{get, program};
use e2e::token::SECRET;
use e2e::{Metrics, Server, Store, within};
use nix::sys::signal::Signal;
use serde_json::Value;
use tokio::net::TcpStream;

fn free() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// A server whose database is nowhere: it looks for it for half a minute.
fn opening(listen: SocketAddr) -> (Process, Lines) {
    let nowhere = format!("mongodb://{}/chat?serverSelectionTimeoutMS=30000", free());
    let mut command = Command::new(program());
    command.args(["--store", &nowhere, "--listen", &listen.to_string()]);
    Process::spawn("readrealm-server", command).unwrap()
}

async fn says(process: &Process, what: &str) {
    let said = async {
        while !process.stderr().contains(what) {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    within(what, said).await;
}

#[tokio::test]
async fn told_to_end_while_the_log_opens_it_ends_at_once() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (mut server, _lines) = opening(free());
        says(&server, "opening the event log").await;
        let begun = Instant::now();
        server.signal(signal);
        assert_eq!(within("its end", server.ended()).await.code(), Some(0));
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        let said = server.whole_stderr();
        assert!(said.contains("told to end before anybody could connect"), "{said}");
    }
}

#[tokio::test]
async fn nobody_can_connect_before_the_log_is_open_and_an_address_in_use_is_refused_before_it() {
    let address = free();
    let (server, _lines) = opening(address);
    says(&server, "opening the event log").await;
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    let store = Store::memory();
    let another = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = another.local_addr().unwrap().to_string();
    let refused = Server::try_start(&store, &["--listen", &taken]).await.unwrap_err();
    assert!(
        refused.stderr.contains(&format!("cannot listen on {taken}")),
        "{}",
        refused.stderr
    );
    assert!(!refused.stderr.contains("opening the event log"), "{}", refused.stderr);
}

/// Every variable of the server, as its help names them.
fn variables() -> Vec<String> {
    let help = Command::new(program()).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let named = help.split("[env: ").skip(1);
    let variables: Vec<String> = named
        .map(|rest| rest.split(['=', ']']).next().unwrap().to_owned())
        .collect();
    assert!(variables.len() > 25, "{variables:?}");
    variables
}

#[tokio::test]
async fn a_variable_that_is_set_to_nothing_is_none() {
    // Each alone, in a command that reads them all and then finds no server.
    let nobody = free().to_string();
    // Those of TLS need each other, and stop every command.
    for variable in variables().into_iter().filter(|variable| !variable.contains("_TLS_")) {
        let mut command = Command::new(program());
        command.args(["--listen", &nobody, "health"]).env(&variable, "");
        let said = command.output().unwrap();
        let stderr = String::from_utf8(said.stderr).unwrap();
        assert_eq!(said.status.code(), Some(1), "{variable}: {stderr}");
        assert!(stderr.contains(&nobody), "{variable}: {stderr}");
    }
    // All together but for those that say who gets in, in a server that is then as it is without any.
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(program());
    command.args(["--listen", "127.0.0.1:0"]).current_dir(&folder);
    let is_guard = |variable: &str| GUARDS.contains(&variable) || variable.contains("_TLS_");
    let others = variables().into_iter().filter(|variable| !is_guard(variable));
    command.envs(others.map(|variable| (variable, "")));
    let (server, mut lines) = Process::spawn("readrealm-server", command).unwrap();
    let line = within("its first line", lines.recv()).await;
    let line = line.unwrap_or_else(|| panic!("{}", server.stderr()));
    let address = line.split_once("http://").unwrap().1.parse().unwrap();
    assert_eq!(
        get(address, "/metrics").await.unwrap().0,
        200,
        "it has no address of its own"
    );
    assert_eq!(
        get(address, "/rooms/1/messages").await.unwrap().0,
        200,
        "authentication is off"
    );
    assert!(
        folder.path().join("readrealm.db").exists(),
        "the log is where it is by default"
    );
    // RUST_LOG, too, is what it is by default.
    let mut command = Command::new(program());
    command
        .args(["--listen", "127.0.0.1:0", "--store", "memory:"])
        .env("RUST_LOG", "");
    let (server, mut lines) = Process::spawn("readrealm-server", command).unwrap();
    within("its first line", lines.recv()).await.unwrap();
    assert!(server.stderr().contains(" INFO "), "{}", server.stderr());
}

/// What says who gets in.
const GUARDS: [&str; 4] = [
    "READREALM_AUTH_SECRET",
    "READREALM_AUTH_PUBLIC_KEY",
    "READREALM_AUTH_AUDIENCE",
    "READREALM_ADMIN_SECRET",
];

#[tokio::test]
async fn what_says_who_gets_in_and_is_set_to_nothing_ends_the_start() {
    let known = variables();
    for variable in GUARDS {
        assert!(known.iter().any(|known| known == variable), "{variable}");
        let flag = variable
            .trim_start_matches("READREALM_")
            .to_lowercase()
            .replace('_', "-");
        let (flag, folder) = (format!("--{flag}="), tempfile::tempdir().unwrap());
        // However open the server was to be, and beside a good key; and the same by the flag.
        let ways = [
            ("--listen=127.0.0.1:0", None, true),
            ("--listen=0.0.0.0:0", Some("--allow-anonymous"), true),
            ("--listen=127.0.0.1:0", Some(&*flag), false),
        ];
        for (listen, more, is_set) in ways {
            let mut command = Command::new(program());
            command.arg(listen).args(more).current_dir(&folder);
            if is_set {
                command.env(GUARDS[0], SECRET).env(variable, "");
            }
            let (mut server, mut lines) = Process::spawn("readrealm-server", command).unwrap();
            let ended = within("its end", server.ended()).await;
            let said = server.whole_stderr();
            assert_eq!(ended.code(), Some(1), "{listen} {more:?}: {said}");
            let why = format!("{variable} is set to nothing");
            assert_eq!(said.matches(&why).count(), 1, "{listen} {more:?}: {said}");
            assert_eq!(lines.recv().await, None, "it never listened");
            assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "it left the log alone");
        }
        // No token is signed with it either.
        let mut command = Command::new(program());
        command
            .args(["token", "--sub", "ann"])
            .env(GUARDS[0], SECRET)
            .env(variable, "");
        let said = command.output().unwrap();
        let stderr = String::from_utf8(said.stderr).unwrap();
        assert_eq!(
            (said.status.code(), &*said.stdout),
            (Some(1), &b""[..]),
            "{variable}: {stderr}"
        );
    }
}

/// A server of a shell that gives it so many files, and more to who asks.
async fn with_files(soft: u32, hard: u32, arguments: &str) -> (Process, SocketAddr) {
    let program = program().display();
    let script = format!(
        "ulimit -Sn {soft} && ulimit -Hn {hard} && exec {program} --listen 127.0.0.1:0 --store memory: {arguments}"
    );
    let mut command = Command::new("sh");
    command.args(["-c", &script]);
    let (server, mut lines) = Process::spawn("readrealm-server", command).unwrap();
    let line = within("its first line", lines.recv()).await;
    let line = line.unwrap_or_else(|| panic!("{}", server.stderr()));
    (server, line.split_once("http://").unwrap().1.parse().unwrap())
}

async fn metrics(address: SocketAddr) -> Metrics {
    let (_, text) = within("the numbers", get(address, "/metrics")).await.unwrap();
    Metrics::read(text)
}

#[tokio::test]
async fn connections_that_cannot_be_accepted_are_counted() {
    let (server, address) = with_files(50, 50, "").await;
    let mut open = Vec::new();
    let run_out = async {
        while !server.stderr().contains("no connection can be accepted") {
            if open.len() < 60 {
                open.push(TcpStream::connect(address).await.unwrap());
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    within("the files to run out", run_out).await;
    open.clear();
    assert!(metrics(address).await.of("readrealm_accept_failures_total") >= 1.0);
}

#[tokio::test]
async fn it_takes_all_the_files_it_may_have_and_says_where_they_are_too_few() {
    const WARNING: &str = "are above the number of files";
    let (server, address) = with_files(200, 400, "--max-connections 390 --max-http-connections 10").await;
    assert!(metrics(address).await.text.contains("process_max_fds 400"));
    assert!(!server.stderr().contains(WARNING), "{}", server.stderr());
    let (server, address) = with_files(200, 200, "--max-connections 191 --max-http-connections 10").await;
    assert!(metrics(address).await.text.contains("process_max_fds 200"));
    let said = server.stderr();
    assert_eq!(said.matches(WARNING).count(), 1, "{said}");
    assert!(said.contains("connections=201") && said.contains("files=200"), "{said}");
    assert!(
        said.lines()
            .any(|line| line.contains(WARNING) && line.contains(" WARN ")),
        "{said}"
    );
    // A number that nobody chose is nothing to be warned of; none at all is.
    let (server, _) = with_files(200, 200, "").await;
    let said = server.stderr();
    assert!(
        said.lines()
            .any(|line| line.contains(WARNING) && line.contains(" INFO ")),
        "{said}"
    );
    for flag in ["--max-connections 0", "--max-http-connections 0"] {
        let (server, _) = with_files(200, 200, flag).await;
        assert!(
            server.stderr().contains("no bound but the files"),
            "{flag}: {}",
            server.stderr()
        );
    }
}

#[tokio::test]
async fn with_json_the_last_line_is_json_too() {
    for level in ["info", "off"] {
        let mut command = Command::new(program());
        command.args(["--listen", "0.0.0.0:0", "--store", "memory:", "--log-format", "json"]);
        command.env("RUST_LOG", level);
        let ended = command.output().unwrap();
        assert_eq!(ended.status.code(), Some(1));
        let said = String::from_utf8(ended.stderr).unwrap();
        let lines: Vec<Value> = said
            .lines()
            .map(|line| serde_json::from_str(line).expect(line))
            .collect();
        let last = lines.last().unwrap();
        assert_eq!(last["level"], "ERROR");
        let why = last["fields"]["message"].as_str().unwrap();
        assert!(why.starts_with("authentication is off, and 0.0.0.0:"), "{why}");
    }
}

#[tokio::test]
async fn a_spread_that_the_drain_has_no_time_for_is_told() {
    for (flags, told) in [
        (&[][..], false),
        (&["--reconnect-spread", "20s", "--drain-timeout", "30s"], false),
        (&["--reconnect-spread", "0", "--drain-timeout", "0"], false),
        (&["--reconnect-spread", "20s"], true),
        (&["--drain-timeout", "0"], true),
    ] {
        let server = Server::start_with(&Store::memory(), flags).await;
        let said = server.process().stderr();
        assert_eq!(
            said.contains("--reconnect-spread is not shorter"),
            told,
            "{flags:?}: {said}"
        );
    }
}
