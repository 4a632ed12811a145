//! From a book to its room: spawns rooms on demand, and lets them go when they have been idle. No room logic.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use readrealm_protocol::BookId;
use readrealm_protocol::server::Members;
use rustc_hash::FxHashMap;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Notify, mpsc};
use tokio_util::task::TaskTracker;

use crate::cluster::{News, Rooms};
use crate::log::{ReadError, Tailed};
use crate::metrics::Metrics;
use crate::room::actor::Services;
use crate::room::ambient::Ambient;
use crate::room::{Command, Deliver, Frame, Inbox, Joined, MAILBOX, Passed, Room, RoomHandle, unavailable};
use crate::seldom::seldom;

/// The rooms of this process.
#[derive(Debug, Clone)]
pub struct Hub {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    /// Locked for a look-up or a change of the map, never across an await.
    rooms: Mutex<FxHashMap<BookId, RoomHandle>>,
    services: Services,
    tasks: TaskTracker,
    /// Whether what other nodes append is heard.
    following: AtomicBool,
}

impl Hub {
    /// A hub without rooms.
    pub fn new(services: Services, tasks: TaskTracker) -> Self {
        Self {
            shared: Arc::new(Shared {
                rooms: Mutex::default(),
                services,
                tasks,
                following: AtomicBool::new(false),
            }),
        }
    }

    /// The room of a book, which is spawned where it is not in memory. While somebody holds the handle it stays.
    pub fn room(&self, book: BookId) -> RoomHandle {
        let mut rooms = self.shared.lock();
        // A closed mailbox in the map is that of a room that failed: its place is taken.
        if let Some(handle) = rooms.get(&book).filter(|handle| !handle.mailbox.is_closed()) {
            return handle.clone();
        }
        let (mailbox, commands) = mpsc::channel(MAILBOX);
        let missed = Arc::new(Notify::new());
        let handle = RoomHandle {
            book,
            mailbox,
            missed: Arc::clone(&missed),
            passed: Passed::default(),
        };
        let passed = handle.passed.clone();
        rooms.insert(book, handle.clone());
        let inbox = Inbox {
            commands,
            missed,
            passed,
        };
        self.shared.tasks.spawn(serve(Arc::clone(&self.shared), book, inbox));
        handle
    }

    /// The room of a book, where it is in memory.
    pub fn in_memory(&self, book: BookId) -> Option<RoomHandle> {
        self.shared.lock().get(&book).cloned()
    }

    /// Hands an event of the log's tail to its room, where that is in memory and past it is not: most are its own, and
    /// cost no more than a look. Waits for no room, so that a slow one holds up nobody else: one whose mailbox is full
    /// reads the event from the log.
    pub fn pass_on(&self, event: Tailed) -> Result<(), ReadError> {
        let news = |room: &&RoomHandle| event.seq > room.passed.get();
        let room = self.shared.lock().get(&event.book).filter(news).cloned();
        if let Some(room) = room {
            match room.mailbox.try_send(Command::Tail(Box::new(event.read()?))) {
                Ok(()) | Err(TrySendError::Closed(_)) => {}
                Err(TrySendError::Full(_)) => room.missed.notify_one(),
            }
        }
        Ok(())
    }

    /// Whether events of other nodes arrive, or there are none.
    pub fn is_following(&self) -> bool {
        self.shared.following.load(Ordering::Relaxed)
    }

    /// Notes whether they do.
    pub fn set_following(&self, following: bool) {
        self.shared.following.store(following, Ordering::Relaxed);
    }

    /// Tells every room in memory that it may have missed events.
    pub fn catch_up(&self) {
        for room in self.shared.lock().values() {
            room.missed.notify_one();
        }
    }

    /// Who is in a room that is not in memory.
    pub async fn members_elsewhere(&self, book: BookId) -> Members {
        self.shared.services.cluster.members(book).await
    }

    /// The time of day, and chance.
    pub fn ambient(&self) -> &dyn Ambient {
        &*self.shared.services.ambient
    }

    /// What is counted.
    pub fn metrics(&self) -> &Metrics {
        &self.shared.services.metrics
    }

    /// How many rooms are in memory.
    pub fn len(&self) -> usize {
        self.shared.lock().len()
    }

    /// Whether no room is in memory.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets go of every room; each ends when its last handle is gone and what it was asked is done.
    pub fn close(&self) {
        self.shared.lock().clear();
    }
}

impl Rooms for Hub {
    fn in_memory(&self) -> Vec<BookId> {
        self.shared.lock().keys().copied().collect()
    }

