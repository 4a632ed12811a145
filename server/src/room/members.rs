//! The connections in a room, and the telling of all of them.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::{Duration, Instant};

use readrealm_protocol::BookId;
use readrealm_protocol::limits::OCCUPANCY_USERS;
use readrealm_protocol::server::{Occupancy, User, UserMoved, UserTyping};
use rustc_hash::FxHashMap;

use crate::cluster::{Cluster, News, State};
use crate::metrics::Metrics;

use super::ambient::Ambient;
use super::presence::{Moved, Presence};
use super::replies::Answer;
use super::{ConnectionId, Deliver, Frame, Member, Told, Written};

/// How often `occupancy` is told at most.
const OCCUPANCY_EVERY: Duration = Duration::from_secs(1);

/// So many members are written to at once; of more, each so many in a task of their own, so that a large room goes on with its work
/// while all processors write.
const AT_ONCE: usize = 16;

/// The same, where it is in a task.
const IN_A_TASK: usize = 64;

/// The connections in a room, with their users.
#[derive(Debug)]
pub struct Members {
    book: BookId,
    ambient: Arc<dyn Ambient>,
    cluster: Arc<dyn Cluster>,
    metrics: Arc<Metrics>,
    list: Vec<Member>,
    index: FxHashMap<ConnectionId, usize>,
    /// Those who are present and told nothing for now: they read from the log what they missed.
    paused: FxHashMap<ConnectionId, Member>,
    presence: Presence,
    /// Who is to be written to at the end of the room's turn: all that is said in it shares a write.
    due: Vec<Arc<dyn Deliver>>,
    /// When `occupancy` may be told next, where there is news to tell.
    occupancy_due: Option<Instant>,
    occupancy_told: Option<Instant>,
}

impl Members {
    /// Nobody.
    pub fn new(book: BookId, ambient: Arc<dyn Ambient>, cluster: Arc<dyn Cluster>, metrics: Arc<Metrics>) -> Self {
        Self {
            book,
            ambient,
            cluster,
            metrics,
            list: Vec::new(),
            index: FxHashMap::default(),
            paused: FxHashMap::default(),
            presence: Presence::default(),
            due: Vec::new(),
            occupancy_due: None,
            occupancy_told: None,
        }
    }

    /// The member of that connection; not one that is paused.
    pub fn get(&self, connection: ConnectionId) -> Option<&Member> {
        self.list.get(*self.index.get(&connection)?)
    }

    /// Whether no connection is in, nor a user's return awaited. Those at other nodes do not count: they need no room
    /// here.
    pub fn is_empty(&self) -> bool {
        self.presence.held() == 0
    }

    /// Whether some are here by other nodes alone.
    pub fn is_shared(&self) -> bool {
        self.presence.count() > self.presence.held()
    }

    /// Who is here, as it is told.
    pub fn listed(&self) -> readrealm_protocol::server::Members {
        self.presence.members()
    }

    /// Takes a connection in, and tells the others where it is its user's first. One that is in stays as it is, and is
    /// told again what happens where it was paused.
    pub fn enter(&mut self, member: Member, now: Instant) {
        if self.index.contains_key(&member.connection) {
            return;
        }
        if let Some(member) = self.paused.remove(&member.connection) {
            self.list_in(member);
            return;
        }
        let moved = self.presence.enter(&member.user);
        self.tell(moved, now);
        self.metrics.members.inc();
        self.list_in(member);
    }

    /// The user of a connection has another name or other rights from now on.
    pub fn identify(&mut self, connection: ConnectionId, user: Arc<User>, moderator: bool, now: Instant) {
        let listed = self.index.get(&connection).and_then(|&at| self.list.get_mut(at));
        if let Some(member) = listed.or_else(|| self.paused.get_mut(&connection)) {
            let moved = self.presence.rename(&user);
            member.user = user;
            member.moderator = moderator;
            self.tell(moved, now);
        }
    }

