//! Plain HTTP: health, reading a room's history, and the files of the page.

use std::path::Path;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use tower_http::compression::CompressionLayer;
use tower_http::services::{ServeDir, ServeFile};
use tower_http::set_header::SetResponseHeaderLayer;

use crate::app::Shared;
use crate::transport::websocket;
use crate::{history, manage};

/// Every route of the server.
pub fn router(shared: Arc<Shared>, static_dir: Option<&Path>) -> Router {
    let router = Router::new()
        .route("/ws", get(websocket::upgrade))
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route(
            "/rooms/{book_id}/messages",
            get(history::messages).options(history::preflight),
        )
        .route(
            "/admin/revocations",
            get(manage::list).post(manage::revoke).delete(manage::lift),
        )
        .with_state(shared);
    match static_dir {
        Some(folder) => router.fallback_service(files(folder)),
        None => router,
    }
}

/// Whether traffic may be sent here: the log can be written, and what other nodes append to it is heard.
async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    match shared.connections.log.ready().await {
        Ok(()) if !shared.connections.hub.is_following() => {
            let message = "the tail of the event log is not followed\n";
            (StatusCode::SERVICE_UNAVAILABLE, message.to_owned())
        }
        Ok(()) if !shared.connections.shutdown.is_cancelled() => (StatusCode::OK, "ready\n".to_owned()),
        Ok(()) => (StatusCode::SERVICE_UNAVAILABLE, "shutting down\n".to_owned()),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("{error}\n")),
    }
}

fn files(folder: &Path) -> Router {
    let page = ServeFile::new(folder.join("index.html"));
    let no_sniff =
        SetResponseHeaderLayer::if_not_present(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    Router::new()
        .fallback_service(
            ServeDir::new(folder)
                .append_index_html_on_directories(true)
                .not_found_service(page),
        )
        .layer(CompressionLayer::new())
        .layer(no_sniff)
}
