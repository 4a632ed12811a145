//! Nchan on nginx, as Debian packs it: WebSocket subscribers, a WebSocket publisher for each room, a buffer of 50 messages, one
//! process.

use std::net::TcpListener;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tokio::net::TcpStream;

use super::program::Program;
use super::{Peer, Running};
use crate::load::{Outcome, Speech};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_nchan_module.so";
const PACKAGES: [&str; 2] = ["nginx-light", "libnginx-mod-nchan"];
const PATIENCE: Duration = Duration::from_secs(10);

/// nginx, wherever Debian or the path has it.
fn nginx() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<_> = std::env::split_paths(&path).collect();
    folders.push("/usr/sbin".into());
    folders
        .into_iter()
        .map(|folder| folder.join("nginx"))
        .find(|file| file.exists())
}

/// Installs the packages where they are missing and this may be done.
pub(super) fn prepare() -> Outcome<()> {
    if nginx().is_some() && Path::new(MODULE).exists() {
        return Ok(());
    }
    // Who this process belongs to.
    if std::fs::metadata("/proc/self")?.uid() != 0 {
        return Err(format!("install {} to measure it", PACKAGES.join(" and ")).into());
    }
    println!("nchan: apt-get installs {}", PACKAGES.join(" and "));
    let status = Command::new("apt-get")
        .args(["install", "--yes", "--no-install-recommends"])
        .args(PACKAGES)
        .env("DEBIAN_FRONTEND", "noninteractive")
        // Debian starts what it installs, but not in single-user mode.
        .env("RUNLEVEL", "1")
        .stdout(std::process::Stdio::null())
        .status()?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("apt-get cannot install {}", PACKAGES.join(" and ")).into())
    }
}

pub(super) async fn start() -> Outcome<Peer> {
    let folder = tempfile::Builder::new().prefix("readrealm-nginx-").tempdir()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let configuration = folder.path().join("nginx.conf");
    std::fs::write(&configuration, configure(&folder, port))?;
    let mut command = Command::new(nginx().ok_or("nginx is not installed")?);
    command
        .args(["-e", "stderr", "-p"])
        .arg(folder.path())
        .arg("-c")
        .arg(&configuration);
    let address = ([127, 0, 0, 1], port).into();
    let mut program = Program::start_at("nchan", command, address)?;
    let deadline = Instant::now() + PATIENCE;
    while TcpStream::connect(address).await.is_err() {
        if program.has_ended() || Instant::now() >= deadline {
            return Err(format!("nginx does not listen: {}", program.said()).into());
        }
        // It says nothing when it listens.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    program.keep(folder);
    Ok(Peer {
        address,
        speech: Speech::Raw,
        server: vec![program.pid()],
        database: Vec::new(),
        stored: None,
        running: Running::Program(program),
    })
}

fn configure(folder: &TempDir, port: u16) -> String {
    let folder = folder.path().display();
    format!(
        r"load_module {MODULE};
daemon off;
# One process: nothing is told from worker to worker, which is cheapest, and nothing is left when it is killed.
master_process off;
pid {folder}/pid;
worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  access_log off;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  nchan_max_reserved_memory 128m;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location ~ ^/sub/(\d+)$ {{
      nchan_subscriber websocket;
      nchan_channel_id $1;
    }}
    location ~ ^/pub/(\d+)$ {{
      nchan_publisher websocket;
      nchan_channel_id $1;
      nchan_message_buffer_length 50;
    }}
  }}
}}
"
    )
}
