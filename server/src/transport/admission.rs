//! How many connections there may be, in all and per address. An address of IPv6 is its first 64 bits: the others are one
//! subscriber's own to choose from.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

use rustc_hash::FxHashMap;

use crate::config::Limits;

/// Counts the connections that are open.
#[derive(Debug)]
pub struct Admission {
    open: Mutex<Open>,
    most: usize,
    most_per_address: usize,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_address: FxHashMap<IpAddr, usize>,
}

/// Why a connection is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Full {
    /// As many are open as may be.
    Server,
    /// As many of this address are open as may be.
    Address,
}

/// A connection that was let in; the place is free again when this is dropped.
#[derive(Debug)]
pub struct Admitted {
    admission: Arc<Admission>,
    address: Option<IpAddr>,
}

impl Admission {
    /// No connection is open yet.
    pub fn new(limits: &Limits) -> Arc<Self> {
        Self::of(limits.max_connections, limits.max_connections_per_address)
    }

    /// The same for connections that are not a WebSocket (yet).
    pub fn plain(limits: &Limits) -> Arc<Self> {
        Self::of(limits.max_http_connections, limits.max_connections_per_address)
    }

    fn of(most: usize, most_per_address: usize) -> Arc<Self> {
        let bound = |most: usize| if most == 0 { usize::MAX } else { most };
        Arc::new(Self {
            open: Mutex::default(),
            most: bound(most),
            most_per_address: bound(most_per_address),
        })
    }

    /// Lets a connection in, where there is room for it.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Result<Admitted, Full> {
        self.admit_maybe(Some(address))
    }

    /// The same, also for one whose address counts for nothing.
    pub(super) fn admit_maybe(self: &Arc<Self>, address: Option<IpAddr>) -> Result<Admitted, Full> {
        let address = address.map(subscriber);
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.most {
            return Err(Full::Server);
        }
        if let Some(address) = address {
            let of_address = open.by_address.entry(address).or_default();
            if *of_address >= self.most_per_address {
                return Err(Full::Address);
            }
            *of_address += 1;
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

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = self.admission.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        let Some(address) = self.address else { return };
        if let Some(of_address) = open.by_address.get_mut(&address) {
            *of_address -= 1;
            if *of_address == 0 {
                open.by_address.remove(&address);
            }
        }
    }
}

/// What is counted as one.
fn subscriber(address: IpAddr) -> IpAddr {
    // IPv4 through an IPv6 socket is the same address.
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address @ IpAddr::V4(_) => address,
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
}
