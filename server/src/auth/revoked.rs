//! What was revoked before its time, and who is connected by it. Pure but for its lock: where revocations are kept is
//! [`crate::revocation`]'s business.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use readrealm_protocol::ids::Invalid;
use readrealm_protocol::{Timestamp, UserId};

use super::Identity;
use super::token::LEEWAY_MILLIS;

/// Characters of a token's id (`jti`).
const TOKEN_ID_CHARS: usize = 256;

const TOKEN_ID_RULE: &str = "jti must be 1 to 256 characters without control characters";

/// The id of a token (`jti`): 1..=256 characters, none of them a control character.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TokenId(Arc<str>);

impl TokenId {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<&str> for TokenId {
    type Error = Invalid;

    fn try_from(text: &str) -> Result<Self, Invalid> {
        let fits = (1..=TOKEN_ID_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| Self(text.into())).ok_or(Invalid(TOKEN_ID_RULE))
    }
}

/// What is revoked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Every token of a user that was issued (`iat`) by five seconds after the revocation, or does not say when. One that is
    /// issued later counts: whoever signs tokens lets the user in again.
    User(UserId),
    /// Every token of a user, whenever it is issued.
    Ban(UserId),
    /// One token.
    Token(TokenId),
}

/// As it is stored: `user/ID`, `ban/ID` or `token/JTI`.
impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "user/{user}"),
            Self::Ban(user) => write!(f, "ban/{user}"),
            Self::Token(token) => write!(f, "token/{}", token.as_str()),
        }
    }
}

impl FromStr for Subject {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        match text.split_once('/') {
            Some(("user", id)) => UserId::try_from(id).map(Self::User),
            Some(("ban", id)) => UserId::try_from(id).map(Self::Ban),
            Some(("token", id)) => TokenId::try_from(id).map(Self::Token),
            _ => Err(Invalid("a revocation is of user/ID, ban/ID or token/JTI")),
        }
    }
}

/// One revocation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocation {
    /// What is revoked.
    pub subject: Subject,
    /// When.
    pub at: Timestamp,
    /// When it ends; [`Timestamp::MAX`] stands until it is lifted. One that has ended was lifted.
    pub until: Timestamp,
}

/// Whoever is connected by a token, and is told when it counts no more. Called at most a few times, and must not block.
pub trait Holder: Send + Sync + fmt::Debug {
    /// The token was revoked.
    fn revoked(&self);
}

/// The revocations that stand, as this node knows them, and the connections that live by a token.
#[derive(Debug, Default)]
pub struct Revoked(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    standing: HashMap<Subject, Standing>,
    /// Which reading of everything those that are learnt now belong to.
    reading: u64,
    /// By user and by token: a revocation finds whom it is about without a look at everybody.
    holders: HashMap<Subject, Vec<Held>>,
    next: u64,
}

#[derive(Debug, Clone, Copy)]
struct Standing {
    at: Timestamp,
    until: Timestamp,
    reading: u64,
}

#[derive(Debug)]
struct Held {
    number: u64,
    identity: Identity,
    holder: Arc<dyn Holder>,
}

/// Dropped where the connection lives by the token no more.
#[derive(Debug)]
pub struct Holding {
    revoked: Arc<Revoked>,
    keys: Vec<Subject>,
    number: u64,
}

impl Revoked {
    /// Whether somebody is not to be served.
    pub fn includes(&self, identity: &Identity) -> bool {
        self.lock().includes(identity, Timestamp::now())
    }

    /// From now on the holder is told when the token is revoked; `None` where it is already.
    pub fn hold(self: &Arc<Self>, identity: &Identity, holder: &Arc<dyn Holder>) -> Option<Holding> {
        let mut state = self.lock();
        if state.includes(identity, Timestamp::now()) {
            return None;
        }
        let number = state.next;
        state.next += 1;
        let user = Subject::User(identity.user.user_id.clone());
        let keys: Vec<_> = [Some(user), identity.token_id.clone().map(Subject::Token)]
            .into_iter()
            .flatten()
            .collect();
        for key in &keys {
            state.holders.entry(key.clone()).or_default().push(Held {
                number,
                identity: identity.clone(),
                holder: Arc::clone(holder),
            });
        }
        Some(Holding {
            revoked: Arc::clone(self),
            keys,
            number,
        })
    }