    /// Tells a connection nothing more until it enters again; its user stays present.
    pub fn pause(&mut self, connection: ConnectionId) {
        if let Some(member) = self.list_out(connection) {
            self.paused.insert(connection, member);
        }
    }

    /// Lets a connection go, and tells the others where it was its user's last.
    pub fn exit(&mut self, connection: ConnectionId, dropped: bool, now: Instant) -> Option<Member> {
        let member = self.list_out(connection).or_else(|| self.paused.remove(&connection))?;
        self.metrics.members.dec();
        let moved = self.presence.exit(&member.user.user_id, dropped, now);
        self.tell(moved, now);
        Some(member)
    }

    /// Another node has said something of its users: tells the others what is news.
    pub fn hear(&mut self, news: News, now: Instant) {
        let moved = self.presence.hear(news, now);
        self.tell(moved, now);
    }

    fn list_in(&mut self, member: Member) {
        self.index.insert(member.connection, self.list.len());
        self.list.push(member);
    }

    fn list_out(&mut self, connection: ConnectionId) -> Option<Member> {
        let at = self.index.remove(&connection)?;
        let member = self.list.swap_remove(at);
        if let Some(moved) = self.list.get(at) {
            self.index.insert(moved.connection, at);
        }
        Some(member)
    }

    /// A member is writing, or not: tells the others where that is news.
    pub fn set_typing(&mut self, connection: ConnectionId, typing: bool, now: Instant) {
        let Some(member) = self.get(connection) else { return };
        let user = Arc::clone(&member.user);
        if self.presence.set_typing(&user.user_id, typing, now) {
            self.tell_typing(&user, typing);
        }
        // Also where it is no news here: elsewhere it goes on.
        self.cluster.announce(self.book, &user, State::Typing(typing));
    }

