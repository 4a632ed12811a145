//! Which pages may connect: a browser names the page's origin, and anything that is no browser names none.

use axum::http::uri::Authority;
use axum::http::{HeaderMap, Uri, header};

/// The origins that are allowed beside the ones that always are.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    pages: Vec<String>,
    /// Whether only names that cannot be anybody's are answered to.
    only_own_names: bool,
}

impl Origins {
    /// Allows these as well.
    pub fn new(allowed: &[String]) -> Self {
        Self {
            pages: allowed.iter().map(|origin| as_page(origin)).collect(),
            only_own_names: false,
        }
    }

    /// Answers only who asks for localhost, for an address, or for the host of an origin that is allowed. Any page can have a name of its
    /// own lead to this machine's loopback address, and is of the same host then.
    #[must_use]
    pub fn by_own_names(self, only: bool) -> Self {
        Self {
            only_own_names: only,
            ..self
        }
    }

    /// Whether a request with these headers may be served: without an origin, from the host that is asked, from
    /// localhost or a loopback address on any port, or from one that was allowed. A socket's scheme counts as its page's:
    /// some libraries of phones name the URL they connect to.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        if self.only_own_names && !self.is_own_name(headers) {
            return false;
        }
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return true };
        let (Ok(origin), None) = (origin.to_str(), origins.next()) else {
            return false;
        };
        let origin = as_page(origin);
        if self.pages.contains(&origin) {
            return true;
        }
        let Ok(uri) = origin.parse::<Uri>() else { return false };
        let (Some(authority), Some(scheme)) = (uri.authority(), uri.scheme_str()) else {
            return false;
        };
        let default = match scheme {
            "http" => 80,
            "https" => 443,
            _ => return false,
        };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let asked = host.and_then(|host| host.parse::<Authority>().ok());
        let same_host = asked.is_some_and(|asked| {
            let ports = [&asked, authority].map(|of| of.port_u16().unwrap_or(default));
            asked.host().eq_ignore_ascii_case(authority.host()) && ports[0] == ports[1]
        });
        same_host || is_loopback(authority.host())
    }
}

impl Origins {
    /// A browser always says which host it asks for.
    fn is_own_name(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(header::HOST).iter();
        let Some(host) = hosts.next() else { return true };
        let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
        let (Some(authority), None) = (authority, hosts.next()) else {
            return false;
        };
        let host = authority.host().to_ascii_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let is_named = |page: &String| page.parse::<Uri>().is_ok_and(|page| page.host() == Some(&host));
        host == "localhost"
            || host.ends_with(".localhost")
            || address.parse::<std::net::IpAddr>().is_ok()
            || self.pages.iter().any(is_named)
    }
}

/// An origin as that of a page.
fn as_page(origin: &str) -> String {
    let origin = origin.trim_end_matches('/').to_ascii_lowercase();
    match origin.split_once("://") {
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        _ => origin,
    }
}

fn is_loopback(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(allowed: &[&str], origin: Option<&str>, host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().unwrap());
        }
        let allowed: Vec<String> = allowed.iter().map(|&origin| origin.to_owned()).collect();
        Origins::new(&allowed).allow(&headers)
    }

    #[test]
    fn no_origin_the_same_host_and_loopback_are_allowed() {
        assert!(allows(&[], None, "chat.example"));
        assert!(allows(&[], Some("https://chat.example"), "chat.example"));
        assert!(allows(&[], Some("http://chat.example:8080"), "chat.example:8080"));
        for local in [
            "http://localhost:5173",
            "http://127.0.0.1:1",
            "http://127.9.9.9",
            "http://[::1]:8080",
        ] {
            assert!(allows(&[], Some(local), "chat.example"), "{local}");
        }
    }

    #[test]
    fn a_socket_of_the_same_host_is_allowed_as_its_page_is() {
        for (origin, host) in [
            // As Starscream has it, the library of Socket.IO for Swift: it always names the port that it asks.
            ("wss://chat.example", "chat.example:443"),
            ("ws://chat.example", "chat.example:80"),
            ("wss://chat.example:8443", "chat.example:8443"),
            // As a proxy passes it on.
            ("wss://chat.example", "chat.example"),
            ("https://chat.example", "chat.example:443"),
            ("https://chat.example:443", "chat.example"),
            ("ws://127.0.0.1:3000", "127.0.0.1:3000"),
            ("wss://[2001:db8::1]:8443", "[2001:db8::1]:8443"),
        ] {
            assert!(allows(&[], Some(origin), host), "{origin} at {host}");
        }
        for (origin, host) in [
            ("wss://evil.example", "chat.example"),
            ("wss://chat.example:8443", "chat.example"),
            ("https://chat.example:8443", "chat.example"),
            ("wss://chat.example", "chat.example:80"),
            ("wsss://chat.example", "chat.example"),
            ("ftp://chat.example", "chat.example"),
            ("wss://chat.example@evil.example", "chat.example"),
            ("wss://chat.example", "chat.example, evil.example"),
        ] {
            assert!(!allows(&[], Some(origin), host), "{origin} at {host}");
        }
        let books = ["https://books.example"];
        assert!(allows(&books, Some("wss://books.example"), "chat.example"));
        assert!(!allows(&books, Some("ws://books.example"), "chat.example"));
    }

    #[test]
    fn at_a_loopback_address_no_name_of_somebody_else_is_answered_to() {
        let origins = Origins::new(&["https://books.example".to_owned()]).by_own_names(true);
        let answers = |hosts: &[&str], origin: Option<&str>| {
            let mut headers = HeaderMap::new();
            for host in hosts {
                headers.append(header::HOST, host.parse().unwrap());
            }
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, origin.parse().unwrap());
            }
            origins.allow(&headers)
        };
        for own in [
            "localhost:4600",
            "LOCALHOST",
            "chat.localhost:1",
            "127.0.0.1:4600",
            "[::1]:4600",
            "10.0.2.2:4600",
            "books.example",
        ] {
            assert!(answers(&[own], None), "{own}");
        }
        for foreign in [
            "evil.example:4600",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "a b",
        ] {
            assert!(!answers(&[foreign], None), "{foreign}");
            assert!(!answers(&[foreign], Some(&format!("http://{foreign}"))), "{foreign}");
            assert!(!answers(&["localhost", foreign], None), "{foreign}");
        }
        assert!(answers(&[], None));
    }

    #[test]
    fn others_are_allowed_by_name_alone() {
        for foreign in [
            "https://evil.example",
            "https://chat.example.evil.example",
            "null",
            "file://",
            "localhost",
            "https://localhost.evil.example",
            "http://127.0.0.1.evil.example",
        ] {
            assert!(!allows(&[], Some(foreign), "chat.example"), "{foreign}");
        }
        for named in ["null", "file://", "capacitor://localhost"] {
            assert!(allows(&[named], Some(named), "chat.example"), "{named}");
        }
        assert!(allows(
            &["https://Books.example/"],
            Some("https://books.example"),
            "chat.example"
        ));
        assert!(!allows(
            &["https://books.example"],
            Some("http://books.example"),
            "chat.example"
        ));
    }
}