    /// Learns of revocations, new, changed or lifted, and tells those whom they are about. Learning the same again
    /// changes nothing.
    pub fn learn(&self, news: Vec<Revocation>) {
        let now = Timestamp::now();
        let mut told = Vec::new();
        let mut state = self.lock();
        for Revocation { subject, at, until } in news {
            if until <= now {
                state.standing.remove(&subject);
                continue;
            }
            let reading = state.reading;
            let known = state.standing.insert(subject.clone(), Standing { at, until, reading });
            if known.is_none_or(|known| (known.at, known.until) != (at, until)) {
                state.find(subject, now, &mut told);
            }
        }
        // What a holder does about it is done without the lock.
        drop(state);
        for holder in told {
            holder.revoked();
        }
    }

    /// From now on everything that stands is learnt again, in as many parts as it takes. What is known counts until then.
    pub fn read_anew(&self) {
        self.lock().reading += 1;
    }

    /// Everything was learnt: forgets what was not since [`Self::read_anew`].
    pub fn forget_unread(&self) {
        let mut state = self.lock();
        let reading = state.reading;
        state.standing.retain(|_, standing| standing.reading == reading);
    }

    /// Forgets the revocations that have ended.
    pub fn forget_ended(&self) {
        let now = Timestamp::now();
        self.lock().standing.retain(|_, standing| standing.until > now);
    }