    /// When [`advance`](Self::advance) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        self.presence.deadline().into_iter().chain(self.occupancy_due).min()
    }

    /// Ends what has run out by `now`, and tells of it.
    pub fn advance(&mut self, now: Instant) {
        let moved = self.presence.advance(now);
        self.tell(moved, now);
        if self.occupancy_due.is_some_and(|due| due <= now) {
            self.occupancy_due = None;
            self.occupancy_told = Some(now);
            let occupancy = Occupancy {
                book_id: self.book,
                count: self.presence.count(),
            };
            self.broadcast(&[Frame::event("occupancy", &occupancy)]);
        }
    }

    /// Puts frames, encoded once, into every member's queue: all of them in one go, as each member is far from the last in memory. They
    /// are written by the next [`flush`](Self::flush).
    pub fn broadcast(&mut self, frames: &[Frame]) {
        if frames.is_empty() {
            return;
        }
        self.metrics.deliveries.add((self.list.len() * frames.len()) as u64);
        for member in &self.list {
            if member.outbox.queue(frames) {
                self.due.push(Arc::clone(&member.outbox));
            }
        }
    }

    /// The same, and `answers` behind them for those who are owed some. A room of a few members writes at once, and passes each one's memory
    /// and socket once; in a larger one that is done by several.
    pub(super) fn broadcast_with(&mut self, frames: &[Frame], mut answers: Vec<Answer>) {
        if frames.is_empty() || self.list.len() > AT_ONCE || answers.len() > AT_ONCE {
            self.broadcast(frames);
        } else {
            self.metrics.deliveries.add((self.list.len() * frames.len()) as u64);
            let mut written = Written::default();
            for member in &self.list {
                let own = answers.extract_if(.., |answer| Arc::ptr_eq(&answer.outbox, &member.outbox));
                let own: Vec<_> = own.map(|answer| answer.frame).collect();
                let told = if own.is_empty() {
                    member.outbox.tell(frames)
                } else {
                    member.outbox.tell(&[frames, &own].concat())
                };
                match told {
                    Told::Written(more) => written += more,
                    Told::Queued => {}
                    Told::FlushOwed => self.due.push(Arc::clone(&member.outbox)),
                }
            }
            self.metrics.wrote(written.writes, written.frames, written.bytes);
        }
        // Also of those who are no members any more.
        answers.into_iter().for_each(Answer::deliver);
    }

    /// Writes what members are told, with what they were answered meanwhile. Due at the end of each turn of the room.
    pub fn flush(&mut self) {
        if self.due.len() <= AT_ONCE {
            write(self.due.drain(..), &self.metrics);
            return;
        }
        let mut due = std::mem::take(&mut self.due).into_iter();
        while due.len() > 0 {
            let (some, metrics): (Vec<_>, _) = (due.by_ref().take(IN_A_TASK).collect(), Arc::clone(&self.metrics));
            tokio::spawn(async move { write(some, &metrics) });
        }
    }

    fn tell(&mut self, moved: Vec<Moved>, now: Instant) {
        // As large as it was before those who left together, who are gone already: few may remain, and be told of many.
        let left = moved.iter().filter(|moved| matches!(moved, Moved::Left(_))).count();
        let is_large = self.presence.count() + left > OCCUPANCY_USERS;
        for moved in moved {
            match moved {
                Moved::Joined(_) | Moved::Left(_) if is_large => self.tell_count(now),
                Moved::Joined(user) => self.tell_moved("userJoined", &user),
                Moved::Left(user) => self.tell_moved("userLeft", &user),
                Moved::Typing(user) => self.tell_typing(&user, true),
                Moved::Stopped(user) => {
                    self.tell_typing(&user, false);
                    self.cluster.announce(self.book, &user, State::Typing(false));
                }
                Moved::Held(user) => self.cluster.announce(self.book, &user, State::Held),
                Moved::LetGo(user) => self.cluster.announce(self.book, &user, State::LetGo),
            }
        }
    }

    /// In a large room a count once a second takes the place of one frame per mover and member.
    fn tell_count(&mut self, now: Instant) {
        let earliest = self.occupancy_told.map_or(now, |told| told + OCCUPANCY_EVERY);
        self.occupancy_due.get_or_insert(earliest.max(now));
    }

    fn tell_moved(&mut self, event: &str, user: &User) {
        let moved = UserMoved {
            book_id: self.book,
            user_id: user.user_id.clone(),
            username: user.username.clone(),
            timestamp: self.ambient.now(),
        };
        self.broadcast_to_others(user, &Frame::event(event, &moved));
    }

    fn tell_typing(&mut self, user: &User, typing: bool) {
        let told = UserTyping {
            book_id: self.book,
            user_id: user.user_id.clone(),
            username: user.username.clone(),
            typing,
        };
        self.broadcast_to_others(user, &Frame::event("typing", &told));
    }

    fn broadcast_to_others(&mut self, user: &User, frame: &Frame) {
        let mut told = 0;
        for member in self.list.iter().filter(|member| member.user.user_id != user.user_id) {
            if member.outbox.queue(std::slice::from_ref(frame)) {
                self.due.push(Arc::clone(&member.outbox));
            }
            told += 1;
        }
        self.metrics.deliveries.add(told);
    }
}

fn write(outboxes: impl IntoIterator<Item = Arc<dyn Deliver>>, metrics: &Metrics) {
    let mut all = Written::default();
    for outbox in outboxes {
        all += outbox.flush();
    }
    metrics.wrote(all.writes, all.frames, all.bytes);
}

/// A room that ends, in whichever way, holds nobody any more.
impl Drop for Members {
    fn drop(&mut self) {
        // Where it ends in the middle of a turn: frames that nobody writes would keep all that come later waiting.
        write(self.due.drain(..), &self.metrics);
        let left = self.list.len() + self.paused.len();
        self.metrics.members.dec_by(i64::try_from(left).unwrap_or(i64::MAX));
        for user in self.presence.held_users() {
            self.cluster.announce(self.book, user, State::LetGo);
        }
    }
}
