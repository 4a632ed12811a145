//! `/ws`: WebSocket text frames of JSON.

mod decoder;
mod reader;
mod serve;
#[cfg(test)]
mod tests;
mod wire;
mod writer;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use headers::{HeaderMapExt, SecWebsocketAccept, SecWebsocketKey};
use hyper::upgrade::OnUpgrade;
use readrealm_protocol::SUBPROTOCOL;
use tracing::{Instrument, Span, field};

use super::request_id::RequestId;
use crate::app::Shared;

/// `GET /ws`.
pub async fn upgrade(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    mut request: Request,
) -> Response {
    if !is_handshake(request.headers()) {
        return (
            StatusCode::UPGRADE_REQUIRED,
            [(header::UPGRADE, "websocket"), (header::SEC_WEBSOCKET_VERSION, "13")],
            "this is a WebSocket endpoint\n",
        )
            .into_response();
    }
    let Some(mut response) = switching(request.headers()) else {
        return (
            StatusCode::BAD_REQUEST,
            "Sec-WebSocket-Key must be 16 bytes in base64\n",
        )
            .into_response();
    };
    let Some(upgraded) = request.extensions_mut().remove::<OnUpgrade>() else {
        return (StatusCode::UPGRADE_REQUIRED, "this connection cannot be upgraded\n").into_response();
    };
    if shared.connections.shutdown.is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "this server is going away\n").into_response();
    }
    let admitted = match shared.admission.admit(address.ip()) {
        Ok(admitted) => admitted,
        Err(full) => {
            shared.connections.metrics.limited(full.limit());
            return full.into_response();
        }
    };
    let allowed = shared.origins.allow(request.headers());
    let subprotocol = offers_subprotocol(request.headers());
    let (span, tasks) = (connection_span(request.extensions()), shared.tasks.clone());
    let serving = async move {
        match upgraded.await {
            Ok(upgraded) => serve::serve(upgraded, allowed, admitted, &shared).await,
            Err(error) => tracing::debug!(%error, "an upgrade failed"),
        }
    };
    tasks.spawn(serving.instrument(span));
    if subprotocol {
        let headers = response.headers_mut();
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUBPROTOCOL));
    }
    response
}

/// The answer to a handshake; `None` where the request is not one, or its key is none.
pub(super) fn switching(headers: &HeaderMap) -> Option<Response> {
    let accept = is_handshake(headers).then(|| accept_key(headers)).flatten()?;
    let mut response = StatusCode::SWITCHING_PROTOCOLS.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.typed_insert(accept);
    Some(response)
}

/// What every log line of the connection carries: its number, and the name of the request that it began with.
pub(super) fn connection_span(extensions: &Extensions) -> Span {
    let id = extensions.get::<RequestId>().map(RequestId::as_str);
    tracing::info_span!("connection", id = field::Empty, request = id)
}

/// Whether a request asks for a WebSocket of version 13.
fn is_handshake(headers: &HeaderMap) -> bool {
    let names = |name, token: &str| {
        headers
            .get_all(name)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .any(|value| value.split(',').any(|part| part.trim().eq_ignore_ascii_case(token)))
    };
    names(header::CONNECTION, "upgrade")
        && names(header::UPGRADE, "websocket")
        && names(header::SEC_WEBSOCKET_VERSION, "13")
}

/// The answer to the one key of a handshake; `None` where it is not 16 bytes in base64 (RFC 6455, 4.2.1).
fn accept_key(headers: &HeaderMap) -> Option<SecWebsocketAccept> {
    let mut keys = headers.get_all(header::SEC_WEBSOCKET_KEY).iter();
    let (key, None) = (keys.next()?.as_bytes(), keys.next()) else {
        return None;
    };
    let in_alphabet = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let is_16_bytes = key.len() == 24
        && key[..22].iter().all(in_alphabet)
        // The last of them carries two bits.
        && matches!(key[21], b'A' | b'Q' | b'g' | b'w')
        && key.ends_with(b"==");
    is_16_bytes
        .then(|| headers.typed_get::<SecWebsocketKey>().map(Into::into))
        .flatten()
}

fn offers_subprotocol(headers: &HeaderMap) -> bool {
    let offers = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    offers
        .filter_map(|offer| offer.to_str().ok())
        .any(|offer| offer.split(',').any(|name| name.trim() == SUBPROTOCOL))
}
