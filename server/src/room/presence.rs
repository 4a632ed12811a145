//! Who is in a room: users, each by any number of connections here and by any number of other nodes, and who of them is
//! writing. Pure: it is told the time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use readrealm_protocol::UserId;
use readrealm_protocol::limits::{LEAVE_GRACE_SECS, MEMBERS_LISTED, TYPING_SECS};
use readrealm_protocol::server::{Members, User};
use rustc_hash::FxHashMap;

use crate::cluster::{Elsewhere, News, NodeId};

/// The time a user has to come back.
const GRACE: Duration = Duration::from_secs(LEAVE_GRACE_SECS);

/// How long somebody is writing who says so once.
const TYPING: Duration = Duration::from_secs(TYPING_SECS);

/// The users of a room.
#[derive(Debug, Default)]
pub struct Presence {
    users: FxHashMap<UserId, Present>,
    /// Users by the order they came in, so that the list told is the same for everybody on a node.
    by_arrival: BTreeMap<u64, Arc<User>>,
    arrivals: u64,
    /// How many users this node holds.
    held: usize,
    typing: FxHashMap<UserId, Instant>,
    leaving: BTreeSet<(Instant, u64)>,
}

/// A user is present as long as there is a connection, a node or a time to come back.
#[derive(Debug, Default)]
struct Present {
    arrival: u64,
    connections: usize,
    /// Whether this node holds the user: by a connection, or by the time that a dropped one has.
    held: bool,
    /// The other nodes that do.
    elsewhere: Vec<NodeId>,
    leaves_at: Option<Instant>,
}

/// Something to be told: the first four to the others in the room, the last two to the other nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// A user came in.
    Joined(Arc<User>),
    /// A user left.
    Left(Arc<User>),
    /// A user began to write.
    Typing(Arc<User>),
    /// A user stopped writing.
    Stopped(Arc<User>),
    /// This node holds the user from now on, or under another name.
    Held(Arc<User>),
    /// This node holds the user no more.
    LetGo(Arc<User>),
}

impl Presence {
    /// A connection of `user` came in.
    pub fn enter(&mut self, user: &Arc<User>) -> Vec<Moved> {
        let mut moved = Vec::new();
        if !self.users.contains_key(&user.user_id) {
            self.arrive(user);
            moved.push(Moved::Joined(Arc::clone(user)));
        }
        let Some(present) = self.users.get_mut(&user.user_id) else {
            return moved;
        };
        present.connections += 1;
        // The name last given is the one shown.
        let shown = self.by_arrival.insert(present.arrival, Arc::clone(user));
        if let Some(at) = present.leaves_at.take() {
            self.leaving.remove(&(at, present.arrival));
        }
        if !present.held || shown.is_some_and(|shown| shown.username != user.username) {
            self.held += usize::from(!present.held);
            present.held = true;
            moved.push(Moved::Held(Arc::clone(user)));
        }
        moved
    }

    /// The user has another name from now on.
    pub fn rename(&mut self, user: &Arc<User>) -> Vec<Moved> {
        let Some(present) = self.users.get(&user.user_id) else {
            return Vec::new();
        };
        let shown = self.by_arrival.insert(present.arrival, Arc::clone(user));
        let is_news = present.held && shown.is_some_and(|shown| shown.username != user.username);
        is_news.then(|| Moved::Held(Arc::clone(user))).into_iter().collect()
    }

    /// A connection of the user went. A dropped one is given time to come back.
    pub fn exit(&mut self, user: &UserId, dropped: bool, now: Instant) -> Vec<Moved> {
        let Some(present) = self.users.get_mut(user).filter(|present| present.connections > 0) else {
            return Vec::new();
        };
        present.connections -= 1;
        if present.connections > 0 {
            return Vec::new();
        }
        if dropped {
            self.give_time(user, now);
            return Vec::new();
        }
        self.let_go(user)
    }

    /// Another node has said something of its users.
    pub fn hear(&mut self, news: News, now: Instant) -> Vec<Moved> {
        match news {
            News::All(all) => self.hear_all(all, now),
            News::Held(elsewhere) => self.hold_elsewhere(elsewhere, now),
            News::Typing(_, user, typing) => {
                let is_news = self.set_typing(&user, typing, now);
                let user = self.user(&user).filter(|_| is_news);
                user.map(|user| {
                    if typing {
                        Moved::Typing(user)
                    } else {
                        Moved::Stopped(user)
                    }
                })
                .into_iter()
                .collect()
            }
            News::Leaving(node, user) => {
                if self.forget_node(&user, node) && self.is_unheld(&user) {
                    self.give_time(&user, now);
                }
                Vec::new()
            }
            News::LetGo(node, user) => {
                self.forget_node(&user, node);
                self.end_unheld(&user)
            }
            News::Dead(node) => {
                let users: Vec<UserId> = self.by_arrival.values().map(|user| user.user_id.clone()).collect();
                let mut moved = Vec::new();
                for user in users {
                    if self.forget_node(&user, node) {
                        moved.extend(self.end_unheld(&user));
                    }
                }
                moved
            }
        }
    }

