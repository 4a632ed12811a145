//! A peer that is a program of its own, which says where it listens: `listening on http://ADDRESS`.

use std::net::SocketAddr;
use std::process::Command;

use e2e::process::Process;
use e2e::within;
use tempfile::TempDir;

use crate::load::Outcome;

/// A running program. Killed when dropped.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) address: SocketAddr,
    process: Process,
    folder: Option<TempDir>,
}

impl Program {
    /// Starts it, and waits for the line.
    pub(crate) async fn start(name: &str, command: Command) -> Outcome<Self> {
        let (mut process, mut lines) = Process::spawn(name, command)?;
        let listening = async {
            while let Some(line) = lines.recv().await {
                if let Some((_, address)) = line.split_once("listening on http://") {
                    return address.trim().parse().ok();
                }
            }
            None
        };
        match within(&format!("{name} to listen"), listening).await {
            Some(address) => Ok(Self {
                address,
                process,
                folder: None,
            }),
            None => Err(format!("{name} does not start: {}", process.whole_stderr().trim()).into()),
        }
    }

    /// Starts one that was told where to listen, and does not say when it does.
    pub(crate) fn start_at(name: &str, command: Command, address: SocketAddr) -> Outcome<Self> {
        let (process, _) = Process::spawn(name, command)?;
        Ok(Self {
            address,
            process,
            folder: None,
        })
    }

    /// Keeps its folder as long as it runs.
    pub(crate) fn keep(&mut self, folder: TempDir) {
        self.folder = Some(folder);
    }

    pub(crate) fn has_ended(&self) -> bool {
        self.process.has_ended()
    }

    /// What it has printed to stderr; it is ended with that.
    pub(crate) fn said(&mut self) -> String {
        self.process.whole_stderr().trim().to_owned()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// Ends it.
    pub(crate) async fn end(mut self) {
        self.process.signal(nix::sys::signal::Signal::SIGTERM);
        let _ = tokio::time::timeout(super::ENDING, self.process.ended()).await;
    }
}
