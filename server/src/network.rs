//! Ranges of addresses: as an operator writes them, and those that one address counts for.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A range of addresses: `10.0.0.0/8`, `fd00::/8`, or one address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Network {
    address: IpAddr,
    bits: u32,
}

/// A text that is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected an address or a range, as 10.1.2.3, 10.0.0.0/8 or fd00::/8")]
pub struct NoNetwork;

impl Network {
    /// Whether an address is of it.
    pub fn contains(self, other: IpAddr) -> bool {
        let (one, other) = (bits(self.address), bits(other));
        let same_kind = one.1 == other.1;
        same_kind && (self.bits == 0 || (one.0 ^ other.0) >> (one.1 - self.bits) == 0)
    }
}

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, bits_text) = text.split_once('/').unwrap_or((text, ""));
        let address = address.parse::<IpAddr>().map_err(|_| NoNetwork)?.to_canonical();
        let most = bits(address).1;
        let bits = match bits_text {
            "" if !text.contains('/') => most,
            digits => digits.parse().ok().filter(|bits| *bits <= most).ok_or(NoNetwork)?,
        };
        Ok(Self { address, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.bits)
    }
}

/// How much each of an address's [`blocks`] may have, in times what one subscriber may.
pub const SHARES: [u32; 3] = [1, 4, 16];

/// The blocks of addresses that one counts for, the narrowest first, with their shares. Of IPv4 it is the address alone. Of IPv6 the first
/// 64 bits are a subscriber, who has the others to choose from; many are given a /56 of such, and some a /48.
pub fn blocks(address: IpAddr) -> impl Iterator<Item = (Network, u32)> {
    // IPv4 through an IPv6 socket is the same address.
    let address = address.to_canonical();
    let widths: &[u32] = if address.is_ipv4() { &[32] } else { &[64, 56, 48] };
    let block = move |&bits: &u32| Network {
        address: match address {
            IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> bits)).into(),
            address @ IpAddr::V4(_) => address,
        },
        bits,
    };
    widths.iter().map(block).zip(SHARES)
}

/// The bits of an address, and how many they are.
fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
        IpAddr::V6(address) => (address.to_bits(), 128),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_for_its_blocks() {
        let of = |address: &str| {
            let blocks = blocks(address.parse().unwrap());
            blocks
                .map(|(block, share)| format!("{block} {share}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(of("10.1.2.3"), ["10.1.2.3/32 1"]);
        assert_eq!(of("::ffff:10.1.2.3"), ["10.1.2.3/32 1"]);
        assert_eq!(
            of("2001:db8:1:234:5:6:7:8"),
            ["2001:db8:1:234::/64 1", "2001:db8:1:200::/56 4", "2001:db8:1::/48 16"]
        );
    }

    #[test]
    fn ranges() {
        let network = |text: &str| text.parse::<Network>();
        for bad in [
            "",
            "10",
            "10.0.0.0/33",
            "::/129",
            "10.0.0.0/",
            "10.0.0.0/-1",
            "all",
            "10.0.0.0/8/8",
        ] {
            assert_eq!(network(bad), Err(NoNetwork), "{bad}");
        }
        for (range, address, contains) in [
            ("10.0.0.0/8", "10.255.0.1", true),
            ("10.0.0.0/8", "11.0.0.1", false),
            ("192.168.1.7", "192.168.1.7", true),
            ("192.168.1.7", "192.168.1.6", false),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("0.0.0.0/0", "::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            let contained = network(range).unwrap().contains(address.parse().unwrap());
            assert_eq!(contained, contains, "{range} {address}");
        }
    }
}
