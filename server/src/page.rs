//! The files of the page, and what browsers are told to keep to.

mod folder;

use std::path::Path;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header, uri::Authority};

use axum::middleware::{self, Next};
use axum::response::Response;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use folder::Folder;

/// For every answer: it is what it says it is, and its address is nobody else's business.
const EVERYWHERE: [(HeaderName, &str); 2] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
];

/// For the page: no other site's window may hold it, nor use its files.
const PAGE: [(&str, &str); 3] = [
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("x-frame-options", "DENY"),
];

/// A year of TLS alone, where it was TLS.
const TLS_ALONE: &str = "max-age=31536000";

/// The files in `folder`, by a policy of the operator's own; without one by the page's, and by an empty one by none. Names
/// below `assets/` change with their contents, so a browser need not ask for them again; for all else it asks. Whoever takes
/// gzip gets the `.gz` beside a file, where there is one: nothing is compressed here, which would cost more than all else that
/// a request does.
pub fn files(folder: &Path, policy: Option<HeaderValue>) -> Router {
    let below = |path: &Path| ServeDir::with_backend(path, Folder::new(folder)).precompressed_gzip();
    let page = Router::new()
        .fallback_service(below(folder))
        .layer(middleware::map_request(for_the_page));
    let from = |path: &Path| {
        below(path)
            .append_index_html_on_directories(true)
            .not_found_service(page.clone())
    };
    let unless_set = SetResponseHeaderLayer::if_not_present;
    let assets = Router::new()
        .fallback_service(from(&folder.join("assets")))
        .layer(SetResponseHeaderLayer::if_not_present(header::CACHE_CONTROL, for_ever));
    Router::new()
        .nest_service("/assets", assets)
        .fallback_service(from(folder))
        .layer(unless_set(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
        // On a 304, too, by which caches keep what they have.
        .layer(unless_set(header::VARY, HeaderValue::from_static("accept-encoding")))
        .layer(middleware::from_fn_with_state(policy, guard_page))
}

/// Whatever was asked for.
async fn for_the_page(mut request: Request) -> Request {
    *request.uri_mut() = Uri::from_static("/index.html");
    request
}

/// Not for what is not there: that may change.
fn for_ever(response: &Response) -> Option<HeaderValue> {
    let found = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    found.then(|| HeaderValue::from_static("public, max-age=31536000, immutable"))
}

/// Adds what every answer carries.
pub async fn guard(State(encrypted): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    for (name, value) in EVERYWHERE {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    if encrypted {
        let alone = HeaderValue::from_static(TLS_ALONE);
        response.headers_mut().insert(header::STRICT_TRANSPORT_SECURITY, alone);
    }
    response
}

async fn guard_page(State(policy): State<Option<HeaderValue>>, request: Request, next: Next) -> Response {
    let policy = policy.or_else(|| HeaderValue::try_from(policy_of(request.headers())).ok());
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in PAGE {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if let Some(policy) = policy.filter(|policy| !policy.is_empty()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    response
}

/// Its own files, WebAssembly, and the chat of the same host: no script in the page itself, no other site, no frame.
/// `'self'` is the socket too, but in older Safaris; so the host that was asked is named.
fn policy_of(headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.filter(|host| host.parse::<Authority>().is_ok_and(|named| is_host(named.as_str())));
    let sockets = host.map_or_else(String::new, |host| format!(" ws://{host} wss://{host}"));
    format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         manifest-src 'self'; connect-src 'self'{sockets}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}

/// Whether a name can stand in a policy, which `;` and `,` would end, and `*` make another's.
fn is_host(name: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b':' | b'[' | b']');
    !name.is_empty() && name.bytes().all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(host: &str) -> String {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        policy_of(&headers)
    }

    #[test]
    fn the_socket_of_the_host_that_was_asked_is_allowed_and_no_other() {
        for host in ["chat.example", "chat.example:8080", "127.0.0.1:3000", "[::1]:3000"] {
            let allowed = format!("connect-src 'self' ws://{host} wss://{host};");
            assert!(policy(host).contains(&allowed), "{}", policy(host));
        }
        for host in ["", "*", "a;script-src *", "a,b", "a b", "user@a", "*.example"] {
            assert!(policy(host).contains("connect-src 'self';"), "{host}: {}", policy(host));
        }
    }
}
