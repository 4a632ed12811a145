//! Which pages may connect: a browser names the page's origin, and anything that is no browser names none.

use axum::http::{HeaderMap, Uri, header};

/// The origins that are allowed beside the ones that always are.
#[derive(Debug, Clone, Default)]
pub struct Origins(Vec<String>);

impl Origins {
    /// Allows these as well.
    pub fn new(allowed: &[String]) -> Self {
        Self(
            allowed
                .iter()
                .map(|origin| origin.trim_end_matches('/').to_ascii_lowercase())
                .collect(),
        )
    }

    /// Whether a request with these headers may be served: without an origin, from the host that is asked, from
    /// localhost or a loopback address on any port, or from one that was allowed.
    pub fn allow(&self, headers: &HeaderMap) -> bool {
        let mut origins = headers.get_all(header::ORIGIN).iter();
        let Some(origin) = origins.next() else { return true };
        let (Ok(origin), None) = (origin.to_str(), origins.next()) else {
            return false;
        };
        let origin = origin.to_ascii_lowercase();
        if self.0.contains(&origin) {
            return true;
        }
        let Ok(uri) = origin.parse::<Uri>() else { return false };
        let (Some(authority), Some("http" | "https")) = (uri.authority(), uri.scheme_str()) else {
            return false;
        };
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let same_host = host.is_some_and(|host| host.eq_ignore_ascii_case(authority.as_str()));
        same_host || is_loopback(authority.host())
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
