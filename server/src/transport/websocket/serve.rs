//! A WebSocket from its handshake to its end.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use readrealm_protocol::CloseCode;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use super::reader::Reader;
use super::wire::{Own, Wire};
use super::writer::Writer;
use crate::app::Shared;
use crate::connection::{self, Close, End, Line, Terms};
use crate::metrics::Transport;
use crate::transport::admission::Admitted;
use crate::transport::linger::{LINGER, let_go};
use crate::transport::patience::Patient;

/// How long a slow consumer is listened to, which has the bytes under way to read before the close.
const SLOW_LINGER: Duration = Duration::from_secs(8);

/// Serves a socket that has been upgraded, until it is closed.
pub(super) async fn serve(upgraded: Upgraded, allowed: bool, admitted: Admitted, shared: &Shared) {
    let peer = admitted.address();
    // What served HTTP, its buffers and its clocks, is needed no more.
    match upgraded.downcast::<TokioIo<Patient<TcpStream>>>() {
        Ok(parts) => {
            let (reader, writer) = parts.io.into_inner().into_inner().into_split();
            let (reader, wire) = (Reader::new(reader, &parts.read_buf), Wire::new(writer));
            let line = Arc::clone(&wire) as Arc<dyn Line>;
            let writer = Writer::new(Own(Arc::clone(&wire)), Some(wire));
            drop(parts.read_buf);
            talk(reader, writer, Some(line), peer, allowed, shared).await;
        }
        // Encrypted: one task alone may write.
        Err(upgraded) => {
            let (reader, writer) = tokio::io::split(TokioIo::new(upgraded));
            let (reader, writer) = (Reader::new(reader, &[]), Writer::new(writer, None));
            Box::pin(talk(reader, writer, None, peer, allowed, shared)).await;
        }
    }
    drop(admitted);
}

async fn talk<R, W>(
    mut reader: Reader<R>,
    mut writer: Writer<W>,
    line: Option<Arc<dyn Line>>,
    peer: Option<IpAddr>,
    allowed: bool,
    shared: &Shared,
) where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    let metrics = &shared.connections.metrics;
    let open = metrics.open(Transport::WebSocket);
    let end = if allowed {
        let terms = Terms {
            line,
            peer,
            ..Terms::default()
        };
        connection::run_on(terms, &mut reader, &mut writer, Arc::clone(&shared.connections)).await
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
    let linger = if code == Some(CloseCode::SlowConsumer) {
        SLOW_LINGER
    } else {
        LINGER
    };
    let _ = tokio::time::timeout(linger, say_goodbye(reader, writer, end)).await;
}

/// Sends the close, or what answers the peer's, and lets the socket go.
pub(super) async fn say_goodbye<R, W>(mut reader: Reader<R>, mut writer: Writer<W>, end: End)
where
    R: AsyncRead + Unpin,
    W: AsyncWrite + Unpin,
{
    if let End::Closed(close) = end {
        let _ = writer.say_close(Some(close.code.get()), &close.reason).await;
        reader.closed().await;
    } else if let Some((code, reason)) = reader.farewell() {
        let _ = writer.say_close(code, reason).await;
    }
    let_go(reader.into_inner(), writer.into_inner()).await;
}
