//! How fast one connection, and one user over all connections, may go.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, NotUntil, RateLimiter};
use readrealm_protocol::limits::{MALFORMED_FRAMES, MALFORMED_WINDOW_SECS, TYPING_PER_SECOND};
use readrealm_protocol::server::ErrorReply;
use readrealm_protocol::{ErrorCode, UserId};

use super::refusals::Refusals;
use crate::config::Limits;
use crate::metrics::{Limit, Metrics};
use crate::pace::{Paces, quota};

/// The budgets of all users, each over all of the user's connections.
#[derive(Debug)]
pub struct UserLimits {
    messages: Paces<UserId>,
    joins: Paces<UserId>,
}

/// So many seconds' joins of a user may come at once: all rooms of many tabs come back together.
const JOIN_SECONDS: u32 = 10;

impl UserLimits {
    /// The budgets as configured.
    pub fn new(limits: &Limits) -> Arc<Self> {
        let burst = limits.message_burst.max(limits.user_messages_per_second);
        let joins = limits.user_joins_per_second;
        Arc::new(Self {
            messages: Paces::new(limits.user_messages_per_second, burst),
            joins: Paces::new(joins, joins.saturating_mul(JOIN_SECONDS)),
        })
    }

    /// Forgets the users whose budget is full again. Called now and then, so that memory follows those who talk.
    pub fn forget_idle(&self) {
        self.messages.forget();
        self.joins.forget();
    }

    fn message(&self, user: &UserId) -> Result<(), ErrorReply> {
        let taken = self.messages.take(user);
        taken.map_err(|wait| refused("this user sends", wait))
    }

    fn join(&self, user: &UserId) -> Result<(), ErrorReply> {
        let taken = self.joins.take(user);
        taken.map_err(|wait| refused("this user joins", wait))
    }
}

/// The budgets of one connection.
#[derive(Debug)]
pub struct ConnectionLimits {
    users: Arc<UserLimits>,
    metrics: Arc<Metrics>,
    messages: Option<DefaultDirectRateLimiter>,
    joins: Option<DefaultDirectRateLimiter>,
    /// Typing events passed on in the second that began then.
    typing: (Instant, u32),
    /// Of most connections there are none.
    faults: Option<Box<Faults>>,
}

/// What a connection has done wrong.
#[derive(Debug, Default)]
struct Faults {
    /// When the last malformed frames came, as long as they count.
    malformed: VecDeque<Instant>,
    refusals: Refusals,
}

impl ConnectionLimits {
    /// Full budgets.
    pub fn new(limits: &Limits, users: Arc<UserLimits>, metrics: Arc<Metrics>) -> Self {
        let now = Instant::now();
        Self {
            users,
            metrics,
            messages: quota(limits.messages_per_second, limits.message_burst).map(RateLimiter::direct),
            joins: quota(limits.joins_per_second, limits.join_burst).map(RateLimiter::direct),
            typing: (now, 0),
            faults: None,
        }
    }

    /// Takes one message out of the connection's budget and its user's.
    pub fn message(&self, user: &UserId) -> Result<(), ErrorReply> {
        self.counted(Limit::Messages, check(self.messages.as_ref(), "this connection sends"))?;
        self.counted(Limit::UserMessages, self.users.message(user))
    }

    /// Takes one read of older messages out of the connection's budget.
    pub fn page(&self) -> Result<(), ErrorReply> {
        self.counted(Limit::Messages, check(self.messages.as_ref(), "this connection asks"))
    }

    /// Takes one join out of the connection's budget.
    pub fn join(&self) -> Result<(), ErrorReply> {
        self.counted(Limit::Joins, check(self.joins.as_ref(), "this connection joins"))
    }

    /// Takes the same out of its user's budget.
    pub fn join_of(&self, user: &UserId) -> Result<(), ErrorReply> {
        self.counted(Limit::UserJoins, self.users.join(user))
    }

    /// Whether a `typing` is passed on now.
    pub fn typing(&mut self, now: Instant) -> bool {
        if now.duration_since(self.typing.0) >= Duration::from_secs(1) {
            self.typing = (now, 0);
        }
        self.typing.1 += 1;
        let passed = self.typing.1 <= TYPING_PER_SECOND;
        if !passed {
            self.metrics.limited(Limit::Typing);
        }
        passed
    }

    /// Counts a malformed frame. Returns whether it is answered; the connection closes where it is not.
    pub fn malformed(&mut self, now: Instant) -> bool {
        let window = Duration::from_secs(MALFORMED_WINDOW_SECS);
        let malformed = &mut self.faults.get_or_insert_default().malformed;
        while malformed
            .front()
            .is_some_and(|then| now.duration_since(*then) >= window)
        {
            malformed.pop_front();
        }
        malformed.push_back(now);
        let borne = malformed.len() <= MALFORMED_FRAMES;
        if !borne {
            self.metrics.limited(Limit::MalformedFrames);
        }
        borne
    }

