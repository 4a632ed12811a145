//! Who is in a room: users, each by any number of connections, and who of them is writing. Pure: it is told the time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use readrealm_protocol::UserId;
use readrealm_protocol::limits::{LEAVE_GRACE_SECS, MEMBERS_LISTED, TYPING_SECS};
use readrealm_protocol::server::{Members, User};
use rustc_hash::FxHashMap;

/// The users of a room.
#[derive(Debug, Default)]
pub struct Presence {
    users: FxHashMap<UserId, Present>,
    /// Users by the order they came in, so that the list told is the same for everybody.
    by_arrival: BTreeMap<u64, Arc<User>>,
    arrivals: u64,
    typing: FxHashMap<UserId, Instant>,
    leaving: BTreeMap<(Instant, u64), UserId>,
}

#[derive(Debug)]
struct Present {
    arrival: u64,
    connections: usize,
    leaves_at: Option<Instant>,
}

/// Something the others are to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moved {
    /// A user left.
    Left(Arc<User>),
    /// A user stopped writing.
    Stopped(Arc<User>),
}

impl Presence {
    /// A connection of `user` came in. Returns whether it is the user's first.
    pub fn enter(&mut self, user: &Arc<User>) -> bool {
        if let Some(present) = self.users.get_mut(&user.user_id) {
            present.connections += 1;
            // The name last given is the one shown.
            self.by_arrival.insert(present.arrival, Arc::clone(user));
            if let Some(at) = present.leaves_at.take() {
                self.leaving.remove(&(at, present.arrival));
            }
            return false;
        }
        self.arrivals += 1;
        let arrival = self.arrivals;
        self.by_arrival.insert(arrival, Arc::clone(user));
        self.users.insert(
            user.user_id.clone(),
            Present {
                arrival,
                connections: 1,
                leaves_at: None,
            },
        );
        true
    }

    /// A connection of the user went. A dropped one is given time to come back; returns what is to be told now.
    pub fn exit(&mut self, user: &UserId, dropped: bool, now: Instant) -> Vec<Moved> {
        let Some(present) = self.users.get_mut(user) else {
            return Vec::new();
        };
        present.connections = present.connections.saturating_sub(1);
        if present.connections > 0 {
            return Vec::new();
        }
        if dropped {
            let at = now + Duration::from_secs(LEAVE_GRACE_SECS);
            present.leaves_at = Some(at);
            self.leaving.insert((at, present.arrival), user.clone());
            return Vec::new();
        }
        self.remove(&user.clone())
    }

    /// A user is writing, or not. Returns whether that is news.
    pub fn set_typing(&mut self, user: &UserId, typing: bool, now: Instant) -> bool {
        if typing {
            self.typing
                .insert(user.clone(), now + Duration::from_secs(TYPING_SECS))
                .is_none()
        } else {
            self.typing.remove(user).is_some()
        }
    }

    /// When [`advance`](Self::advance) has something to do.
    pub fn deadline(&self) -> Option<Instant> {
        let leaving = self.leaving.keys().next().map(|(at, _)| *at);
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
        while let Some(entry) = self.leaving.first_entry().filter(|entry| entry.key().0 <= now) {
            let user = entry.remove();
            moved.extend(self.remove(&user));
        }
        moved
    }

    /// How many users are here.
    pub fn count(&self) -> usize {
        self.users.len()
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

    fn remove(&mut self, user: &UserId) -> Vec<Moved> {
        let Some(present) = self.users.remove(user) else {
            return Vec::new();
        };
        if let Some(at) = present.leaves_at {
            self.leaving.remove(&(at, present.arrival));
        }
        let Some(left) = self.by_arrival.remove(&present.arrival) else {
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
        assert!(presence.enter(&ann));
        assert!(!presence.enter(&ann));
        assert_eq!(presence.exit(&ann.user_id, false, now), []);
        assert_eq!(presence.exit(&ann.user_id, false, now), [Moved::Left(Arc::clone(&ann))]);
        assert_eq!(presence.members(), Members::default());
    }

    #[test]
    fn a_dropped_connection_has_ten_seconds_to_come_back() {
        let (mut presence, now, ann) = (Presence::default(), Instant::now(), user("ann"));
        presence.enter(&ann);
        assert_eq!(presence.exit(&ann.user_id, true, now), []);
        assert_eq!(presence.deadline(), Some(now + Duration::from_secs(10)));
        assert_eq!(presence.advance(now + Duration::from_millis(9_999)), []);
        assert!(!presence.enter(&ann), "came back in time");
        assert_eq!(presence.deadline(), None);
        presence.exit(&ann.user_id, true, now);
        assert_eq!(presence.advance(now + Duration::from_secs(10)), [Moved::Left(ann)]);
        assert_eq!(presence.count(), 0);
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
        assert_eq!(moved, [Moved::Stopped(Arc::clone(&ann)), Moved::Left(ann)]);
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
