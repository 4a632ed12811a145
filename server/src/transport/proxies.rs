//! Whose address a request came from, where proxies stand before the server.
//!
//! What `X-Forwarded-For` says is what somebody wrote there. Each proxy appends the address it was asked from, so the list is
//! believed from its right end on, for as long as the one who wrote is a proxy that is trusted: the first address that
//! is none of them is the client's, whatever stands left of it.

use std::net::IpAddr;

use axum::http::HeaderMap;

use crate::network::Network;

const FORWARDED_FOR: &str = "x-forwarded-for";

/// The proxies that are trusted; by default none is.
#[derive(Debug, Clone, Default)]
pub struct Proxies(Vec<Network>);

impl Proxies {
    /// These.
    pub fn new(trusted: &[Network]) -> Self {
        Self(trusted.to_vec())
    }

    /// Whether an address is one of them.
    pub fn trust(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(address))
    }

    /// The client's address, of a request with these headers that `peer` sent.
    pub fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer.to_canonical();
        let lists = headers.get_all(FORWARDED_FOR).iter().rev();
        // As bytes: what stands left of an address, text or not, takes nothing from it.
        let mut written = lists.flat_map(|list| list.as_bytes().rsplit(|byte| *byte == b','));
        while self.trust(client) {
            let Some(Some(before)) = written.next().map(address) else {
                return client;
            };
            client = before;
        }
        client
    }
}

/// As proxies write it; some add the port.
fn address(written: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(written).ok()?.trim();
    let read = text.parse::<IpAddr>().ok();
    let with_port = || text.parse::<std::net::SocketAddr>().ok().map(|address| address.ip());
    let in_brackets = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    read.or_else(with_port)
        .or_else(in_brackets)
        .map(|address| address.to_canonical())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn client(trusted: &[&str], peer: &str, forwarded: &[impl AsRef<[u8]>]) -> String {
        let trusted: Vec<Network> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        let mut headers = HeaderMap::new();
        for list in forwarded {
            headers.append(FORWARDED_FOR, HeaderValue::from_bytes(list.as_ref()).unwrap());
        }
        Proxies::new(&trusted)
            .client(peer.parse().unwrap(), &headers)
            .to_string()
    }

    #[test]
    fn nobody_is_believed_by_default() {
        assert_eq!(client(&[], "198.51.100.7", &["203.0.113.1"]), "198.51.100.7");
        assert_eq!(
            client(&["10.0.0.0/8"], "198.51.100.7", &["203.0.113.1"]),
            "198.51.100.7"
        );
    }

    #[test]
    fn the_rightmost_that_no_trusted_proxy_has_is_the_client() {
        let trusted = ["10.0.0.0/8", "fd00::/8"];
        for (peer, forwarded, expected) in [
            ("10.0.0.1", &[][..], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.1"], "203.0.113.1"),
            // What the client wrote itself stands left of its address.
            ("10.0.0.1", &["1.1.1.1, 203.0.113.1"], "203.0.113.1"),
            ("10.0.0.1", &["1.1.1.1", "203.0.113.1"], "203.0.113.1"),
            ("10.0.0.1", &["10.9.9.9, 203.0.113.1,10.0.0.2"], "203.0.113.1"),
            ("fd00::1", &["2001:db8::7"], "2001:db8::7"),
            ("::ffff:10.0.0.1", &["::ffff:203.0.113.1"], "203.0.113.1"),
            ("10.0.0.1", &["203.0.113.1:4711"], "203.0.113.1"),
            ("10.0.0.1", &["[2001:db8::7]:4711"], "2001:db8::7"),
            ("10.0.0.1", &["[2001:db8::7]"], "2001:db8::7"),
            // Who is behind one that says nothing to be read is as far as is known.
            ("10.0.0.1", &["203.0.113.1, unknown"], "10.0.0.1"),
            ("10.0.0.1", &["203.0.113.1, "], "10.0.0.1"),
            ("10.0.0.1", &["10.0.0.3, 10.0.0.2"], "10.0.0.3"),
        ] {
            assert_eq!(client(&trusted, peer, forwarded), expected, "{peer} {forwarded:?}");
        }
    }

    #[test]
    fn what_is_no_text_hides_nobody() {
        for (forwarded, expected) in [
            (&[&b"\xE9, 203.0.113.1"[..]][..], "203.0.113.1"),
            (&[b"\xE9", b"203.0.113.1"], "203.0.113.1"),
            (&[b"\xE9\xFF,1.1.1.1, 203.0.113.1,10.0.0.2"], "203.0.113.1"),
            // In its own place it is no address.
            (&[b"203.0.113.1, \xE9"], "10.0.0.1"),
            (&[b"203.0.113.1, \xE9, 10.0.0.2"], "10.0.0.2"),
        ] {
            assert_eq!(
                client(&["10.0.0.0/8"], "10.0.0.1", forwarded),
                expected,
                "{forwarded:?}"
            );
        }
    }
}
