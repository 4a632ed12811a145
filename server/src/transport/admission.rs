//! How many connections there may be, in all and per address, and how often an address may bring a new one. What an address of IPv6
//! counts for is more than itself: see [`blocks`].

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Extension;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use rustc_hash::FxHashMap;

use crate::config::Limits;
use crate::metrics::Limit;
use crate::network::{Network, blocks};
use crate::pace::{AddressPaces, in_seconds};
use crate::seldom::Seldom;

/// So many seconds' new connections of an address may come at once: a school that opens its books, or comes back after an outage.
const SECONDS_AT_ONCE: u32 = 30;

/// And so many times as many as it may have open at once, if that is more: who is cut off can come back, with a page each.
const TIMES_AT_ONCE: usize = 3;

/// Those that come too fast are told so up to so many times the pace in all; only what comes faster is cut off.
const ANSWERED: u32 = 4;

/// When to come back to where all places are taken.
const FULL: Duration = Duration::from_secs(10);

/// Counts the connections that are open.
#[derive(Debug)]
pub struct Admission {
    open: Mutex<Open>,
    most: usize,
    most_per_address: usize,
    pace: AddressPaces,
    /// How many of those that come too fast are told so.
    answers: AddressPaces,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_block: FxHashMap<Network, usize>,
}

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// As many are open as may be.
    Server,
    /// As many of this address are open as may be.
    Address,
    /// This address brings new ones too fast; when it may bring another.
    Hasty(Duration),
}

impl Full {
    /// The limit that was met.
    pub fn limit(self) -> Limit {
        match self {
            Self::Server => Limit::Connections,
            Self::Address => Limit::ConnectionsPerAddress,
            Self::Hasty(_) => Limit::NewConnections,
        }
    }

    /// How it is answered: the status, `Retry-After`, and a sentence.
    pub fn answer(self) -> (StatusCode, u64, &'static str) {
        let (status, wait, sentence) = match self {
            Self::Server => (
                StatusCode::SERVICE_UNAVAILABLE,
                FULL,
                "this server has as many connections as it may have",
            ),
            Self::Address => (
                StatusCode::TOO_MANY_REQUESTS,
                FULL,
                "this address has as many connections as it may have",
            ),
            Self::Hasty(wait) => (
                StatusCode::TOO_MANY_REQUESTS,
                wait,
                "this address brings new connections too fast",
            ),
        };
        (status, in_seconds(wait), sentence)
    }

    /// Tells the log of an address that is over its bounds, as all are behind a proxy that nobody has named.
    fn tell(self, address: IpAddr) {
        static HASTY: Seldom = Seldom::new();
        static MANY: Seldom = Seldom::new();
        let (told, flag) = match self {
            Self::Server => return,
            Self::Address => (&MANY, "--max-connections-per-address"),
            Self::Hasty(_) => (&HASTY, "--new-connections-per-second"),
        };
        if let Some(count) = told.to_tell() {
            tracing::warn!(
                count, %address, flag,
                "an address has or brings more connections than it may; if it is a proxy, name it by --trust-proxy; this is told once a minute"
            );
        }
    }
}

impl IntoResponse for Full {
    fn into_response(self) -> Response {
        let (status, wait, sentence) = self.answer();
        let wait = [(header::RETRY_AFTER, wait.to_string())];
        (status, wait, format!("{sentence}\n")).into_response()
    }
}

/// What a connection is told that came too fast, whatever it asks for, and the last thing it is told.
pub async fn told_so(Extension(full): Extension<Full>) -> Response {
    ([(header::CONNECTION, "close")], full).into_response()
}

/// A connection that was let in; the place is free again when this is dropped.
#[derive(Debug)]
pub struct Admitted {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

impl Admitted {
    /// The address it counts for.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.address
    }
}

impl Admission {
    /// No connection is open yet.
    pub fn new(limits: &Limits) -> Arc<Self> {
        Self::of(limits.max_connections, limits)
    }

    /// The same for connections that are not a WebSocket (yet).
    pub fn plain(limits: &Limits) -> Arc<Self> {
        Self::of(limits.max_http_connections, limits)
    }

    fn of(most: usize, limits: &Limits) -> Arc<Self> {
        let bound = |most: usize| if most == 0 { usize::MAX } else { most };
        let (per_second, at_once) = of_an_address(limits.new_connections_per_second, limits);
        Arc::new(Self {
            open: Mutex::default(),
            most: bound(most),
            most_per_address: bound(limits.max_connections_per_address),
            pace: AddressPaces::new(per_second, at_once),
            answers: AddressPaces::new(per_second.saturating_mul(ANSWERED - 1), at_once),
        })
    }

    /// Lets a connection in, where there is room for it.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Admitted, Full> {
        self.admit_maybe(Some(address))
    }

    /// The same, also for one whose address counts for nothing.
    pub(super) fn admit_maybe(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Admitted, Full> {
        if let Some(address) = address {
            self.pace
                .take(address)
                .map_err(Full::Hasty)
                .inspect_err(|full| full.tell(address))?;
        }
        let placed = self.place(address);
        placed.inspect_err(|full| address.into_iter().for_each(|address| full.tell(address)))
    }

    /// A place for one that came too fast, to be told so; none where it comes far too fast.
    pub(super) fn admit_to_be_told(self: &Arc<Self>, address: IpAddr) -> Option<Admitted> {
        self.answers.take(address).ok()?;
        self.place(Some(address)).ok()
    }

    fn place(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Admitted, Full> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.most {
            return Err(Full::Server);
        }
        let blocks = || address.into_iter().flat_map(blocks);
        let has_place = |(block, share): (Network, u32)| {
            let most = self.most_per_address.saturating_mul(share as usize);
            open.by_block.get(&block).is_none_or(|of_block| *of_block < most)
        };
        if !blocks().all(has_place) {
            return Err(Full::Address);
        }
        for (block, _) in blocks() {
            *open.by_block.entry(block).or_default() += 1;
        }
        open.all += 1;
        Ok(Admitted {
            admission: Arc::clone(self),
            address,
        })
    }

    /// How many are open.
    pub fn open(&self) -> usize {
        self.open.lock().unwrap_or_else(PoisonError::into_inner).all
    }
}

