//! Plain HTTP: health, reading a room's history, and the files of the page.

use std::path::Path;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};
use tower_http::compression::CompressionLayer;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::Shared;
use crate::transport::{request_id, socketio, websocket};
use crate::{history, manage, metrics};

/// Every route of the server.
pub fn router(shared: Arc<Shared>, static_dir: Option<&Path>, with_metrics: bool) -> Router {
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
    let router = match static_dir {
        Some(folder) => router.fallback_service(files(folder)),
        None => router,
    };
    router.layer(middleware::from_fn(request_id::name))
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

/// Names below `assets/` change with their contents, so a browser need not ask for them again; for all else it asks.
fn files(folder: &Path) -> Router {
    let page = ServeFile::new(folder.join("index.html"));
    let from = |folder: &Path| {
        ServeDir::new(folder)
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
        .layer(CompressionLayer::new())
        .layer(unless_set(
            header::X_CONTENT_TYPE_OPTIONS,
            HeaderValue::from_static("nosniff"),
        ))
        .layer(unless_set(header::CACHE_CONTROL, HeaderValue::from_static("no-cache")))
}

/// Not for what is not there: that may change.
fn for_ever(response: &Response) -> Option<HeaderValue> {
    let found = response.status().is_success() || response.status() == StatusCode::NOT_MODIFIED;
    found.then(|| HeaderValue::from_static("public, max-age=31536000, immutable"))
}
