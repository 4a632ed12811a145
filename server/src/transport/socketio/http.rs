//! What of a request is looked at and kept, and how it is answered where the engine does not.

use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};

use super::PATH;
use crate::transport::request_id::RequestId;

/// What a page may send along, and for how long its browser need not ask again, in seconds.
pub(super) const PREFLIGHT: [(header::HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    (header::ACCESS_CONTROL_MAX_AGE, "600"),
];

/// What a page may read of an answer besides.
const EXPOSED: HeaderValue = HeaderValue::from_static("retry-after, x-request-id");

/// What the engine reads of a request. It keeps it as long as the session lasts: headers and what else a client writes
/// would take memory, and hold what is secret.
pub(super) fn bare(request: &Request) -> Request<()> {
    const READ: [&str; 4] = ["EIO", "transport", "sid", "b64"];
    const LONGEST: usize = 16;
    let values = READ.map(|name| {
        let value = parameter(request.uri(), name).filter(|value| value.len() <= LONGEST)?;
        Some(format!("{name}={value}"))
    });
    let query = values.into_iter().flatten().collect::<Vec<_>>().join("&");
    let mut bare = Request::new(());
    *bare.method_mut() = request.method().clone();
    *bare.uri_mut() = format!("{PATH}/?{query}").parse().unwrap_or_default();
    if let Some(id) = request.extensions().get::<RequestId>() {
        bare.extensions_mut().insert(id.clone());
    }
    bare
}

/// What the query of a request says, where it needs no decoding.
pub(super) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let parts = uri.query().unwrap_or_default().split('&');
    parts
        .filter_map(|part| part.split_once('='))
        .find_map(|(known, value)| (known == name).then_some(value))
}

/// As the engine refuses: a number that says little, and a sentence.
pub(super) fn refuse(status: StatusCode, code: u8, message: &str) -> Response {
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Lets the page that asked read the answer, with the cookie of a load balancer that keeps it on this node.
pub(super) fn readable(mut response: Response, origin: Option<HeaderValue>) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    #[test]
    fn nothing_a_client_writes_is_kept_but_what_the_engine_reads() {
        let uri = "/socket.io/?t=abc&EIO=3&token=secret&transport=websocket&b64=1&sid=AAAAAAAAAAAAAAAA&more=x";
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = uri.parse().unwrap();
        request
            .headers_mut()
            .insert(header::AUTHORIZATION, HeaderValue::from_static("secret"));
        let kept = bare(&request);
        assert!(kept.headers().is_empty());
        let query = kept.uri().query().unwrap();
        assert_eq!(query, "EIO=3&transport=websocket&sid=AAAAAAAAAAAAAAAA&b64=1");
        *request.uri_mut() = format!("/socket.io/?EIO=4&transport=polling&b64={}", "1".repeat(10_000))
            .parse()
            .unwrap();
        assert_eq!(bare(&request).uri().query(), Some("EIO=4&transport=polling"));
    }
}
