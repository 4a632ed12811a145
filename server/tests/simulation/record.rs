//! What happened in a run, in order: what the checker judges, and a person reads.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex};

use readrealm_protocol::server::ServerFrame;
use readrealm_protocol::{ClientFrame, codec};
use readrealm_server::log::StoredEvent;
use tokio::time::Instant;

/// One thing that happened.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    /// Milliseconds since the beginning.
    pub(crate) at: u64,
    pub(crate) what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub(crate) enum What {
    /// A client opened a connection.
    Connected {
        client: usize,
        connection: u64,
        node: usize,
    },
    /// A connection ended, by whichever side.
    Ended {
        client: usize,
        connection: u64,
        why: String,
    },
    /// A client said something.
    Asked {
        client: usize,
        connection: u64,
        frame: ClientFrame,
    },
    /// A client heard something.
    Told {
        client: usize,
        connection: u64,
        frame: ServerFrame,
    },
    /// The log took an event in.
    Wrote { node: usize, event: StoredEvent },
    /// Something worth reading when a run has failed.
    Note(String),
}

/// Where a run is written down.
#[derive(Debug, Clone)]
pub(crate) struct Recorder {
    start: Instant,
    records: Arc<Mutex<Vec<Record>>>,
}

impl Recorder {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            records: Arc::default(),
        }
    }

    /// Milliseconds since the beginning.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap()
    }

    pub(crate) fn add(&self, what: What) {
        let at = self.now();
        self.records.lock().unwrap().push(Record { at, what });
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        self.add(What::Note(text.into()));
    }

    pub(crate) fn take(&self) -> Vec<Record> {
        std::mem::take(&mut self.records.lock().unwrap())
    }
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>7} ", self.at)?;
        match &self.what {
            What::Connected {
                client,
                connection,
                node,
            } => write!(f, "c{client}/{connection} connects to n{node}"),
            What::Ended {
                client,
                connection,
                why,
            } => write!(f, "c{client}/{connection} ended: {why}"),
            What::Asked {
                client,
                connection,
                frame,
            } => write!(f, "c{client}/{connection} > {}", codec::encode_client(frame)),
            What::Told {
                client,
                connection,
                frame,
            } => write!(f, "c{client}/{connection} < {}", codec::encode_server(frame)),
            What::Wrote { node, event } => write!(f, "n{node} wrote {}@{} {:?}", event.book, event.seq, event.id),
            What::Note(text) => f.write_str(text),
        }
    }
}

/// The whole of a run as text.
pub(crate) fn trace(records: &[Record]) -> String {
    records.iter().fold(String::new(), |mut text, record| {
        writeln!(text, "{record}").unwrap();
        text
    })
}
