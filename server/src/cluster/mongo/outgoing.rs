//! What this node has to tell the others: whom it holds, and of whom that is not written yet. Pure.

use readrealm_protocol::server::User;
use readrealm_protocol::{BookId, UserId, ids::Username};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::cluster::State;

/// Changes that may wait for a database out of reach. Past it they are forgotten, and what is stored is compared with
/// what should be: whom this node holds is known in any case.
const WAITING: usize = 100_000;

/// A user in a room.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) book: BookId,
    pub(super) user: UserId,
}

/// How this node holds a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) username: Username,
    /// 0 where the user is not writing; else another number each time they say so.
    pub(super) typing: i64,
}

/// A change to write: the user as this node holds it, or that it does not.
pub(super) type Change = (Key, Option<Held>);

#[derive(Debug, Default)]
pub(super) struct Outgoing {
    held: FxHashMap<Key, Held>,
    /// Whose document may not be as it should.
    changed: FxHashSet<Key>,
    /// Whether changes were forgotten.
    in_doubt: bool,
    typed: i64,
}

impl Outgoing {
    /// Takes an announcement. Returns whether there is something to write.
    pub(super) fn announce(&mut self, book: BookId, user: &User, state: State) -> bool {
        let key = Key {
            book,
            user: user.user_id.clone(),
        };
        match state {
            State::Held => {
                let username = user.username.clone();
                let held = self.held.entry(key.clone()).or_insert_with(|| Held {
                    username: username.clone(),
                    typing: 0,
                });
                held.username = username;
            }
            State::Typing(typing) => {
                let Some(held) = self.held.get_mut(&key) else {
                    return false;
                };
                if !typing && held.typing == 0 {
                    return false;
                }
                self.typed += 1;
                held.typing = if typing { self.typed } else { 0 };
            }
            State::LetGo => {
                if self.held.remove(&key).is_none() {
                    return false;
                }
            }
        }
        self.change(key);
        true
    }

    /// Up to so many changes, each user's in a room once.
    pub(super) fn take(&mut self, most: usize) -> Vec<Change> {
        let keys: Vec<Key> = self.changed.iter().take(most).cloned().collect();
        let changes = keys.into_iter().map(|key| {
            self.changed.remove(&key);
            let held = self.held.get(&key).cloned();
            (key, held)
        });
        changes.collect()
    }

    /// These may not have been written.
    pub(super) fn put_back(&mut self, changes: Vec<Change>) {
        for (key, _) in changes {
            self.change(key);
        }
    }

    pub(super) fn is_changed(&self) -> bool {
        !self.changed.is_empty()
    }

    /// Whether what is stored is to be [compared](Self::compare) with what should be.
    pub(super) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    pub(super) fn doubt(&mut self) {
        self.in_doubt = true;
    }

    /// Nothing of this node is stored: all of it is to be written.
    pub(super) fn restate(&mut self) {
        self.in_doubt = false;
        self.changed = self.held.keys().cloned().collect();
    }

    /// These are stored of this node, apart from what waits to be written.
    pub(super) fn compare(&mut self, stored: FxHashSet<Key>) {
        self.in_doubt = false;
        let missing = self.held.keys().filter(|key| !stored.contains(key));
        self.changed.extend(missing.cloned());
        let surplus = stored.into_iter().filter(|key| !self.held.contains_key(key));
        self.changed.extend(surplus);
    }

    fn change(&mut self, key: Key) {
        if self.changed.len() >= WAITING {
            self.changed.clear();
            self.in_doubt = true;
        }
        self.changed.insert(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOOK: u32 = 1;

    fn user(id: &str) -> User {
        User {
            user_id: id.try_into().unwrap(),
            username: id.try_into().unwrap(),
        }
    }

    fn key(id: &str) -> Key {
        Key {
            book: BOOK.into(),
            user: id.try_into().unwrap(),
        }
    }

    fn told(outgoing: &mut Outgoing) -> Vec<(String, bool)> {
        let mut told: Vec<_> = outgoing
            .take(100)
            .into_iter()
            .map(|(key, held)| (key.user.to_string(), held.is_some()))
            .collect();
        told.sort();
        told
    }

    #[test]
    fn the_last_state_of_a_user_is_what_is_written() {
        let mut outgoing = Outgoing::default();
        for state in [State::Held, State::LetGo, State::Held] {
            assert!(outgoing.announce(BOOK.into(), &user("ann"), state));
        }
        assert!(outgoing.announce(BOOK.into(), &user("bob"), State::Held));
        assert!(outgoing.announce(BOOK.into(), &user("bob"), State::LetGo));
        assert_eq!(
            told(&mut outgoing),
            [("ann".to_owned(), true), ("bob".to_owned(), false)]
        );
        assert!(!outgoing.is_changed());
        assert!(
            !outgoing.announce(BOOK.into(), &user("bob"), State::LetGo),
            "known already"
        );
    }

    #[test]
    fn each_time_a_user_says_that_they_write_is_another_number() {
        let mut outgoing = Outgoing::default();
        let mut typing = |state| {
            outgoing.announce(BOOK.into(), &user("ann"), state);
            outgoing
                .take(1)
                .pop()
                .and_then(|(_, held)| held)
                .map(|held| held.typing)
        };
        assert_eq!(typing(State::Typing(true)), None, "nobody whom this node does not hold");
        assert_eq!(typing(State::Held), Some(0));
        let (once, twice) = (typing(State::Typing(true)), typing(State::Typing(true)));
        assert!(once > Some(0) && twice > once);
        assert_eq!(typing(State::Typing(false)), Some(0));
        assert_eq!(typing(State::Typing(false)), None, "no news");
    }

    #[test]
    fn what_was_not_written_is_written_as_it_is_then() {
        let mut outgoing = Outgoing::default();
        outgoing.announce(BOOK.into(), &user("ann"), State::Held);
        let changes = outgoing.take(1);
        outgoing.announce(BOOK.into(), &user("ann"), State::LetGo);
        outgoing.put_back(changes);
        assert_eq!(told(&mut outgoing), [("ann".to_owned(), false)]);
    }

    #[test]
    fn what_is_stored_is_mended() {
        let mut outgoing = Outgoing::default();
        for name in ["ann", "bob"] {
            outgoing.announce(BOOK.into(), &user(name), State::Held);
        }
        told(&mut outgoing);
        outgoing.compare([key("bob"), key("eve")].into_iter().collect());
        assert_eq!(
            told(&mut outgoing),
            [("ann".to_owned(), true), ("eve".to_owned(), false)]
        );
        outgoing.restate();
        assert_eq!(
            told(&mut outgoing),
            [("ann".to_owned(), true), ("bob".to_owned(), true)]
        );
    }

    #[test]
    fn too_many_changes_are_forgotten_and_looked_up() {
        let mut outgoing = Outgoing::default();
        for n in 0..=WAITING {
            let user = user(&n.to_string());
            outgoing.announce(BOOK.into(), &user, State::Held);
        }
        assert!(outgoing.is_in_doubt());
        assert_eq!(outgoing.changed.len(), 1);
        outgoing.compare(FxHashSet::default());
        assert_eq!(outgoing.changed.len(), WAITING + 1);
    }
}
