//! Appends: one ordered insert over all rooms of a batch, and what becomes of it when it does not go through.

use std::time::Duration;

use mongodb::bson::DateTime;
use mongodb::error::{Error, ErrorKind};
use rustc_hash::FxHashMap;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Store;
use crate::log::engine::Standing;
use crate::log::record::RecordRef;
use crate::log::{Append, AppendOutcome, EventId, ReadError, Stop, StoredEvent};

/// An append is answered within this time, if only by "unknown".
const PATIENCE: Duration = Duration::from_secs(12);

/// One insert: longer than the write concern waits, and short enough for another, as its server may be stuck.
const INSERT_TIME: Duration = Duration::from_secs(4);

/// One look-up.
const LOOK_UP_TIME: Duration = Duration::from_secs(2);

/// The first pause between two tries; it doubles up to [`LONGEST_PAUSE`], each drawn at random below that.
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);

/// The code of a write that a unique index refused.
const DUPLICATE_KEY: i32 = 11000;

/// How far the append of a room is.
struct Progress<'a> {
    append: &'a Append,
    written: usize,
    stopped: Option<Stop>,
    /// An insert was sent of which nothing was heard: it may have been written, or may still be.
    in_doubt: bool,
}

/// What an insert came to.
enum Inserted {
    All,
    /// All before this index, and nothing from there on. The code says why.
    Until(usize, i32),
    /// Nothing, no server being in reach.
    Nothing(Error),
    /// Nobody knows.
    Unknown(ReadError),
}

impl Progress<'_> {
    /// What is still to be written.
    fn rest(&self) -> &[StoredEvent] {
        if self.stopped.is_some() {
            &[]
        } else {
            &self.append.events[self.written..]
        }
    }

    fn is_open(&self) -> bool {
        !self.rest().is_empty()
    }

    fn stop(&mut self, why: Stop) {
        self.stopped = Some(why);
    }

    /// Goes on over the events that turn out to be written, up to the first that is not.
    fn advance(&mut self, known: &FxHashMap<EventId, StoredEvent>) {
        while let Some(event) = self.rest().first() {
            match Standing::of(event, known.get(&event.id).cloned(), false) {
                Standing::Written => self.written += 1,
                Standing::Stopped(stop) => return self.stop(stop),
                Standing::Absent => return,
            }
        }
    }
}

impl Store {
    /// Appending the same again is always safe, so whatever is in doubt is looked up, and the rest is sent once more.
    /// Ends early where nobody answers, so that the next append goes over new connections.
    /// A room's events are never sent past one that does not fit: the insert is ordered, and ends there.
    pub(super) async fn append(&self, batch: &[Append]) -> Vec<AppendOutcome> {
        let deadline = Instant::now() + PATIENCE;
        let start = |append| Progress {
            append,
            written: 0,
            stopped: None,
            in_doubt: false,
        };
        let mut rooms: Vec<_> = batch.iter().map(start).collect();
        let mut pause = FIRST_PAUSE;
        // Whether an insert was sent of which nothing was heard, and nothing found out since.
        let mut unheard = false;
        while rooms.iter().any(Progress::is_open) && Instant::now() < deadline && !self.answers.are_missing() {
            let went_on = if unheard {
                let before = open_events(&rooms);
                let found_out = self.look_up(&mut rooms, deadline).await;
                if let Err(error) = &found_out {
                    tracing::warn!(%error, "the outcome of an append is still not known");
                }
                unheard = found_out.is_err();
                // Where nothing of it is there, the next insert may fail for the same reason.
                !unheard && open_events(&rooms) < before
            } else {
                match self.insert(&rooms, deadline).await {
                    Inserted::All => {
                        for room in &mut rooms {
                            room.written += room.rest().len();
                        }
                        true
                    }
                    Inserted::Until(index, code) => {
                        matches!(self.refused(&mut rooms, index, code, deadline).await, Ok(true))
                    }
                    Inserted::Nothing(error) => {
                        tracing::warn!(error = %error.kind, "nothing is appended: the event log is out of reach");
                        let sure = rooms.iter_mut().filter(|room| room.is_open() && !room.in_doubt);
                        sure.for_each(|room| room.stop(Stop::Unavailable));
                        false
                    }
                    Inserted::Unknown(error) => {
                        tracing::warn!(%error, "the outcome of an append is not known: looking it up");
                        for room in rooms.iter_mut().filter(|room| room.is_open()) {
                            room.in_doubt = true;
                        }
                        unheard = true;
                        true
                    }
                }
            };
            if !went_on {
                sleep_until(deadline.min(Instant::now() + pause.mul_f64(rand::random()))).await;
                pause = LONGEST_PAUSE.min(pause * 2);
            }
        }
        rooms.into_iter().map(outcome).collect()
    }

