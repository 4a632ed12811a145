//! How often an address may ask over plain HTTP: new connections have a pace, and over one that is open a thousand requests a second
//! would go else.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::admission::of_an_address;
use crate::config::Config;
use crate::connection::limits;
use crate::metrics::{Limit, Metrics};
use crate::pace::{AddressPaces, in_seconds};
use crate::seldom::seldom;

/// The budget of each address.
#[derive(Debug)]
pub struct Requests {
    paces: AddressPaces,
    /// Whether connections are clients' own.
    direct: bool,
    metrics: Arc<Metrics>,
}

impl Requests {
    /// As configured.
    pub fn new(config: &Config, metrics: Arc<Metrics>) -> Self {
        let (per_second, at_once) = of_an_address(config.limits.requests_per_second, &config.limits);
        Self {
            paces: AddressPaces::new(per_second, at_once),
            direct: config.trusted_proxies.is_empty(),
            metrics,
        }
    }

    fn refuse(&self, address: IpAddr, wait: Duration) -> Response {
        self.metrics.limited(Limit::Requests);
        seldom!(
            warn,
            %address,
            flag = "--requests-per-second",
            "an address asks more often than it may; if it is a proxy, name it by --trust-proxy; this is told once a minute"
        );
        let reply = limits::refused("this address asks", wait);
        let mut response = (StatusCode::TOO_MANY_REQUESTS, Json(reply)).into_response();
        let headers = response.headers_mut();
        headers.insert(header::RETRY_AFTER, in_seconds(wait).into());
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.direct {
            // A refusal costs hardly less than an answer, and a new connection has a pace. A proxy would open one for each.
            headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

/// Answers 429 where an address asks too often.
pub async fn paced(
    State(requests): State<Arc<Requests>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match requests.paces.take(address.ip()) {
        Ok(()) => next.run(request).await,
        Err(wait) => requests.refuse(address.ip(), wait),
    }
}
