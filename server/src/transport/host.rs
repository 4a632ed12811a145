//! Which host a request is for: it says so once. With two, whoever compares the first of them and whoever compares the last would not
//! speak of the same (RFC 9112, 3.2).

use axum::extract::Request;
use axum::http::{StatusCode, Version, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

/// Answers 400 where a request names two hosts, or of HTTP/1.1 none.
pub async fn one(request: Request, next: Next) -> Response {
    let hosts = request.headers().get_all(header::HOST).iter().count();
    if hosts == 1 || (hosts == 0 && request.version() != Version::HTTP_11) {
        return next.run(request).await;
    }
    let close = [(header::CONNECTION, "close")];
    (StatusCode::BAD_REQUEST, close, "one Host header is needed\n").into_response()
}
