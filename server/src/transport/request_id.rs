//! The name of an HTTP request. It stands in every log line of the request and of the connection that comes of it, and in the
//! answer, so that what a client or a proxy saw can be found.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::Response;
use tracing::Instrument;

/// Where the name stands in a request that has one, and in its answer.
pub const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of a name that is taken over. A longer one may be meant to fill the log.
const CHARS: usize = 64;

/// Bytes of a path that are written to the log.
const PATH: usize = 128;

/// The name of one request.
#[derive(Debug, Clone)]
pub struct RequestId(HeaderValue);

impl RequestId {
    /// The one that whoever asks has given it, where it is one; else a new one.
    fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(HEADER).filter(|given| {
            let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.".contains(byte);
            (1..=CHARS).contains(&given.len()) && given.as_bytes().iter().all(allowed)
        });
        Self(given.cloned().unwrap_or_else(|| {
            let name = format!("{:016x}", rand::random::<u64>());
            HeaderValue::from_str(&name).unwrap_or_else(|_| HeaderValue::from_static("-"))
        }))
    }

    /// The name itself.
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or("-")
    }
}

/// Names each request, its log lines and its answer. Its query is not written to the log.
pub async fn name(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let path = request.uri().path();
    let span = tracing::info_span!(
        "request",
        id = id.as_str(),
        method = request.method().as_str(),
        path = &path[..path.floor_char_boundary(PATH)],
    );
    request.extensions_mut().insert(id.clone());
    let answering = async {
        let response = next.run(request).await;
        tracing::debug!(status = response.status().as_u16(), "answered");
        response
    };
    let mut response = answering.instrument(span).await;
    response.headers_mut().insert(HEADER, id.0);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(given: Option<&'static [u8]>) -> String {
        let mut headers = HeaderMap::new();
        if let Some(given) = given {
            headers.insert(HEADER, HeaderValue::from_bytes(given).unwrap());
        }
        RequestId::of(&headers).as_str().to_owned()
    }

    #[test]
    fn a_name_that_is_one_is_taken_over() {
        assert_eq!(named(Some(b"01J-abc_9.x")), "01J-abc_9.x");
    }

    #[test]
    fn anything_else_is_replaced_and_no_two_are_alike() {
        const LONG: &[u8] = &[b'a'; CHARS + 1];
        for given in [
            None,
            Some(&b""[..]),
            Some(b"a b"),
            Some(b"\"}"),
            Some(b"\xFFx"),
            Some(LONG),
        ] {
            let name = named(given);
            assert!(
                name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{name}"
            );
        }
        assert_ne!(named(None), named(None));
    }
}
