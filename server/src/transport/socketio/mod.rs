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
mod entrance;
mod http;
mod impatient;
mod lifeline;
mod noop;
mod packet;
mod posts;
mod reader;
mod requests;
mod session;
mod silence;
mod wire;
mod words;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use engineioxide::service::EngineIoService;
use hyper::service::Service;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::linger::Lingering;
use super::websocket::switching;
use crate::app::Shared;
use engine::Handler;
use http::{PREFLIGHT, bare, parameter, readable, refuse};
use lifeline::{Lifeline, Opening, Purpose};
use wire::Wire;

/// Where it is served; clients append a slash.
const PATH: &str = "/socket.io";

#[derive(Debug, Clone)]
struct SocketIo {
    shared: Arc<Shared>,
    handler: Arc<Handler>,
    engine: EngineIoService<Handler>,
}

/// Its routes.
pub fn routes(shared: &Arc<Shared>) -> Router {
    let config = engine::config(PATH, &shared.connections.limits);
    let handler = Arc::new(Handler::new(shared));
    let state = SocketIo {
        shared: Arc::clone(shared),
        handler: Arc::clone(&handler),
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
    request: Request,
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
    } else if !matches!(parameter(request.uri(), "EIO"), Some("3" | "4")) {
        let message =
            "Unsupported protocol version: this server speaks Engine.IO 4 and 3 (socket.io-client 2 and later)";
        refuse(StatusCode::BAD_REQUEST, 5, message)
    } else if parameter(request.uri(), "sid").is_some() {
        go_on(&state, request).await
    } else {
        begin(&state, address, request).await.unwrap_or_else(|refused| *refused)
    };
    readable(response, origin)
}

/// A request without a session opens one, where there is room for another connection.
async fn begin(state: &SocketIo, address: SocketAddr, request: Request) -> Result<Response, Box<Response>> {
    let shared = &state.shared;
    let is_socket = match parameter(request.uri(), "transport") {
        Some("websocket") => true,
        Some("polling") => false,
        _ => return Ok(refuse(StatusCode::BAD_REQUEST, 0, "Transport unknown")),
    };
    if shared.connections.shutdown.is_cancelled() {
        let response = refuse(StatusCode::SERVICE_UNAVAILABLE, 3, "this server is going away");
        return Err(Box::new(response));
    }
    let admitted = shared.admission.admit(address.ip()).map_err(|full| {
        let (status, wait, sentence) = full.answer();
        shared.connections.metrics.limited(full.limit());
        let mut response = refuse(status, 3, sentence);
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
        Box::new(response)
    })?;
    // Clients of version 2 show it so.
    let token = parameter(request.uri(), "token").filter(|_| parameter(request.uri(), "EIO") == Some("3"));
    let opening = Arc::new(Opening::new(admitted, token));
    Ok(if is_socket {
        upgrade(state, request, Purpose::Opening(opening))
    } else {
        let mut bare = bare(&request).map(|()| Body::empty());
        bare.extensions_mut().insert(opening);
        ask(state, bare).await
    })
}

/// A request of a session.
async fn go_on(state: &SocketIo, request: Request) -> Response {
    let named = parameter(request.uri(), "sid").and_then(|sid| state.handler.sessions.find(sid));
    if let Some(socket) = &named {
        socket.data.heard();
    }
    if parameter(request.uri(), "transport") != Some("websocket") {
        return ask(state, request).await;
    }
    match named {
        None => refuse(StatusCode::BAD_REQUEST, 1, "Session ID unknown"),
        Some(socket) => upgrade(state, request, Purpose::Probe(Arc::downgrade(&socket))),
    }
}

async fn ask(state: &SocketIo, request: Request) -> Response {
    match state.engine.call(request).await {
        Ok(response) => response.into_response(),
        Err(never) => match never {},
    }
}

/// The handshake is answered here and not by the engine, which would wait for ever for a peer that takes nothing.
fn upgrade(state: &SocketIo, mut request: Request, purpose: Purpose) -> Response {
    let switching = switching(request.headers()).filter(|_| request.method() == Method::GET);
    let Some(response) = switching else {
        return refuse(StatusCode::BAD_REQUEST, 3, "this is no WebSocket handshake");
    };
    let Some(upgraded) = request.extensions_mut().remove::<OnUpgrade>() else {
        return refuse(StatusCode::BAD_REQUEST, 3, "this connection cannot be upgraded");
    };
    let (engine, tasks) = (state.engine.clone(), state.shared.tasks.clone());
    let patience = state.shared.connections.limits.idle_timeout;
    let mut bare = bare(&request);
    match &purpose {
        Purpose::Opening(opening) => drop(bare.extensions_mut().insert(Arc::clone(opening))),
        Purpose::Probe(socket) => {
            if socket.upgrade().is_none_or(|socket| socket.data.probe(true)) {
                return refuse(StatusCode::BAD_REQUEST, 3, "this session has a WebSocket");
            }
        }
    }
    tokio::spawn(async move {
        match upgraded.await {
            Ok(upgraded) => {
                let socket = Lingering::new(TokioIo::new(upgraded), purpose.opening(), tasks);
                let socket = Wire::new(socket, patience, Lifeline(purpose));
                if let Err(error) = engine.call((socket, bare)).await {
                    tracing::debug!(%error, "not a session of the engine");
                }
            }
            Err(error) => {
                // The engine knows of none.
                if let Purpose::Probe(socket) = purpose
                    && let Some(socket) = socket.upgrade()
                {
                    socket.data.probe(false);
                }
                tracing::debug!(%error, "an upgrade failed");
            }
        }
    });
    response
}
