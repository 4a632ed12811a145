//! Child processes that cannot outlive their test.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tokio::sync::{mpsc, watch};

/// A running program. Ended by its process id when this is dropped.
#[derive(Debug)]
pub struct Process {
    name: String,
    pid: Pid,
    status: watch::Receiver<Option<ExitStatus>>,
    waiter: Option<JoinHandle<()>>,
    stderr: Arc<Mutex<String>>,
    stderr_reader: Option<JoinHandle<()>>,
}

/// The lines a program prints to stdout.
pub type Lines = mpsc::UnboundedReceiver<String>;

impl Process {
    /// Starts a program; what it prints to stderr is kept, and shown if the test fails.
    pub fn spawn(name: &str, mut command: Command) -> std::io::Result<(Self, Lines)> {
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn()?;
        let pid = Pid::from_raw(child.id().try_into().expect("a process id"));
        let lines = read_lines(&mut child);
        let stderr = Arc::new(Mutex::new(String::new()));
        let stderr_reader = child.stderr.take().map(|pipe| {
            let stderr = Arc::clone(&stderr);
            std::thread::spawn(move || collect(pipe, &stderr))
        });
        let (ended, status) = watch::channel(None);
        let waiter = std::thread::spawn(move || {
            // Nobody may be left to hear it.
            let _ = ended.send(child.wait().ok());
        });
        let process = Self {
            name: name.to_owned(),
            pid,
            status,
            waiter: Some(waiter),
            stderr,
            stderr_reader,
        };
        Ok((process, lines))
    }

    /// Sends a signal, unless the program has ended.
    pub fn signal(&self, signal: Signal) {
        if self.status.borrow().is_none() {
            // It may end at this very moment, which is what signals are sent for.
            let _ = kill(self.pid, signal);
        }
    }

    /// `kill -9`, and waits until the program is gone and its sockets and locks are free.
    pub fn kill(&mut self) {
        self.signal(Signal::SIGKILL);
        for thread in [self.waiter.take(), self.stderr_reader.take()].into_iter().flatten() {
            let _ = thread.join();
        }
    }

    /// How it ended. Waits until it does.
    pub async fn ended(&mut self) -> ExitStatus {
        let status = self
            .status
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|status| *status);
        status.expect("a child process can be waited for")
    }

    /// Whether it has ended by now.
    pub fn has_ended(&self) -> bool {
        self.status.borrow().is_some()
    }

    /// The program's number.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw().unsigned_abs()
    }

    /// What it has printed to stderr.
    pub fn stderr(&self) -> String {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// All it printed to stderr, the program having ended.
    pub fn whole_stderr(&mut self) -> String {
        self.kill();
        self.stderr()
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- stderr of {} ---\n{}---", self.name, self.stderr());
        }
    }
}

fn read_lines(child: &mut Child) -> Lines {
    let (sender, lines) = mpsc::unbounded_channel();
    if let Some(pipe) = child.stdout.take() {
        std::thread::spawn(move || {
            // Read to the end, heard or not: a full pipe would stop the program.
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
    }
    lines
}

fn collect(mut pipe: impl Read, into: &Mutex<String>) {
    let mut bytes = [0; 4096];
    while let Ok(count @ 1..) = pipe.read(&mut bytes) {
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        into.lock().unwrap_or_else(PoisonError::into_inner).push_str(&text);
    }
}
