//! A node's way to the shared log, on which things go wrong as the plan says, and only such things as
//! [`EventLog`]'s contract allows for.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use readrealm_protocol::{BookId, Epoch, Seq};
use readrealm_server::log::{
    Append, AppendOutcome, EventId, EventLog, Head, Page, PageQuery, ReadError, ReadLimit, Stop, StoredEvent, Tail,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::plan::{Faults, Outage};
use crate::record::{Recorder, What};
use crate::tail;

/// The log as one node reaches it.
#[derive(Debug, Clone)]
pub(crate) struct FaultyLog {
    pub(crate) inner: Arc<dyn EventLog>,
    pub(crate) epoch: Epoch,
    pub(crate) node: usize,
    pub(crate) faults: Faults,
    pub(crate) outages: Vec<Outage>,
    pub(crate) dice: Dice,
    pub(crate) recorder: Recorder,
    /// Writes that are late.
    pub(crate) late: Arc<AtomicUsize>,
    /// Cancelled when the faults are over.
    pub(crate) calm: CancellationToken,
    /// Cancelled when the node dies: then it hears nothing more, and does nothing more.
    pub(crate) dead: CancellationToken,
}

impl FaultyLog {
    /// Whether something that goes wrong so many times in a thousand goes wrong now.
    pub(crate) fn goes_wrong(&self, rate: u64, what: &str) -> bool {
        let wrong = !self.is_calm() && self.dice.per_mille(rate);
        if wrong {
            self.recorder.note(format!("n{} {what}", self.node));
        }
        wrong
    }

    /// Waits some of so many milliseconds; for ever, where the node died meanwhile.
    pub(crate) async fn lag(&self, millis: u64) {
        if millis > 0 {
            sleep(Duration::from_millis(self.dice.between(0, millis))).await;
        }
        if self.dead.is_cancelled() {
            pending::<()>().await;
        }
    }

    pub(crate) fn is_out(&self) -> bool {
        let now = self.recorder.now();
        let out = |outage: &Outage| outage.node == self.node && (outage.from..outage.until).contains(&now);
        !self.is_calm() && self.outages.iter().any(out)
    }

    fn is_calm(&self) -> bool {
        self.calm.is_cancelled()
    }

    async fn way(&self) {
        self.lag(self.faults.latency).await;
        if self.goes_wrong(self.faults.slow, "is slow") {
            self.lag(8_000).await;
        }
    }

    async fn read<T>(&self, read: impl Future<Output = Result<T, ReadError>>) -> Result<T, ReadError> {
        self.way().await;
        if self.is_out() || self.goes_wrong(self.faults.read_error, "cannot read") {
            return Err(ReadError::Unavailable("simulated".to_owned()));
        }
        let read = read.await;
        self.way().await;
        read
    }

    /// Whether an event of the batch is in the log, or may still come: a rival's event can stand where it does neither,
    /// and what rolls that back takes with it what was under way.
    async fn may_have(&self, batch: &[Append]) -> bool {
        if self.late.load(Ordering::Relaxed) > 0 {
            return true;
        }
        let events = batch.iter().flat_map(|append| append.events.iter());
        let ids: Vec<_> = events.map(|event| event.id.clone()).collect();
        !self.inner.read_ids(&ids).await.unwrap().is_empty()
    }

    async fn write(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        let outcomes = self.inner.append(batch.clone()).await;
        for (append, outcome) in batch.iter().zip(&outcomes) {
            for event in &append.events[..outcome.written] {
                let (node, event) = (self.node, event.clone());
                self.recorder.add(What::Wrote { node, event });
            }
            if let Some(stop) = &outcome.stopped {
                let event = &append.events[outcome.written];
                let why = match stop {
                    Stop::Duplicate(known) => format!("a duplicate of {}", known.seq),
                    stop => format!("{stop:?}"),
                };
                self.recorder
                    .note(format!("n{} stopped at {}@{}: {why}", self.node, event.book, event.seq));
            }
        }
        outcomes
    }

    /// Writes the first so many events of a batch; what follows stops for a reason.
    async fn write_part(&self, batch: Vec<Append>, mut events: usize, why: &Stop) -> Vec<AppendOutcome> {
        let mut outcomes = Vec::new();
        for Append { book, events: all } in batch {
            let part: Arc<[StoredEvent]> = all[..events.min(all.len())].into();
            events -= part.len();
            let (sent, whole) = (part.len(), part.len() == all.len());
            let mut outcome = AppendOutcome::all(0);
            if sent > 0 {
                outcome = self.write(vec![Append { book, events: part }]).await.remove(0);
            }
            if !whole && outcome.stopped.is_none() {
                outcome.stopped = Some(why.clone());
            }
            outcomes.push(outcome);
        }
        outcomes
    }

    fn write_later(&self, batch: Vec<Append>) {
        let (log, late) = (self.clone(), Duration::from_millis(self.dice.between(1, 4_000)));
        self.late.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            sleep(late).await;
            log.recorder.note(format!("n{} is late with a write", log.node));
            // Ordered, as any write of a batch: each room ends at the first that does not fit.
            log.write(batch).await;
            log.late.fetch_sub(1, Ordering::Relaxed);
        });
    }
}