    fn tell(&self, book: BookId, news: News) -> bool {
        let told = Hub::in_memory(self, book).map(|room| room.mailbox.try_send(Command::News(news)));
        !matches!(told, Some(Err(TrySendError::Full(_))))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, FxHashMap<BookId, RoomHandle>> {
        // No code that holds this lock can panic half-way through a change.
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a room unless somebody can still reach it. Decided under the lock that handles are given out under.
    fn evict(&self, book: BookId, commands: &mpsc::Receiver<Command>) -> bool {
        let mut rooms = self.lock();
        if !commands.is_empty() || commands.sender_strong_count() > 1 {
            return false;
        }
        rooms.remove(&book);
        true
    }
}

async fn serve(shared: Arc<Shared>, book: BookId, mut inbox: Inbox) {
    loop {
        match Room::load(book, shared.services.clone()).await {
            Ok(mut room) => {
                shared.services.metrics.room_loads.inc();
                loop {
                    room.run(&mut inbox).await;
                    if inbox.commands.is_closed() || shared.evict(book, &inbox.commands) {
                        return;
                    }
                }
            }
            Err(error) => {
                shared.services.metrics.room_load_failures.inc();
                seldom!(warn, %book, %error, "a room could not be loaded; this is told once a minute");
                tokio::select! {
                    biased;
                    first = inbox.commands.recv() => match first {
                        Some(first) => refuse(first, &shared.services.metrics),
                        None => return,
                    },
                    // Nobody asked for anything: the sweep is what finds the room then, and lets it go.
                    () = inbox.missed.notified() => {}
                }
                while let Ok(next) = inbox.commands.try_recv() {
                    refuse(next, &shared.services.metrics);
                }
                if shared.evict(book, &inbox.commands) {
                    return;
                }
            }
        }
    }
}

/// Answers what was asked of a room that cannot be loaded.
fn refuse(command: Command, metrics: &Metrics) {
    let fail = |outbox: Arc<dyn Deliver>, id| {
        let reply = unavailable();
        metrics.failed(reply.code);
        outbox.deliver(Frame::error(id, &reply));
    };
    match command {
        Command::Join { member, id, reply, .. } => {
            fail(member.outbox, id);
            let _ = reply.send(Joined::Failed);
        }
        Command::Append { outbox, id, .. } => fail(outbox, id),
        Command::Leave { .. }
        | Command::Identify { .. }
        | Command::Position { .. }
        | Command::Members { .. }
        | Command::Typing { .. }
        | Command::Tail(_)
        | Command::News(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use readrealm_protocol::{Seq, Timestamp, UserId};
    use tokio::sync::oneshot;

    use super::*;
    use crate::cluster::Alone;
    use crate::log::memory::MemoryLog;
    use crate::log::{Append, Appender, EventId, EventLog, Payload, StoredEvent};
    use crate::room::ambient::System;

    #[tokio::test]
    async fn what_a_room_is_past_is_not_even_read() {
        let (log, tasks, book) = (Arc::new(MemoryLog::new()), TaskTracker::new(), BookId::from(7_u32));
        let event = |at: u32| StoredEvent {
            id: EventId::from_stored(&at.to_string()),
            book,
            seq: Seq::from(at),
            place: Seq::from(at),
            at: Timestamp::from_millis(0),
            by: UserId::try_from("ann").unwrap(),
            payload: Payload::Deleted,
        };
        let events: Arc<[_]> = (1..=3).map(event).collect();
        log.append(vec![Append { book, events }]).await;
        let services = Services {
            appender: Appender::spawn(log.clone(), &tasks, Arc::default()),
            log,
            cluster: Arc::new(Alone),
            ambient: Arc::new(System),
            metrics: Arc::default(),
        };
        let hub = Hub::new(services, tasks);
        let tailed = |book: BookId, at: u32| {
            Tailed::stored((book, Seq::from(at), Timestamp::from_millis(0)), || {
                Err(ReadError::Corrupt("read".to_owned()))
            })
        };
        assert_eq!(hub.pass_on(tailed(book, 9)), Ok(()), "a room that is not in memory");

        let (reply, served) = oneshot::channel();
        let room = hub.room(book);
        room.mailbox.send(Command::Members { reply }).await.unwrap();
        served.await.unwrap();
        assert_eq!(hub.pass_on(tailed(book, 3)), Ok(()));
        assert!(hub.pass_on(tailed(book, 4)).is_err(), "news is read");
    }
}
