//! The task of a room: one mailbox, one piece of work with the log at a time, one order.

mod entry;
mod outcome;
mod turns;
mod work;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use readrealm_protocol::server::{Ack, User};
use readrealm_protocol::{BookId, ClientMessageId, Seq, Timestamp};

use entry::Waiting;
use turns::Turns;
use work::{Done, clock, paused_until, run_work, wait_until};

use super::ambient::Ambient;
use super::gate::Gate;
use super::members::Members;
use super::pending::{Next, Pending, Rejected};
use super::replies::{Answer, Waiter, answer, key_conflict, not_joined, unavailable};
use super::request::{Action, Request};
use super::timeline::{Timeline, WINDOW};
use super::{Command, ConnectionId, Frame, Inbox, Joined, Member, Standing};
use crate::cluster::{Cluster, News};
use crate::log::{Append, Appender, EventLog, Head, PageQuery, ReadError, ReadLimit, SharedEvent};
use crate::metrics::Metrics;

/// How long a room without members stays in memory.
const IDLE: Duration = Duration::from_mins(1);

/// The same for a room that nothing was ever said in: there is nothing to keep.
const IDLE_EMPTY: Duration = Duration::from_secs(1);

/// The most one catch-up reads at a time.
const CATCH_UP: ReadLimit = ReadLimit {
    events: 1_000,
    bytes: 1024 * 1024,
};

/// What a room works with.
#[derive(Debug, Clone)]
pub struct Services {
    /// Where events are read.
    pub log: Arc<dyn EventLog>,
    /// Where events are appended.
    pub appender: Appender,
    /// Who is at other nodes.
    pub cluster: Arc<dyn Cluster>,
    /// The time of day, and chance.
    pub ambient: Arc<dyn Ambient>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// A room, loaded from the log.
pub struct Room {
    book: BookId,
    services: Services,
    timeline: Timeline,
    gate: Gate<SharedEvent>,
    members: Members,
    pending: Pending<Waiter>,
    /// The time of the last event: times never go back within a room.
    last_at: Timestamp,
    /// The one thing being done with the log.
    work: Option<BoxFuture<'static, Done>>,
    /// Whether events may have been missed.
    behind: bool,
    /// Whether another writer has the position this room last tried, and its event has not come yet.
    conflicted: bool,
    /// Joins of clients that have been told more, on another node, than has come here yet, or are owed answers first.
    waiting: Vec<Waiting>,
    turns: Turns,
    /// Failures in a row, which the next pause grows with.
    failures: u32,
    idle_since: Option<Instant>,
}

impl std::fmt::Debug for Room {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Room")
            .field("book", &self.book)
            .field("position", &self.gate.position())
            .finish_non_exhaustive()
    }
}

impl Room {
    /// Reads where the room stands, its newest messages, and who is in it at other nodes.
    pub async fn load(book: BookId, services: Services) -> Result<Self, ReadError> {
        let (timeline, elsewhere) = tokio::join!(Self::read(book, &services), services.cluster.elsewhere(book));
        let (head, timeline) = timeline?;
        let mut members = Members::new(
            book,
            Arc::clone(&services.ambient),
            Arc::clone(&services.cluster),
            Arc::clone(&services.metrics),
        );
        members.hear(News::All(elsewhere), clock());
        Ok(Self {
            book,
            timeline,
            gate: Gate::new(head.seq),
            members,
            pending: Pending::default(),
            last_at: head.at,
            work: None,
            behind: false,
            conflicted: false,
            waiting: Vec::new(),
            turns: Turns::default(),
            failures: 0,
            idle_since: None,
            services,
        })
    }

    async fn read(book: BookId, services: &Services) -> Result<(Head, Timeline), ReadError> {
        let head = services.log.head(book).await?;
        let query = PageQuery {
            before: None,
            at: Some(head.seq),
            limit: WINDOW,
        };
        let page = services.log.read_page(book, query).await?;
        Ok((head, Timeline::new(book, services.log.epoch().clone(), page)))
    }

    /// Serves the mailbox until the room has been idle for a minute, or nobody can reach it any more and what was asked
    /// is done.
    pub async fn run(&mut self, inbox: &mut Inbox) {
        self.idle_since = None;
        let mut orphaned = false;
        loop {
            // Everything that was told in one turn shares a write.
            self.members.flush();
            if orphaned && self.pending.is_empty() {
                return;
            }
            self.start_work();
            inbox.passed.note(self.gate.position());
            let now = clock();
            // Reading on is no use of it: the sweep makes every room do so more often than once in the time it is kept.
            let idle = self.members.is_empty() && self.pending.is_empty() && self.waiting.is_empty();
            self.idle_since = idle.then(|| self.idle_since.unwrap_or(now));
            let idle_until = self.idle_since.map(|since| since + self.idle_time());
            let deadlines = [idle_until, self.members.deadline(), self.pending.deadline()];
            let deadline = deadlines.into_iter().flatten().min();
            tokio::select! {
                biased;
                done = run_work(&mut self.work) => self.finish(done),
                () = wait_until(deadline) => {
                    let now = clock();
                    if idle_until.is_some_and(|until| until <= now) {
                        return;
                    }
                    self.members.advance(now);
                    let expired = self.pending.expire(now);
                    answer(expired, &self.services.metrics);
                    self.admit(false);
                }
                () = inbox.missed.notified() => self.behind = true,
                command = inbox.commands.recv(), if !orphaned => match command {
                    Some(command) => self.handle(command),
                    None => orphaned = true,
                },
            }
        }
    }