fn stopped(batch: &[Append], why: &Stop) -> Vec<AppendOutcome> {
    batch.iter().map(|_| AppendOutcome::stopped(0, why.clone())).collect()
}

#[async_trait]
impl EventLog for FaultyLog {
    fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    async fn append(&self, batch: Vec<Append>) -> Vec<AppendOutcome> {
        self.way().await;
        let faults = self.faults;
        let outcomes = if self.is_out() || self.goes_wrong(faults.unavailable, "append: unavailable") {
            stopped(&batch, &Stop::Unavailable)
        } else if self.goes_wrong(faults.unknown_lost, "append: unknown, not written") {
            stopped(&batch, &Stop::Unknown)
        } else if self.goes_wrong(faults.unknown_late, "append: unknown, and late") {
            let outcomes = stopped(&batch, &Stop::Unknown);
            self.write_later(batch);
            outcomes
        } else if self.goes_wrong(faults.unknown_written, "append: unknown, but written") {
            let outcomes = stopped(&batch, &Stop::Unknown);
            self.write(batch).await;
            outcomes
        } else if !self.may_have(&batch).await
            && self.goes_wrong(faults.ghost, "append: stopped by what is rolled back")
        {
            stopped(&batch, &Stop::Conflict)
        } else if self.goes_wrong(faults.partly, "append: partly written") {
            let events = batch.iter().map(|append| append.events.len()).sum::<usize>();
            let why = if self.dice.per_mille(500) {
                Stop::Unknown
            } else {
                Stop::Unavailable
            };
            self.write_part(batch, self.dice.below(events), &why).await
        } else {
            self.write(batch).await
        };
        self.way().await;
        outcomes
    }

    async fn head(&self, book: BookId) -> Result<Head, ReadError> {
        self.read(self.inner.head(book)).await
    }

    async fn read_forward(&self, book: BookId, after: Seq, limit: ReadLimit) -> Result<Vec<StoredEvent>, ReadError> {
        self.read(self.inner.read_forward(book, after, limit)).await
    }

    async fn read_page(&self, book: BookId, query: PageQuery) -> Result<Page, ReadError> {
        self.read(self.inner.read_page(book, query)).await
    }

    async fn read_latest(&self, book: BookId, places: &[Seq]) -> Result<Vec<StoredEvent>, ReadError> {
        self.read(self.inner.read_latest(book, places)).await
    }

    async fn read_ids(&self, ids: &[EventId]) -> Result<Vec<StoredEvent>, ReadError> {
        self.read(self.inner.read_ids(ids)).await
    }

    async fn tail(&self) -> Result<Option<Tail>, ReadError> {
        self.way().await;
        if self.is_out() || self.goes_wrong(self.faults.tail_refused, "tail: history lost") {
            return Err(ReadError::Unavailable("simulated".to_owned()));
        }
        Ok(self.inner.tail().await?.map(|tail| tail::faulty(tail, self.clone())))
    }

    async fn ready(&self) -> Result<(), ReadError> {
        self.inner.ready().await
    }
}