/// What an address may do so often a second, and how often at once.
pub(super) fn of_an_address(per_second: u32, limits: &Limits) -> (u32, u32) {
    let per_second = match limits.max_connections_per_address {
        // Who lets an address have any number does so as all have one, of a proxy that was not named.
        0 => 0,
        _ => per_second,
    };
    let of_address = limits.max_connections_per_address.saturating_mul(TIMES_AT_ONCE);
    let at_once = per_second
        .saturating_mul(SECONDS_AT_ONCE)
        .max(u32::try_from(of_address).unwrap_or(u32::MAX));
    (per_second, at_once)
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        for (block, _) in self.address.into_iter().flat_map(blocks) {
            if let Some(of_block) = open.by_block.get_mut(&block) {
                *of_block -= 1;
                if *of_block == 0 {
                    open.by_block.remove(&block);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_per_address_and_in_all_and_come_free() {
        let admission = Admission::new(&Limits {
            max_connections: 3,
            max_connections_per_address: 2,
            ..Limits::off()
        });
        let (ann, bob): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let first = admission.admit(ann).unwrap();
        let _second = admission.admit(ann).unwrap();
        assert_eq!(admission.admit(ann).unwrap_err(), Full::Address);
        let _third = admission.admit(bob).unwrap();
        assert_eq!(admission.admit(bob).unwrap_err(), Full::Server);
        drop(first);
        assert_eq!(admission.open(), 2);
        assert!(admission.admit("::ffff:10.0.0.1".parse().unwrap()).is_ok());
    }

    #[test]
    fn addresses_of_one_subscriber_are_one() {
        let admission = Admission::new(&Limits {
            max_connections_per_address: 2,
            ..Limits::off()
        });
        let admit = |address: &str| admission.admit(address.parse().unwrap());
        let _held = [
            admit("2001:db8:1:2::1").unwrap(),
            admit("2001:db8:1:2:ffff::7").unwrap(),
        ];
        assert_eq!(admit("2001:db8:1:2::3").unwrap_err(), Full::Address);
        assert!(admit("2001:db8:1:3::1").is_ok());
    }

    #[test]
    fn a_56_may_have_four_times_as_many_and_a_48_sixteen_times() {
        let admission = Admission::new(&Limits {
            max_connections_per_address: 1,
            ..Limits::off()
        });
        let admit = |subnet: u16| admission.admit(format!("2001:db8:1:{subnet:x}::1").parse().unwrap());
        let mut held: Vec<_> = (0..4).map(|subnet| admit(subnet).unwrap()).collect();
        assert_eq!(admit(4).unwrap_err(), Full::Address, "a /56 is full");
        held.extend(
            (1..4)
                .flat_map(|of_56| (0..4).map(move |n| of_56 * 256 + n))
                .map(|subnet| admit(subnet).unwrap()),
        );
        assert_eq!(held.len(), 16);
        assert_eq!(admit(0x400).unwrap_err(), Full::Address, "a /48 is full");
        assert!(admission.admit("2001:db8:2::1".parse().unwrap()).is_ok());
        held.pop();
        assert!(admit(0x400).is_ok());
        drop(held);
        assert!(admission.open.lock().unwrap().by_block.is_empty());
    }

    #[test]
    fn new_ones_of_an_address_come_no_faster_than_they_may() {
        let admission = |most_per_address| {
            Admission::new(&Limits {
                max_connections_per_address: most_per_address,
                new_connections_per_second: 1,
                ..Limits::off()
            })
        };
        let (ann, bob): (IpAddr, IpAddr) = ([10, 0, 0, 1].into(), [10, 0, 0, 2].into());
        let bounded = admission(5);
        let begun = std::time::Instant::now();
        let refused = (0..1_000)
            .map(|admitted| (admitted, bounded.admit(ann)))
            .find(|(_, came)| came.is_err());
        let Some((admitted, Err(full @ Full::Hasty(_)))) = refused else {
            panic!("it comes too fast");
        };
        assert!((30..=31 + begun.elapsed().as_secs()).contains(&admitted), "{admitted}");
        assert_eq!((full.answer().0, full.answer().1), (StatusCode::TOO_MANY_REQUESTS, 1));
        assert!(bounded.admit(bob).is_ok() && bounded.admit_maybe(None).is_ok());
        // As many are told so, and three more a second.
        let told = (0..1_000)
            .take_while(|_| bounded.admit_to_be_told(ann).is_some())
            .count() as u64;
        assert!((30..=33 + 3 * begun.elapsed().as_secs()).contains(&told), "{told}");
        assert!(bounded.admit_to_be_told(bob).is_some());
        let many = admission(100);
        let came = (0..1_000).take_while(|_| many.pace.take(ann).is_ok()).count();
        assert!(
            (300..400).contains(&came),
            "all that were cut off can come back: {came}"
        );
        let unbounded = admission(0);
        assert!(
            (0..99).all(|_| unbounded.admit(ann).is_ok()),
            "addresses count for nothing"
        );
    }
}
