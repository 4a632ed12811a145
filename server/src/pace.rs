//! How often somebody may do something: a budget for each who does it, in bounded memory.

use std::hash::Hash;
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use governor::clock::{Clock, DefaultClock};
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::{DashMapStateStore, ShrinkableKeyedStateStore};
use governor::{Quota, RateLimiter};

use crate::network::{Network, SHARES, blocks};

/// Budgets that are kept at a time. Only those that are not full are worth keeping; were as many spent at once, nobody else
/// would be counted until some have filled up.
const MOST: usize = 100_000;

/// How often budgets that are full again are forgotten, and how often at most where there are many.
const FORGET: Duration = Duration::from_mins(1);
const FORGET_MANY: Duration = Duration::from_secs(1);

/// A budget for each `K`.
#[derive(Debug)]
pub struct Paces<K: Hash + Eq + Clone> {
    budgets: Option<RateLimiter<K, Bounded<K>, DefaultClock>>,
    forgotten: Mutex<Instant>,
    most: usize,
}

impl<K: Hash + Eq + Clone> Paces<K> {
    /// So many a second, and so many at once; 0 a second is without bound, 0 at once as many as a second.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self::keeping(MOST, quota(per_second, burst))
    }

    fn keeping(most: usize, quota: Option<Quota>) -> Self {
        let none = || Bounded {
            known: DashMapStateStore::default(),
            most,
        };
        Self {
            budgets: quota.map(|quota| RateLimiter::new(quota, none(), DefaultClock::default())),
            forgotten: Mutex::new(Instant::now()),
            most,
        }
    }

    /// Takes one out of a budget; where there is none left, how long until there is.
    pub fn take(&self, key: &K) -> Result<(), Duration> {
        let Some(budgets) = &self.budgets else {
            return Ok(());
        };
        // Whoever comes while another forgets need not do it again.
        if let Ok(mut forgotten) = self.forgotten.try_lock() {
            let elapsed = forgotten.elapsed();
            if elapsed >= FORGET || (elapsed >= FORGET_MANY && budgets.len() >= self.most) {
                self.forget();
                *forgotten = Instant::now();
            }
        }
        let taken = budgets.check_key(key);
        taken.map_err(|until| until.wait_time_from(DefaultClock::default().now()))
    }

    /// Forgets the budgets that are full again, as is done now and then while some are taken from.
    pub fn forget(&self) {
        if let Some(budgets) = &self.budgets {
            budgets.retain_recent();
            budgets.shrink_to_fit();
        }
    }
}

/// Where budgets are kept: once there are as many as may be, whoever is not among them is not counted. Whoever is, is.
#[derive(Debug)]
struct Bounded<K: Hash + Eq + Clone> {
    known: DashMapStateStore<K>,
    most: usize,
}

impl<K: Hash + Eq + Clone> StateStore for Bounded<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        if !self.known.contains_key(key) && self.known.len() >= self.most {
            return measure(None).map(|(taken, _)| taken);
        }
        self.known.measure_and_replace(key, measure)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Bounded<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.known.retain_recent(drop_below);
    }

    fn shrink_to_fit(&self) {
        self.known.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.known.len()
    }

    fn is_empty(&self) -> bool {
        self.known.is_empty()
    }
}

/// A budget for each address, and wider ones for the blocks of IPv6 around it: see [`blocks`].
#[derive(Debug)]
pub struct AddressPaces([Paces<Network>; SHARES.len()]);

impl AddressPaces {
    /// The same for one subscriber; wider blocks have as many times as much as they have shares.
    pub fn new(per_second: u32, burst: u32) -> Self {
        Self(SHARES.map(|share| Paces::new(per_second.saturating_mul(share), burst.saturating_mul(share))))
    }

    /// Takes one out of the budgets of an address; where one is empty, how long until it is not.
    pub fn take(&self, address: IpAddr) -> Result<(), Duration> {
        // The narrowest first: one subscriber that is over its own takes nothing from its neighbours.
        let mut blocks = blocks(address).zip(&self.0);
        blocks.try_for_each(|((block, _), paces)| paces.take(&block))
    }
}