    /// How many stand, and those that have just ended.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.lock().standing.len()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No code that holds this lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn includes(&self, identity: &Identity, now: Timestamp) -> bool {
        if self.standing.is_empty() {
            return false;
        }
        let stands = |subject: &Subject| self.standing.get(subject).filter(|standing| standing.until > now);
        let user = &identity.user.user_id;
        // A signer's clock may be ahead: what it issued before may look as if it was after.
        let issued_by = |at: Timestamp| {
            let by = at.as_millis().saturating_add(LEEWAY_MILLIS);
            identity.issued_at.is_none_or(|issued| issued.as_millis() <= by)
        };
        stands(&Subject::Ban(user.clone())).is_some()
            || stands(&Subject::User(user.clone())).is_some_and(|standing| issued_by(standing.at))
            || (identity.token_id.clone()).is_some_and(|token| stands(&Subject::Token(token)).is_some())
    }

    /// Those whom a revocation is about.
    fn find(&self, subject: Subject, now: Timestamp, told: &mut Vec<Arc<dyn Holder>>) {
        let key = match subject {
            Subject::Ban(user) => Subject::User(user),
            other => other,
        };
        let held = self.holders.get(&key).into_iter().flatten();
        told.extend(
            held.filter(|held| self.includes(&held.identity, now))
                .map(|held| Arc::clone(&held.holder)),
        );
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut state = self.revoked.lock();
        for key in self.keys.drain(..) {
            let Some(held) = state.holders.get_mut(&key) else {
                continue;
            };
            held.retain(|held| held.number != self.number);
            if held.is_empty() {
                state.holders.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use readrealm_protocol::Username;
    use readrealm_protocol::server::User;

    use super::*;
    use crate::auth::Rooms;

    #[derive(Debug, Default)]
    struct Told(AtomicBool);

    impl Holder for Told {
        fn revoked(&self) {
            self.0.store(true, Ordering::Relaxed);
        }
    }

    fn millis(millis: i64) -> Timestamp {
        Timestamp::from_millis(millis)
    }

    fn identity(user: &str, issued_at: Option<i64>, token: Option<&str>) -> Identity {
        let user_id = UserId::try_from(user).unwrap();
        Identity {
            user: Arc::new(User {
                username: Username::from_user_id(&user_id),
                user_id,
            }),
            rooms: Rooms::All,
            moderator: false,
            expires_at: Timestamp::MAX,
            issued_at: issued_at.map(millis),
            token_id: token.map(|token| TokenId::try_from(token).unwrap()),
        }
    }

    fn of(subject: &str, at: i64, until: Timestamp) -> Revocation {
        let subject = subject.parse().unwrap();
        Revocation {
            subject,
            at: millis(at),
            until,
        }
    }

    #[test]
    fn a_user_is_revoked_by_when_the_token_was_issued_and_a_ban_whenever_it_was() {
        let revoked = Revoked::default();
        revoked.learn(vec![of("user/ann", 5_000, Timestamp::MAX)]);
        for (issued, is_revoked) in [
            (None, true),
            (Some(4_000), true),
            (Some(5_000), true),
            (Some(10_000), true),
            (Some(10_001), false),
        ] {
            assert_eq!(
                revoked.includes(&identity("ann", issued, None)),
                is_revoked,
                "{issued:?}"
            );
        }
        assert!(!revoked.includes(&identity("bob", None, Some("ann"))));
        revoked.learn(vec![of("ban/ann", 5_000, Timestamp::MAX)]);
        assert!(revoked.includes(&identity("ann", Some(9_000), None)));
    }

    #[test]
    fn those_it_is_about_are_told_and_nobody_else() {
        let revoked = Arc::new(Revoked::default());
        let told: Vec<_> = (0..4).map(|_| Arc::new(Told::default())).collect();
        let holdings: Vec<_> = [("ann", "t1"), ("ann", "t2"), ("bob", "t1"), ("bob", "ann")]
            .iter()
            .zip(&told)
            .map(|((user, token), told)| {
                let holder = Arc::clone(told) as Arc<dyn Holder>;
                revoked.hold(&identity(user, Some(0), Some(token)), &holder)
            })
            .collect();
        let heard = || {
            told.iter()
                .map(|told| told.0.load(Ordering::Relaxed))
                .collect::<Vec<_>>()
        };
        revoked.learn(vec![of("token/t1", 0, Timestamp::MAX)]);
        assert_eq!(heard(), [true, false, true, false]);
        revoked.learn(vec![of("ban/ann", 0, Timestamp::MAX)]);
        assert_eq!(heard(), [true, true, true, false]);
        let holder = Arc::clone(&told[3]) as Arc<dyn Holder>;
        assert!(revoked.hold(&identity("carol", None, Some("t1")), &holder).is_none());
        drop(holdings);
        assert!(revoked.lock().holders.is_empty(), "who is gone is not remembered");
    }

    #[test]
    fn one_that_ends_or_is_lifted_stands_no_more() {
        let revoked = Revoked::default();
        let ann = identity("ann", Some(0), None);
        revoked.learn(vec![of("user/ann", 0, Timestamp::MAX)]);
        revoked.learn(vec![of("user/ann", 0, millis(1))]);
        assert!(!revoked.includes(&ann));
        let soon = millis(Timestamp::now().as_millis() + 20);
        revoked.learn(vec![of("user/ann", 0, soon)]);
        while Timestamp::now() < soon {}
        assert!(!revoked.includes(&ann));
        revoked.forget_ended();
        assert!(revoked.lock().standing.is_empty());
        revoked.learn(vec![of("user/ann", 0, Timestamp::MAX)]);
        revoked.learn(vec![of("user/carol", 0, Timestamp::MAX)]);
        revoked.read_anew();
        revoked.learn(vec![of("user/bob", 0, Timestamp::MAX)]);
        revoked.learn(vec![of("user/carol", 0, Timestamp::MAX)]);
        assert!(revoked.includes(&ann), "what is known counts until everything is read");
        revoked.forget_unread();
        assert!(!revoked.includes(&ann));
        for user in ["bob", "carol"] {
            assert!(revoked.includes(&identity(user, None, None)), "{user}");
        }
    }

    #[test]
    fn a_subject_is_read_back_from_its_text() {
        for text in ["user/ann", "ban/a/b", "token/user/ann"] {
            assert_eq!(text.parse::<Subject>().unwrap().to_string(), text);
        }
        for text in ["ann", "user/", "room/1", "token/\n"] {
            assert!(text.parse::<Subject>().is_err(), "{text}");
        }
    }
}