    async fn insert(&self, rooms: &[Progress<'_>], deadline: Instant) -> Inserted {
        let events = rooms.iter().flat_map(Progress::rest).map(RecordRef::<DateTime>::new);
        let collection = self.events.clone_with_type::<RecordRef<'_, DateTime>>();
        let inserting = async {
            let mut session = self.session().await?;
            collection
                .insert_many(events)
                .ordered(true)
                .session(&mut session)
                .await?;
            self.answered(session.operation_time());
            Ok::<_, Error>(())
        };
        let error = match timeout_at(deadline.min(Instant::now() + INSERT_TIME), inserting).await {
            Ok(Ok(())) => return Inserted::All,
            Ok(Err(error)) => error,
            Err(_) => {
                self.answers.failed_to_come(INSERT_TIME);
                return Inserted::Unknown(ReadError::Unavailable("no answer".to_owned()));
            }
        };
        match &*error.kind {
            // With a write concern's error beside it, not even the part before is sure.
            ErrorKind::InsertMany(insert) if insert.write_concern_error.is_none() => {
                match insert.write_errors.as_deref() {
                    Some([first, ..]) => Inserted::Until(first.index, first.code),
                    _ => Inserted::Unknown(error.into()),
                }
            }
            // After a first try that may have arrived, the driver reports that one's error instead.
            ErrorKind::ServerSelection { .. } => Inserted::Nothing(error),
            _ => Inserted::Unknown(error.into()),
        }
    }

    /// An event was refused, the one at `index` of what was sent. Returns whether the log has told why.
    async fn refused(
        &self,
        rooms: &mut [Progress<'_>],
        mut index: usize,
        code: i32,
        deadline: Instant,
    ) -> Result<bool, ReadError> {
        for room in rooms.iter_mut() {
            let rest = room.rest().len();
            if index >= rest {
                index -= rest;
                room.written += rest;
                continue;
            }
            room.written += index;
            if code != DUPLICATE_KEY {
                tracing::error!(code, event = ?room.rest()[0].id, "the event log refused an event");
                room.stop(Stop::Unavailable);
                return Ok(true);
            }
            let explained = timeout_at(deadline.min(Instant::now() + LOOK_UP_TIME), self.explain(room)).await;
            if let Ok(Err(error @ ReadError::Corrupt(_))) = &explained {
                tracing::error!(%error, "an event cannot be appended over what is there");
                room.stop(Stop::Unavailable);
            }
            return explained.unwrap_or(Ok(false));
        }
        Ok(false)
    }

    /// Finds out which index refused a room's next event: the error does not say. Returns whether it could be told;
    /// else a majority does not have yet what stands in the way, and will, or will never.
    async fn explain(&self, room: &mut Progress<'_>) -> Result<bool, ReadError> {
        let written = room.written;
        let known = self.of_ids(room.rest().iter().map(|event| event.id.as_str())).await?;
        room.advance(&known);
        if room.written > written || !room.is_open() {
            return Ok(true);
        }
        let event = &room.rest()[0];
        let holder = self.at(event.book, event.seq).await?;
        let taken = holder.is_some();
        match Standing::of(event, holder.filter(|holder| holder.id == event.id), taken) {
            Standing::Written => room.written += 1,
            Standing::Stopped(stop) => {
                if stop == Stop::Conflict {
                    tracing::debug!(book = %event.book, seq = %event.seq, "another writer has the position");
                }
                room.stop(stop);
            }
            Standing::Absent => return Ok(false),
        }
        Ok(true)
    }

    /// Looks up everything in doubt, at once. What is not found is to be sent again.
    async fn look_up(&self, rooms: &mut [Progress<'_>], deadline: Instant) -> Result<(), ReadError> {
        let ids = rooms.iter().filter(|room| room.in_doubt).flat_map(Progress::rest);
        let ids: Vec<_> = ids.map(|event| event.id.as_str()).collect();
        let looking = timeout_at(
            deadline.min(Instant::now() + LOOK_UP_TIME),
            self.of_ids(ids.into_iter()),
        );
        let known = match looking.await {
            Ok(Ok(known)) => known,
            // Sending it again shows which room has met an event that cannot be read.
            Ok(Err(ReadError::Corrupt(_))) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(_) => {
                self.answers.failed_to_come(LOOK_UP_TIME);
                return Err(ReadError::Unavailable("no answer".to_owned()));
            }
        };
        for room in rooms.iter_mut().filter(|room| room.in_doubt) {
            room.advance(&known);
        }
        Ok(())
    }
}

fn open_events(rooms: &[Progress<'_>]) -> usize {
    rooms.iter().map(|room| room.rest().len()).sum()
}

fn outcome(room: Progress<'_>) -> AppendOutcome {
    // Time ran out: what was never in doubt has not been written.
    let why = if room.in_doubt {
        Stop::Unknown
    } else {
        Stop::Unavailable
    };
    let stopped = if room.is_open() { Some(why) } else { room.stopped };
    AppendOutcome {
        written: room.written,
        stopped,
    }
}
