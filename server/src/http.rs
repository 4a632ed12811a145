//! Plain HTTP: every route, and health.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};

use crate::app::Shared;
use crate::config::Config;
use crate::transport::{request_id, socketio, websocket};
use crate::{history, manage, metrics, page};

/// Every route of the server.
pub fn router(shared: Arc<Shared>, config: &Config, with_metrics: bool) -> Router {
    let socketio = socketio::routes(&shared);
    let router = health()
        .route("/ws", get(websocket::upgrade))
        .route(
            "/rooms/{book_id}/messages",
            get(history::messages).options(history::preflight),
        )
        .route(
            "/admin/revocations",
            get(manage::list).post(manage::revoke).delete(manage::lift),
        )
        .merge(if with_metrics { numbers() } else { Router::new() })
        .with_state(shared)
        .merge(socketio);
    let router = match &config.static_dir {
        Some(folder) => router.fallback_service(page::files(folder, config.content_security_policy.clone())),
        None => router,
    };
    router
        .layer(middleware::from_fn_with_state(config.tls_cert.is_some(), page::guard))
        .layer(middleware::from_fn(request_id::name))
}

/// The routes of an address for the monitoring alone.
pub fn operations(shared: Arc<Shared>) -> Router {
    let router = health().merge(numbers()).with_state(shared);
    router.layer(middleware::from_fn(request_id::name))
}

fn health() -> Router<Arc<Shared>> {
    Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
}

fn numbers() -> Router<Arc<Shared>> {
    Router::new().route("/metrics", get(read_metrics))
}

async fn read_metrics(State(shared): State<Arc<Shared>>) -> Response {
    let rendered = tokio::task::spawn_blocking(move || {
        let hub = &shared.connections.hub;
        let metrics = &shared.connections.metrics;
        metrics.rooms.set(i64::try_from(hub.len()).unwrap_or(i64::MAX));
        metrics.tail_following.set(hub.is_following().into());
        metrics.render()
    });
    match rendered.await {
        Ok(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// Whether traffic may be sent here: the log can be written, and what other nodes append to it is heard.
async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    match shared.connections.log.ready().await {
        Ok(()) if !shared.connections.hub.is_following() => {
            let message = "the tail of the event log is not followed\n";
            (StatusCode::SERVICE_UNAVAILABLE, message.to_owned())
        }
        Ok(()) if !shared.draining.is_cancelled() => (StatusCode::OK, "ready\n".to_owned()),
        Ok(()) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}
