//! Plain HTTP: every route, and health.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Router, middleware};

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::app::Shared;
use crate::config::Config;
use crate::log::EventLog;
use crate::seldom::seldom;
use crate::transport::{admission, host, plain, request_id, socketio, websocket};
use crate::{history, manage, metrics, page};

/// The answer to a method that is not taken.
const NOT_ASKED_SO: (StatusCode, [(header::HeaderName, &str); 1]) =
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")]);

/// How long it is told again whether the log can be written.
const FRESH: Duration = Duration::from_secs(1);

/// Whoever does not hear for longer what is revoked is to be sent nobody new. Long enough that a database that is slow for a while, which is
/// slow for all nodes, does not take all of them away.
const HEARD: Duration = Duration::from_secs(30);

/// Every route of the server.
pub fn router(shared: Arc<Shared>, config: &Config, with_metrics: bool) -> Router {
    let socketio = socketio::routes(&shared);
    let requests = plain::Requests::new(config, Arc::clone(&shared.connections.metrics));
    let paced = middleware::from_fn_with_state(Arc::new(requests), plain::paced);
    let rooms = Router::new()
        .route(
            "/rooms/{book_id}/messages",
            get(history::messages).options(|| async { history::PREFLIGHT }),
        )
        .route_layer(paced.clone())
        .route_layer(middleware::from_fn_with_state(Arc::clone(&shared), history::to_pages));
    let all_else = match &config.static_dir {
        Some(folder) => page::files(folder, config.content_security_policy.clone()),
        None => Router::new(),
    };
    let numbers = if with_metrics {
        numbers().route_layer(paced.clone())
    } else {
        Router::new()
    };
    // Probes are not to fail as others ask, nor is the operator to be kept from revoking; who guesses the secret is slowed there.
    health()
        // A handshake is a GET (RFC 6455, 4.1).
        .route("/ws", get(websocket::upgrade).head(|| async { NOT_ASKED_SO }))
        .route(
            "/admin/revocations",
            get(manage::list).post(manage::revoke).delete(manage::lift),
        )
        .merge(rooms)
        .merge(numbers)
        .with_state(shared)
        .merge(socketio)
        .fallback_service(all_else.layer(paced))
        .layer(middleware::from_fn(host::one))
        .layer(middleware::from_fn_with_state(config.tls_cert.is_some(), page::guard))
        .layer(middleware::from_fn(request_id::name))
}

/// What answers those that come too fast.
pub fn too_fast() -> Router {
    let router = Router::new().fallback(admission::told_so);
    let router = router.layer(middleware::from_fn_with_state(false, page::guard));
    router.layer(middleware::from_fn(request_id::name))
}

/// The routes of an address for the monitoring alone.
pub fn operations(shared: Arc<Shared>) -> Router {
    let router = health().merge(numbers()).with_state(shared);
    let router = router.layer(middleware::from_fn(host::one));
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

/// Whether traffic may be sent here: the log can be written, what other nodes append to it is heard, and what is revoked is known.
async fn ready(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let not_ready = |why| (StatusCode::SERVICE_UNAVAILABLE, why);
    if shared.draining.is_cancelled() {
        not_ready("shutting down\n")
    } else if !shared.readiness.is_writable(&shared.connections.log).await {
        not_ready("the event log cannot be written; the server's log says why\n")
    } else if !shared.connections.hub.is_following() {
        not_ready("the tail of the event log is not followed\n")
    } else if shared.connections.metrics.revocations_age() > HEARD {
        not_ready("what is revoked is not heard; the server's log says why\n")
    } else {
        (StatusCode::OK, "ready\n")
    }
}

/// Asks the log whether it can be written: once for all who want to know, and again after a second at the earliest.
#[derive(Debug, Default)]
pub struct Readiness(Arc<Mutex<Option<(Instant, bool)>>>);

impl Readiness {
    async fn is_writable(&self, log: &Arc<dyn EventLog>) -> bool {
        let mut known = Arc::clone(&self.0).lock_owned().await;
        if let Some((at, is_writable)) = *known
            && at.elapsed() < FRESH
        {
            return is_writable;
        }
        let log = Arc::clone(log);
        // A task of its own: who goes away meanwhile makes nobody begin anew.
        let asked = tokio::spawn(async move {
            let ready = log.ready().await;
            if let Err(error) = &ready {
                seldom!(warn, %error, "not ready: the event log cannot be written; this is told once a minute");
            }
            *known = Some((Instant::now(), ready.is_ok()));
            ready.is_ok()
        });
        asked.await.unwrap_or(false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::memory::MemoryLog;

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_kept_for_a_second_and_no_longer() {
        let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
        let readiness = Readiness::default();
        assert!(readiness.is_writable(&log).await);
        let known = |answer| *readiness.0.try_lock().unwrap() = Some((Instant::now(), answer));
        known(false);
        tokio::time::advance(FRESH / 2).await;
        assert!(!readiness.is_writable(&log).await, "what is known is told");
        tokio::time::advance(FRESH / 2).await;
        assert!(readiness.is_writable(&log).await, "it is asked again");
    }
}
