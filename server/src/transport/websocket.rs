//! `/ws`: WebSocket text frames of JSON.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Request, State};
use axum::http::{Extensions, HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use futures_util::{SinkExt, StreamExt, future};
use headers::{HeaderMapExt, SecWebsocketAccept, SecWebsocketKey};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use readrealm_protocol::limits::FRAME_BYTES;
use readrealm_protocol::{CloseCode, SUBPROTOCOL, codec};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_websockets::{Error, Limits, Message, ServerBuilder, WebSocketStream};
use tracing::{Instrument, Span, field};

use super::admission::{Admitted, Full};
use super::request_id::RequestId;
use crate::app::Shared;
use crate::connection::{self, Close, End, Inbound, Outbound};
use crate::metrics::Transport;

/// How long a closing connection is listened to, so that its last word is read before the socket goes.
const LINGER: Duration = Duration::from_secs(2);

/// The same for a slow consumer, which has the bytes under way to read before the close.
const SLOW_LINGER: Duration = Duration::from_secs(8);

/// Bytes a closing connection is listened to.
const LINGER_BYTES: u64 = 4 * 1024 * 1024;

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
            return refuse(full);
        }
    };
    let allowed = shared.origins.allow(request.headers());
    let subprotocol = offers_subprotocol(request.headers());
    let (span, tasks) = (connection_span(request.extensions()), shared.tasks.clone());
    let serving = async move {
        match upgraded.await {
            Ok(upgraded) => serve(TokioIo::new(upgraded), allowed, admitted, &shared).await,
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

fn refuse(full: Full) -> Response {
    let (status, wait, sentence) = full.answer();
    (
        status,
        [(header::RETRY_AFTER, wait.to_string())],
        format!("{sentence}\n"),
    )
        .into_response()
}

async fn serve<S>(socket: S, allowed: bool, admitted: Admitted, shared: &Shared)
where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let metrics = &shared.connections.metrics;
    let open = metrics.open(Transport::WebSocket);
    let limits = Limits::default().max_payload_len(Some(FRAME_BYTES));
    let mut socket = ServerBuilder::new().limits(limits).serve(socket);
    let end = if allowed {
        let (writer, reader) = (&mut socket).split();
        let reader = reader
            .map(inbound)
            .take_while(|inbound| future::ready(inbound.is_some()))
            .filter_map(future::ready);
        let writer = writer.with(|outbound| future::ready(Ok::<_, Error>(message(outbound))));
        connection::run(reader, writer, Arc::clone(&shared.connections)).await
    } else {
        // A browser shows a refused handshake to nobody; a close code it does.
        End::Closed(Close::new(
            CloseCode::OriginRefused,
            "pages of this origin may not connect; see --allow-origin",
        ))
    };
    let code = match &end {
        End::Closed(close) => Some(close.code),
        End::Gone => None,
    };
    metrics.closed(code);
    tracing::debug!(code = code.map(CloseCode::get), "the connection ended");
    drop(open);
    let (close, linger) = match end {
        End::Closed(close) if close.code == CloseCode::SlowConsumer => (Some(close), SLOW_LINGER),
        End::Closed(close) => (Some(close), LINGER),
        End::Gone => (None, LINGER),
    };
    let _ = tokio::time::timeout(linger, say_goodbye(socket, close)).await;
    drop(admitted);
}

/// What the peer sent; `None` ends the connection.
fn inbound(received: Result<Message, Error>) -> Option<Inbound> {
    let fatal = |code, reason: &str| Some(Inbound::Fatal(Close::new(code, reason)));
    match received {
        Ok(message) if message.is_text() => {
            // The transport has checked that it is UTF-8.
            Some(Inbound::Frame(codec::decode_client(
                message.as_text().unwrap_or_default(),
            )))
        }
        Ok(message) if message.is_binary() => fatal(CloseCode::BadProtocol, "frames are text, not binary"),
        Ok(message) if message.is_close() => None,
        Ok(_) => Some(Inbound::Alive),
        Err(Error::PayloadTooLong { .. }) => fatal(CloseCode::TooLarge, "a frame may have 65536 bytes"),
        Err(_) => None,
    }
}

fn message(outbound: Outbound) -> Message {
    match outbound {
        Outbound::Frame(frame) => Message::text(frame.bytes().clone()),
        Outbound::Ping => Message::ping(""),
    }
}

/// Sends the close, or what answers the peer's, then reads on for a while: a socket closed with unread bytes resets the
/// connection, and the peer would never see why.
async fn say_goodbye<S>(mut socket: WebSocketStream<S>, close: Option<Close>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    if let Some(close) = close {
        let code = tokio_websockets::CloseCode::try_from(close.code.get()).ok();
        // Where the transport found the fault itself, its own close waits to be sent.
        let _ = socket.send(Message::close(code, &close.reason)).await;
        while let Some(Ok(_)) = socket.next().await {}
    } else {
        let _ = socket.flush().await;
    }
    let mut socket = socket.into_inner();
    // The server closes first (RFC 6455, 7.1.1): a client that has our close is waiting for just this.
    let _ = socket.shutdown().await;
    let mut rest = socket.take(LINGER_BYTES);
    let _ = tokio::io::copy(&mut rest, &mut tokio::io::sink()).await;
}
