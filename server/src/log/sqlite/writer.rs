//! The one writer of the file: a thread that makes each batch one transaction.

use std::{
    fs::File,
    io,
    sync::{Mutex, PoisonError},
    thread::{self, JoinHandle},
};

use readrealm_protocol::{BookId, Seq};
use rusqlite::{Connection, ErrorCode, OptionalExtension, Statement, Transaction, TransactionBehavior, params};
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};

use super::{probe, reader};
use crate::log::engine::{Poison, Standing};
use crate::log::record::Record;
use crate::log::upcast::Data;
use crate::log::{Append, AppendOutcome, ReadError, Stop, StoredEvent};

/// Batches that may wait for the one being written; more wait for room (backpressure).
const WAITING: usize = 16;

/// Rooms whose newest position the writer knows; beyond that it forgets them all, and learns them anew.
const HEADS: usize = 16_384;

/// An event without one before it has no room, which no row may be without: past the next position nothing is taken. What the writer
/// knows to be the next one (?10) is not looked up.
const INSERT: &str = "
    INSERT INTO events (id, book, seq, place, type, v, at, by, data) VALUES (
        ?1,
        CASE WHEN ?10 THEN ?2 ELSE (SELECT book FROM events WHERE book = ?2 AND seq = ?3 - 1) END,
        ?3, ?4, ?5, ?6, ?7, ?8, ?9
    )";

/// The way to the writing thread.
pub(super) struct Writer {
    /// `None` once closed.
    jobs: Mutex<Option<mpsc::Sender<Job>>>,
    thread: Mutex<Option<JoinHandle<()>>>,
    pub(super) poison: Poison,
}

/// What the thread is to do.
pub(super) enum Job {
    Append {
        batch: Vec<Append>,
        reply: oneshot::Sender<Vec<AppendOutcome>>,
    },
    /// To write something that means nothing.
    Probe {
        reply: oneshot::Sender<rusqlite::Result<()>>,
    },
}

impl Writer {
    /// Starts the thread. It holds `lock` until the last batch is answered after [`close`](Self::close) or drop.
    pub(super) fn spawn(connection: Connection, lock: File) -> io::Result<Self> {
        let (jobs, mut mailbox) = mpsc::channel::<Job>(WAITING);
        let poison = Poison::new();
        let mut thread = WriterThread {
            connection,
            poison: poison.clone(),
            heads: FxHashMap::default(),
        };
        let write = move || {
            while let Some(job) = mailbox.blocking_recv() {
                // Whoever asked may be gone; what was written stays written.
                match job {
                    Job::Append { batch, reply } => drop(reply.send(thread.append(&batch))),
                    Job::Probe { reply } => drop(reply.send(probe::write(&mut thread.connection))),
                }
            }
            drop(thread);
            drop(lock);
        };
        let thread = thread::Builder::new().name("sqlite-writer".to_owned()).spawn(write)?;
        Ok(Self {
            jobs: Mutex::new(Some(jobs)),
            thread: Mutex::new(Some(thread)),
            poison,
        })
    }

    pub(super) async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        let rooms = batch.len();
        let jobs = self.jobs();
        let (reply, outcome) = oneshot::channel();
        let submitted = match jobs {
            Some(jobs) => jobs.send(Job::Append { batch, reply }).await.is_ok(),
            None => false,
        };
        let lost = if submitted { Stop::Unknown } else { Stop::Unavailable };
        outcome
            .await
            .unwrap_or_else(|_| vec![AppendOutcome::stopped(0, lost); rooms])
    }

    /// `None` once closed.
    pub(super) fn jobs(&self) -> Option<mpsc::Sender<Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) async fn close(&self) {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner).take();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // Neither a panic of the thread nor of the runtime leaves anything to be done here.
            let _ = tokio::task::spawn_blocking(|| thread.join()).await;
        }
    }
}

struct WriterThread {
    connection: Connection,
    poison: Poison,
    /// The last position of each of some rooms. Nobody else writes the file.
    heads: Heads,
}

type Heads = FxHashMap<BookId, Seq>;