/// A wait as `Retry-After` says it: in whole seconds, and none too early.
pub fn in_seconds(wait: Duration) -> u64 {
    let seconds = wait.as_millis().div_ceil(1_000).max(1);
    u64::try_from(seconds).unwrap_or(u64::MAX)
}

/// What it is to a rate limiter; `None` where there is no bound.
pub fn quota(per_second: u32, burst: u32) -> Option<Quota> {
    let per_second = NonZeroU32::new(per_second)?;
    Some(Quota::per_second(per_second).allow_burst(NonZeroU32::new(burst).unwrap_or(per_second)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So many at once, and another in an hour: a slow machine is still in time.
    fn hourly(burst: u32) -> Option<Quota> {
        Some(Quota::with_period(Duration::from_hours(1))?.allow_burst(NonZeroU32::new(burst)?))
    }

    fn taken(paces: &AddressPaces, address: &str, times: usize) -> usize {
        let address = address.parse().unwrap();
        (0..times).filter(|_| paces.take(address).is_ok()).count()
    }

    #[test]
    fn each_has_a_budget_and_is_told_when_there_is_more() {
        let paces = Paces::keeping(MOST, hourly(3));
        assert_eq!((0..9).filter(|_| paces.take(&"ann").is_ok()).count(), 3);
        let wait = paces.take(&"ann").unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_hours(1), "{wait:?}");
        assert!(paces.take(&"bob").is_ok());
        assert!((0..1_000).all(|_| Paces::new(0, 0).take(&"ann").is_ok()));
    }

    #[test]
    fn a_subscriber_of_ipv6_has_one_and_blocks_around_it_wider_ones() {
        let paces = AddressPaces(SHARES.map(|share| Paces::keeping(MOST, hourly(2 * share))));
        assert_eq!(taken(&paces, "2001:db8::1", 9), 2);
        assert_eq!(taken(&paces, "2001:db8::2", 9), 0, "it is the same subscriber");
        // What the first did not get counts for nobody else; a /56 has four times as much, a /48 sixteen times.
        let of_56: usize = (1..9).map(|n| taken(&paces, &format!("2001:db8:0:{n}::1"), 9)).sum();
        assert_eq!(of_56, 6);
        let of_48: usize = (1..32)
            .map(|n| taken(&paces, &format!("2001:db8:0:{n:x}00::1"), 9))
            .sum();
        assert_eq!(of_48, 24);
        assert_eq!(taken(&paces, "2001:db8:1::1", 9), 2);
        assert_eq!(taken(&paces, "10.0.0.1", 9), 2);
        assert_eq!(taken(&paces, "::ffff:10.0.0.1", 9), 0);
    }

    #[test]
    fn nobody_is_told_to_come_back_too_early() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (10_000, 10)] {
            assert_eq!(in_seconds(Duration::from_millis(millis)), seconds);
        }
    }

    #[test]
    fn memory_is_bounded_and_where_it_is_full_those_are_counted_who_were() {
        let paces = Paces::keeping(10, hourly(2));
        for key in 0..10 {
            paces.take(&key).unwrap();
        }
        assert!(
            (10..1_000).all(|key| paces.take(&key).is_ok() && paces.take(&key).is_ok() && paces.take(&key).is_ok())
        );
        assert!((0..10).all(|key| paces.take(&key).is_ok() && paces.take(&key).is_err()));
        assert_eq!(paces.budgets.as_ref().unwrap().len(), 10);
        // A second later those that are full again are forgotten.
        let quick = Paces::keeping(10, quota(u32::MAX, 1));
        for key in 0..10 {
            quick.take(&key).unwrap();
        }
        *quick.forgotten.lock().unwrap() = Instant::now().checked_sub(FORGET_MANY).unwrap();
        quick.take(&10).unwrap();
        assert_eq!(quick.budgets.as_ref().unwrap().len(), 1);
    }
}