    /// Counts something that is refused. Returns how long it is until the next thing may be.
    pub(super) fn refusal(&mut self, now: tokio::time::Instant) -> Duration {
        self.faults.get_or_insert_default().refusals.take(now)
    }

    fn counted(&self, limit: Limit, checked: Result<(), ErrorReply>) -> Result<(), ErrorReply> {
        checked.inspect_err(|_| self.metrics.limited(limit))
    }
}

fn check(limiter: Option<&DefaultDirectRateLimiter>, what: &str) -> Result<(), ErrorReply> {
    limiter.map_or(Ok(()), |limiter| {
        limiter.check().map_err(|until| too_fast(what, &until))
    })
}

fn too_fast(what: &str, until: &NotUntil<governor::clock::QuantaInstant>) -> ErrorReply {
    refused(what, until.wait_time_from(DefaultClock::default().now()))
}

/// Somebody who is over a budget, as `this user asks`, is told when there is more.
pub fn refused(what: &str, wait: Duration) -> ErrorReply {
    let millis = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).saturating_add(1);
    ErrorReply::retry_after(ErrorCode::RateLimited, format!("{what} too fast"), millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_second: u32, burst: u32, user: u32) -> Limits {
        Limits {
            messages_per_second: per_second,
            message_burst: burst,
            user_messages_per_second: user,
            ..Limits::off()
        }
    }

    #[test]
    fn a_connection_has_its_burst_and_is_told_when_to_come_back() {
        let limits = limits(20, 5, 0);
        let connection = ConnectionLimits::new(&limits, UserLimits::new(&limits), Arc::default());
        let user = UserId::try_from("u").unwrap();
        for _ in 0..5 {
            connection.message(&user).unwrap();
        }
        let refused = connection.message(&user).unwrap_err();
        assert_eq!(refused.code, ErrorCode::RateLimited);
        assert!((1..=51).contains(&refused.retry_after_ms.unwrap()));
    }

    #[test]
    fn connections_of_a_user_share_the_users_budget_and_others_have_their_own() {
        let limits = limits(0, 0, 3);
        let users = UserLimits::new(&limits);
        let (ann, bob) = (UserId::try_from("ann").unwrap(), UserId::try_from("bob").unwrap());
        let sent = (0..10).filter(|_| {
            ConnectionLimits::new(&limits, Arc::clone(&users), Arc::default())
                .message(&ann)
                .is_ok()
        });
        assert_eq!(sent.count(), 3);
        assert!(
            ConnectionLimits::new(&limits, users, Arc::default())
                .message(&bob)
                .is_ok()
        );
    }

    #[test]
    fn a_thousand_connections_of_a_user_join_as_one() {
        let limits = Limits {
            user_joins_per_second: 3,
            ..Limits::off()
        };
        let users = UserLimits::new(&limits);
        let ann = UserId::try_from("ann").unwrap();
        let begun = Instant::now();
        let joined = (0..1_000).filter(|_| {
            ConnectionLimits::new(&limits, Arc::clone(&users), Arc::default())
                .join_of(&ann)
                .is_ok()
        });
        let (joined, more) = (joined.count() as u64, 3 * (begun.elapsed().as_secs() + 1));
        assert!(
            (30..=30 + more).contains(&joined),
            "ten seconds' worth at once: {joined}"
        );
    }

    #[test]
    fn zero_is_off() {
        let limits = limits(0, 0, 0);
        let connection = ConnectionLimits::new(&limits, UserLimits::new(&limits), Arc::default());
        let user = UserId::try_from("u").unwrap();
        assert!((0..1_000).all(|_| connection.message(&user).is_ok()
            && connection.join().is_ok()
            && connection.join_of(&user).is_ok()));
    }

    #[test]
    fn a_hundred_malformed_frames_in_ten_seconds_are_borne() {
        let limits = Limits::off();
        let mut connection = ConnectionLimits::new(&limits, UserLimits::new(&limits), Arc::default());
        let start = Instant::now();
        assert!((0..100).all(|_| connection.malformed(start)));
        assert!(!connection.malformed(start + Duration::from_secs(9)));
        assert!(
            connection.malformed(start + Duration::from_secs(10)),
            "the first hundred count no more"
        );
        assert!((0..98).all(|_| connection.malformed(start + Duration::from_secs(18))));
        assert!(
            !connection.malformed(start + Duration::from_secs(18)),
            "the window slides"
        );
    }
}