/// An I/O error may have taken with it what was written before, too (it can, once fsync has failed).
pub(super) fn is_fatal(code: Option<ErrorCode>) -> bool {
    matches!(
        code,
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// At which step a batch failed.
enum Failure {
    /// Nothing of it was written.
    Before(ReadError, Option<ErrorCode>),
    /// What is on the disk is not known.
    Commit(rusqlite::Error),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Before(ReadError::Unavailable(error.to_string()), error.sqlite_error_code())
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Before(error, None)
    }
}

impl WriterThread {
    fn append(&mut self, batch: &[Append]) -> Vec<AppendOutcome> {
        let stopped = |stop: Stop| vec![AppendOutcome::stopped(0, stop); batch.len()];
        if self.poison.is_set() {
            return stopped(Stop::Unknown);
        }
        match self.write(batch) {
            Ok(outcomes) => outcomes,
            Err(Failure::Before(error, code)) => {
                tracing::error!(%error, "a batch was not written");
                if is_fatal(code) {
                    self.poison.set(format!("the log cannot be written: {error}"));
                }
                stopped(Stop::Unavailable)
            }
            Err(Failure::Commit(error)) => {
                tracing::error!(%error, "a commit failed: the log is not used any more");
                self.poison.set(format!("a commit to the log failed: {error}"));
                stopped(Stop::Unknown)
            }
        }
    }

    fn write(&mut self, batch: &[Append]) -> Result<Vec<AppendOutcome>, Failure> {
        // They count again where the whole is written.
        let mut heads = std::mem::take(&mut self.heads);
        if heads.len() > HEADS {
            heads.clear();
        }
        let tx = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut inserting = tx.prepare_cached(INSERT)?;
        let outcomes = batch
            .iter()
            .map(|append| append_room(&tx, &mut inserting, append, &mut heads))
            .collect::<Result<_, _>>()?;
        drop(inserting);
        tx.commit().map_err(Failure::Commit)?;
        self.heads = heads;
        Ok(outcomes)
    }
}

fn append_room(
    tx: &Transaction<'_>,
    inserting: &mut Statement<'_>,
    append: &Append,
    heads: &mut Heads,
) -> Result<AppendOutcome, Failure> {
    for (written, event) in append.events.iter().enumerate() {
        let is_next = match heads.get(&event.book) {
            Some(head) => head.next() == event.seq,
            None => event.seq == Seq::ZERO.next(),
        };
        if insert(inserting, event, is_next)? {
            heads.insert(event.book, event.seq);
            continue;
        }
        let known = match event_of_id(tx, event) {
            Ok(known) => known,
            Err(error @ ReadError::Corrupt(_)) => {
                tracing::error!(%error, "an event cannot be appended over what is there");
                return Ok(AppendOutcome::stopped(written, Stop::Unavailable));
            }
            Err(error) => return Err(error.into()),
        };
        // Where nobody has its id, its position is taken, or past the next one: whoever numbered it so has to read on.
        if let Standing::Stopped(stop) = Standing::of(event, known, true) {
            return Ok(AppendOutcome::stopped(written, stop));
        }
    }
    Ok(AppendOutcome::all(append.events.len()))
}

/// Inserts an event. Returns whether it fitted.
fn insert(insert: &mut Statement<'_>, event: &StoredEvent, is_next: bool) -> rusqlite::Result<bool> {
    let data = serde_json::to_string(&Data(&event.payload))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let inserted = insert.execute(params![
        event.id.as_str(),
        reader::integer(event.book.get()),
        reader::integer(event.seq.get()),
        reader::integer(event.place.get()),
        event.payload.kind(),
        event.payload.version(),
        event.at.as_millis(),
        event.by.as_str(),
        data,
        is_next,
    ]);
    match inserted {
        Ok(_) => Ok(true),
        // Undoes this statement alone; the transaction goes on.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => Ok(false),
        Err(error) => Err(error),
    }
}

fn event_of_id(tx: &Transaction<'_>, event: &StoredEvent) -> Result<Option<StoredEvent>, ReadError> {
    let select = reader::select("WHERE id = ?");
    let record = tx
        .prepare_cached(&select)?
        .query_row([event.id.as_str()], reader::record)
        .optional()?;
    record.map(Record::read).transpose()
}