    fn handle(&mut self, command: Command) {
        let now = clock();
        match command {
            Command::Join {
                member,
                id,
                standing,
                reply,
            } => self.enter(member, id, standing, reply),
            Command::Leave {
                connection,
                dropped,
                id,
            } => {
                if let Some(member) = self.members.exit(connection, dropped, now)
                    && let Some(frame) = Frame::ack(id, &Ack::Done {})
                {
                    member.outbox.deliver(frame);
                }
            }
            Command::Identify {
                connection,
                user,
                moderator,
            } => self.members.identify(connection, user, moderator, now),
            Command::Append {
                connection,
                outbox,
                id,
                key,
                action,
                author,
            } => {
                self.append(connection, Waiter { outbox, id }, key.as_ref(), action, author);
            }
            Command::Position { connection, reply } => {
                let _ = reply.send(self.members.get(connection).map(|_| self.gate.position()));
            }
            Command::Members { reply } => {
                let _ = reply.send(self.members.listed());
            }
            Command::Typing { connection, typing } => self.members.set_typing(connection, typing, now),
            Command::News(news) => self.members.hear(news, now),
            Command::Tail(event) => {
                if event.seq > self.gate.position() && !self.pending.holds(&event.id) {
                    self.turns.contested(now);
                }
                self.gate.offer(event.seq, SharedEvent::from(*event));
                self.let_through();
            }
        }
    }

    fn append(
        &mut self,
        connection: ConnectionId,
        waiter: Waiter,
        key: Option<&ClientMessageId>,
        action: Action,
        author: Option<Arc<User>>,
    ) {
        let Some(member) = self.members.get(connection) else {
            waiter.fail(&not_joined(self.book), &self.services.metrics);
            return;
        };
        let author = author.unwrap_or_else(|| Arc::clone(&member.user));
        let request = Request::new(self.book, author, key, action).by_moderator(member.moderator);
        match self.pending.push(request, waiter, clock()) {
            Ok(()) => {}
            Err((Rejected::KeyConflict, waiter)) => waiter.fail(&key_conflict(), &self.services.metrics),
            Err((Rejected::Full, waiter)) => waiter.fail(&unavailable(), &self.services.metrics),
        }
    }

    /// Starts the next thing to do with the log, where nothing is being done.
    fn start_work(&mut self) {
        if self.work.is_some() {
            return;
        }
        let (book, log) = (self.book, Arc::clone(&self.services.log));
        if self.behind || self.gate.has_hole() {
            // Cleared before the read: what is missed while it is under way asks for another.
            self.behind = false;
            let after = self.gate.position();
            self.work = Some(async move { Done::CaughtUp(log.read_forward(book, after, CATCH_UP).await) }.boxed());
            return;
        }
        if let Some(before) = self.timeline.refill_before() {
            let query = PageQuery {
                before: Some(before),
                at: Some(self.timeline.position()),
                limit: WINDOW,
            };
            self.timeline.begin_refill();
            self.work = Some(async move { Done::Refilled(log.read_page(book, query).await) }.boxed());
            return;
        }
        if let Some(until) = self.turns.others_until(clock()).filter(|_| !self.pending.is_empty()) {
            self.work = Some(paused_until(until));
            return;
        }
        self.work = match self.pending.next(book, self.head(), self.services.ambient.now()) {
            Some(Next::Append(events)) => {
                self.turns.begin(clock());
                let tried = events.first().map(|event| event.seq);
                let appended = self.services.appender.append(Append { book, events });
                Some(async move { Done::Appended(tried, appended.await) }.boxed())
            }
            Some(Next::Read(places, ids)) => Some(
                async move {
                    // In this order: what the first shows as done already, the second knows.
                    let read = async { Ok((log.read_latest(book, &places).await?, log.read_ids(&ids).await?)) };
                    let read = read.await;
                    Done::Latest(places, read)
                }
                .boxed(),
            ),
            None => None,
        };
    }

    fn let_through(&mut self) {
        let passed = self.pass();
        self.tell(&passed, Vec::new());
    }

    /// Moves the room's position over every event that is there: what is appended from now on stands after them.
    fn pass(&mut self) -> Vec<SharedEvent> {
        let passed: Vec<_> = std::iter::from_fn(|| self.gate.pass()).collect();
        if let Some(last) = passed.iter().map(|event| event.at).max() {
            self.conflicted = false;
            self.last_at = self.last_at.max(last);
        }
        passed
    }

    /// Tells the members of events that have passed, and those who asked for some of them what became of that.
    fn tell(&mut self, passed: &[SharedEvent], answers: Vec<Answer>) {
        let frames: Vec<_> = passed.iter().map(|event| self.timeline.apply(event)).collect();
        self.members.broadcast_with(&frames, answers);
    }

    fn idle_time(&self) -> Duration {
        if self.gate.position() == Seq::ZERO {
            IDLE_EMPTY
        } else {
            IDLE
        }
    }

    fn head(&self) -> Head {
        Head {
            seq: self.gate.position(),
            at: self.last_at,
        }
    }
}