    /// A user is writing, or not. Returns whether that is news; it is none of somebody who is not here.
    pub fn set_typing(&mut self, user: &UserId, typing: bool, now: Instant) -> bool {
        if typing {
            self.users.contains_key(user) && self.typing.insert(user.clone(), now + TYPING).is_none()
        } else {
            self.typing.remove(user).is_some()
        }
    }

    /// When [`advance`](Self::advance) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let leaving = self.leaving.first().map(|(at, _)| *at);
        leaving.into_iter().chain(self.typing.values().copied()).min()
    }

    /// Ends what has run out by `now`.
    pub fn advance(&mut self, now: Instant) -> Vec<Moved> {
        let mut moved = Vec::new();
        let stopped: Vec<_> = self
            .typing
            .iter()
            .filter(|(_, at)| **at <= now)
            .map(|(user, _)| user.clone())
            .collect();
        for user in stopped {
            self.typing.remove(&user);
            moved.extend(self.user(&user).map(Moved::Stopped));
        }
        while let Some((_, arrival)) = self.leaving.first().copied().filter(|(at, _)| *at <= now) {
            self.leaving.pop_first();
            if let Some(user) = self.by_arrival.get(&arrival).cloned() {
                moved.extend(self.let_go(&user.user_id));
            }
        }
        moved
    }

    /// How many users are here, at any node.
    pub fn count(&self) -> usize {
        self.users.len()
    }

    /// How many of them this node holds.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Whom this node holds.
    pub fn held_users(&self) -> impl Iterator<Item = &Arc<User>> {
        self.by_arrival
            .values()
            .filter(|user| self.users.get(&user.user_id).is_some_and(|present| present.held))
    }

    /// Who is here, as it is told.
    pub fn members(&self) -> Members {
        let users = self
            .by_arrival
            .values()
            .take(MEMBERS_LISTED)
            .map(|user| User::clone(user))
            .collect();
        Members {
            count: self.count(),
            users,
        }
    }

    fn user(&self, user: &UserId) -> Option<Arc<User>> {
        self.by_arrival.get(&self.users.get(user)?.arrival).cloned()
    }

    fn arrive(&mut self, user: &Arc<User>) {
        self.arrivals += 1;
        let present = Present {
            arrival: self.arrivals,
            ..Present::default()
        };
        self.by_arrival.insert(present.arrival, Arc::clone(user));
        self.users.insert(user.user_id.clone(), present);
    }

    fn hold_elsewhere(&mut self, Elsewhere { node, user, typing }: Elsewhere, now: Instant) -> Vec<Moved> {
        let mut moved = Vec::new();
        if !self.users.contains_key(&user.user_id) {
            self.arrive(&user);
            moved.push(Moved::Joined(Arc::clone(&user)));
        }
        if let Some(present) = self.users.get_mut(&user.user_id) {
            if !present.elsewhere.contains(&node) {
                present.elsewhere.push(node);
            }
            if !present.held {
                // The time given to a user of a node that ended; and the name is the one last given.
                if let Some(at) = present.leaves_at.take() {
                    self.leaving.remove(&(at, present.arrival));
                }
                self.by_arrival.insert(present.arrival, Arc::clone(&user));
            }
        }
        if typing && self.set_typing(&user.user_id, true, now) {
            moved.push(Moved::Typing(user));
        }
        moved
    }

    /// Who is not among them is elsewhere no more.
    fn hear_all(&mut self, all: Vec<Elsewhere>, now: Instant) -> Vec<Moved> {
        let known: Vec<UserId> = self.by_arrival.values().map(|user| user.user_id.clone()).collect();
        for user in &known {
            if let Some(present) = self.users.get_mut(user) {
                present.elsewhere.clear();
            }
        }
        let mut moved = Vec::new();
        for elsewhere in all {
            moved.extend(self.hold_elsewhere(elsewhere, now));
        }
        for user in &known {
            moved.extend(self.end_unheld(user));
        }
        moved
    }

    /// Returns whether that node held the user.
    fn forget_node(&mut self, user: &UserId, node: NodeId) -> bool {
        let Some(present) = self.users.get_mut(user) else {
            return false;
        };
        let at = present.elsewhere.iter().position(|known| *known == node);
        at.map(|at| present.elsewhere.swap_remove(at)).is_some()
    }

    fn give_time(&mut self, user: &UserId, now: Instant) {
        if let Some(present) = self.users.get_mut(user) {
            let at = now + GRACE;
            present.leaves_at = Some(at);
            self.leaving.insert((at, present.arrival));
        }
    }

    /// The user's last connection here, or the time given to come back, is over.
    fn let_go(&mut self, user: &UserId) -> Vec<Moved> {
        let mut moved = Vec::new();
        let shown = self.user(user);
        if let Some(present) = self.users.get_mut(user) {
            present.leaves_at = None;
            if std::mem::take(&mut present.held) {
                self.held -= 1;
                moved.extend(shown.map(Moved::LetGo));
            }
        }
        moved.extend(self.end_unheld(user));
        moved
    }

    fn is_unheld(&self, user: &UserId) -> bool {
        let unheld = |present: &Present| !present.held && present.elsewhere.is_empty() && present.leaves_at.is_none();
        self.users.get(user).is_some_and(unheld)
    }

    /// Removes a user whom nothing holds.
    fn end_unheld(&mut self, user: &UserId) -> Vec<Moved> {
        if !self.is_unheld(user) {
            return Vec::new();
        }
        let present = self.users.remove(user);
        let Some(left) = present.and_then(|present| self.by_arrival.remove(&present.arrival)) else {
            return Vec::new();
        };
        let stopped = self.typing.remove(user).map(|_| Moved::Stopped(Arc::clone(&left)));
        stopped.into_iter().chain([Moved::Left(left)]).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(id: &str) -> Arc<User> {
        Arc::new(User {
            user_id: id.try_into().unwrap(),
            username: id.try_into().unwrap(),
        })
    }

    #[test]
    fn a_user_joins_with_the_first_connection_and_leaves_with_the_last() {
        let (mut presence, now, ann) = (Presence::default(), Instant::now(), user("ann"));
        let (held, let_go) = (Moved::Held(Arc::clone(&ann)), Moved::LetGo(Arc::clone(&ann)));
        assert_eq!(presence.enter(&ann), [Moved::Joined(Arc::clone(&ann)), held]);
        assert_eq!(presence.enter(&ann), []);
        assert_eq!(presence.exit(&ann.user_id, false, now), []);
        assert_eq!(presence.exit(&ann.user_id, false, now), [let_go, Moved::Left(ann)]);
        assert_eq!(presence.members(), Members::default());
    }

    #[test]
    fn a_dropped_connection_has_ten_seconds_to_come_back() {
        let (mut presence, now, ann) = (Presence::default(), Instant::now(), user("ann"));
        presence.enter(&ann);
        assert_eq!(presence.exit(&ann.user_id, true, now), []);
        assert_eq!(presence.deadline(), Some(now + Duration::from_secs(10)));
        assert_eq!(presence.advance(now + Duration::from_millis(9_999)), []);
        assert_eq!(presence.enter(&ann), [], "came back in time");
        assert_eq!(presence.deadline(), None);
        presence.exit(&ann.user_id, true, now);
        let moved = presence.advance(now + Duration::from_secs(10));
        assert_eq!(moved, [Moved::LetGo(Arc::clone(&ann)), Moved::Left(ann)]);
        assert_eq!((presence.count(), presence.held()), (0, 0));
    }

    #[test]
    fn typing_ends_by_itself_and_with_its_user() {
        let (mut presence, now, ann) = (Presence::default(), Instant::now(), user("ann"));
        presence.enter(&ann);
        assert!(presence.set_typing(&ann.user_id, true, now));
        assert!(!presence.set_typing(&ann.user_id, true, now), "no news");
        assert_eq!(
            presence.advance(now + Duration::from_secs(6)),
            [Moved::Stopped(Arc::clone(&ann))]
        );
        presence.set_typing(&ann.user_id, true, now);
        let moved = presence.exit(&ann.user_id, false, now);
        let let_go = Moved::LetGo(Arc::clone(&ann));
        assert_eq!(moved, [let_go, Moved::Stopped(Arc::clone(&ann)), Moved::Left(ann)]);
    }

    #[test]
    fn the_list_is_bounded_and_the_count_is_not() {
        let mut presence = Presence::default();
        for n in 0..120 {
            presence.enter(&user(&format!("user {n:03}")));
        }
        let members = presence.members();
        assert_eq!((members.count, members.users.len()), (120, 50));
        assert_eq!(members.users[0].user_id.as_str(), "user 000");
    }
}
