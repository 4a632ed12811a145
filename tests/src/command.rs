//! The commands of the real `readrealm-server`, each as a process that ends.

use std::io::Write;
use std::process::{Command, Stdio};

use crate::server::program;
use crate::{Store, within};

/// A command that has ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit code; -1 where a signal ended it.
    pub code: i32,
    /// What it printed.
    pub stdout: String,
    /// What it said beside.
    pub stderr: String,
}

impl Ended {
    /// What it printed, having exited with 0.
    pub fn done(self) -> String {
        assert_eq!(self.code, 0, "{}\n{}", self.stdout, self.stderr);
        self.stdout
    }

    /// What it said, having exited with 1.
    pub fn refused(self) -> String {
        assert_eq!(self.code, 1, "{}\n{}", self.stdout, self.stderr);
        self.stderr
    }
}

/// A command on the log of a store, not started yet.
pub fn command(store: &Store, arguments: &[&str]) -> Command {
    let mut command = Command::new(program());
    command.args(arguments).args(["--store", store.url()]);
    command
}

/// Runs a command on the log of a store.
pub async fn run(store: &Store, arguments: &[&str]) -> Ended {
    ended(command(store, arguments), String::new()).await
}

/// Runs a command that reads `input`.
pub async fn run_with_input(store: &Store, arguments: &[&str], input: &str) -> Ended {
    ended(command(store, arguments), input.to_owned()).await
}

/// Runs a command with these arguments alone.
pub async fn run_bare(arguments: &[&str]) -> Ended {
    let mut command = Command::new(program());
    command.args(arguments);
    ended(command, String::new()).await
}

async fn ended(mut command: Command, input: String) -> Ended {
    let what = format!("{command:?} to end");
    let run = tokio::task::spawn_blocking(move || {
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("the command can be started");
        let mut stdin = child.stdin.take().expect("its input");
        let writer = std::thread::spawn(move || {
            // It may refuse before it has read everything.
            let _ = stdin.write_all(input.as_bytes());
        });
        let output = child.wait_with_output().expect("it ends");
        writer.join().expect("its input is written");
        output
    });
    let output = within(&what, run).await.expect("it was waited for");
    let text = |bytes| String::from_utf8(bytes).expect("text");
    Ended {
        code: output.status.code().unwrap_or(-1),
        stdout: text(output.stdout),
        stderr: text(output.stderr),
    }
}
