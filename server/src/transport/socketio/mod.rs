//! `/socket.io/`: the events of ReadRealm's apps, over WebSocket and long-polling.
//!
//! ```text
//! engine -> packets -> requests -> the same connection as /ws -> words -> writer -> engine
//! ```
//!
//! The engine (long-polling, upgrades, heartbeats) is that of socketioxide; the packets on it are read and written here,
//! in their order and encoded once for a room. See docs/adr/0009.

mod asked;
mod engine;
mod impatient;
mod packet;
mod reader;
mod requests;
mod session;
mod words;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use engineioxide::service::EngineIoService;
use hyper::service::Service;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::admission::Full;
use super::websocket::switching;
use crate::app::Shared;
use crate::metrics::Limit;
use engine::Handler;
use impatient::Impatient;

/// Where it is served; clients append a slash.
const PATH: &str = "/socket.io";

/// What a page may send along, and for how long its browser need not ask again, in seconds.
const PREFLIGHT: [(header::HeaderName, &str); 3] = [
    (header::ACCESS_CONTROL_ALLOW_METHODS, "GET, POST"),
    (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization, content-type"),
    (header::ACCESS_CONTROL_MAX_AGE, "600"),
];

#[derive(Debug, Clone)]
struct SocketIo {
    shared: Arc<Shared>,
    engine: EngineIoService<Handler>,
}

/// Its routes.
pub fn routes(shared: &Arc<Shared>) -> Router {
    let config = engine::config(PATH, &shared.connections.limits);
    let handler = Arc::new(Handler(Arc::downgrade(shared)));
    let state = SocketIo {
        shared: Arc::clone(shared),
        engine: EngineIoService::with_config(handler, config),
    };
    Router::new()
        .route(PATH, any(serve))
        .route("/socket.io/", any(serve))
        .with_state(state)
}

async fn serve(
    State(state): State<SocketIo>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    if !state.shared.origins.allow(request.headers()) {
        return refuse(
            StatusCode::FORBIDDEN,
            4,
            "pages of this origin may not connect; see --allow-origin",
        );
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let response = if request.method() == Method::OPTIONS {
        (StatusCode::NO_CONTENT, PREFLIGHT).into_response()
    } else if let Err(refused) = open(&state.shared, address, &mut request) {
        *refused
    } else if parameter(request.uri(), "transport") == Some("websocket") {
        upgrade(&state, request)
    } else {
        match state.engine.call(request).await {
            Ok(response) => response.into_response(),
            Err(never) => match never {},
        }
    };
    readable(response, origin)
}

/// A request without a session opens one, where there is room for another connection.
fn open(shared: &Shared, address: SocketAddr, request: &mut Request) -> Result<(), Box<Response>> {
    if !matches!(parameter(request.uri(), "EIO"), Some("3" | "4")) {
        let message =
            "Unsupported protocol version: this server speaks Engine.IO 4 and 3 (socket.io-client 2 and later)";
        return Err(Box::new(refuse(StatusCode::BAD_REQUEST, 5, message)));
    }
    if parameter(request.uri(), "sid").is_some() {
        return Ok(());
    }
    if shared.connections.shutdown.is_cancelled() {
        let response = refuse(StatusCode::SERVICE_UNAVAILABLE, 3, "this server is going away");
        return Err(Box::new(response));
    }
    let admitted = shared.admission.admit(address.ip()).map_err(|full| {
        let (limit, status, message) = match full {
            Full::Server => (
                Limit::Connections,
                StatusCode::SERVICE_UNAVAILABLE,
                "this server has as many connections as it may have",
            ),
            Full::Address => (
                Limit::ConnectionsPerAddress,
                StatusCode::TOO_MANY_REQUESTS,
                "this address has as many connections as it may have",
            ),
        };
        shared.connections.metrics.limited(limit);
        let mut response = refuse(status, 3, message);
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("10"));
        Box::new(response)
    })?;
    // The session keeps the request that opened it, and so its place, as long as it lasts.
    request.extensions_mut().insert(Arc::new(admitted));
    Ok(())
}

/// The handshake is answered here and not by the engine, which would wait for ever for a peer that takes nothing.
fn upgrade(state: &SocketIo, mut request: Request) -> Response {
    let Some(response) = switching(request.headers()) else {
        return refuse(StatusCode::BAD_REQUEST, 3, "this is no WebSocket handshake");
    };
    let Some(upgraded) = request.extensions_mut().remove::<OnUpgrade>() else {
        return refuse(StatusCode::BAD_REQUEST, 3, "this connection cannot be upgraded");
    };
    let (engine, patience) = (state.engine.clone(), state.shared.connections.limits.idle_timeout);
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => {
                let socket = Impatient::new(TokioIo::new(upgraded), patience);
                if let Err(error) = engine.call((socket, request.map(drop))).await {
                    tracing::debug!(%error, "not a session of the engine");
                }
            }
            Err(error) => tracing::debug!(%error, "an upgrade failed"),
        }
    });
    response
}

/// What the query of a request says, where it needs no decoding.
fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let parts = uri.query().unwrap_or_default().split('&');
    parts
        .filter_map(|part| part.split_once('='))
        .find_map(|(known, value)| (known == name).then_some(value))
}

/// As the engine refuses: a number that says little, and a sentence.
fn refuse(status: StatusCode, code: u8, message: &str) -> Response {
    let body = serde_json::json!({ "code": code, "message": message }).to_string();
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Lets the page that asked read the answer, with the cookie of a load balancer that keeps it on this node.
fn readable(mut response: Response, origin: Option<HeaderValue>) -> Response {
    let headers: &mut HeaderMap = response.headers_mut();
    headers.insert(header::VARY, HeaderValue::from_static("origin"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(
            header::ACCESS_CONTROL_ALLOW_CREDENTIALS,
            HeaderValue::from_static("true"),
        );
    }
    response
}
