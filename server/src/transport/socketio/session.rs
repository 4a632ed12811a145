//! One connection of Socket.IO, from its first packet to its last.

use std::sync::Arc;
use std::time::Duration;

use engineioxide::{DisconnectReason, Socket, Str, TransportType};
use readrealm_protocol::{CloseCode, ErrorCode};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::asked::Asked;
use super::engine::{Item, Link};
use super::entrance::{authenticate, enter};
use super::lifeline::Opening;
use super::reader::{Packets, Reader};
use super::writer::{Writer, say_in_turn, taken};
use super::{packet, words};
use crate::app::Shared;
use crate::connection::{self, End, Terms};
use crate::metrics::Transport;

/// How long a client is given to take the last words.
const LINGER: Duration = Duration::from_secs(2);

/// Serves a connection until it ends.
pub(super) async fn serve(socket: Arc<Socket<Link>>, packets: mpsc::Receiver<Item>, shared: Arc<Shared>) {
    let mut packets = Packets::new(packets, Arc::clone(&socket));
    let services = Arc::clone(&shared.connections);
    let metrics = &shared.connections.metrics;
    let open = metrics.open(Transport::SocketIo);
    let entrance = match enter(&mut packets, &services).await {
        Ok(entrance) => entrance,
        Err(code) => {
            metrics.closed(code);
            packets.taken(LINGER).await;
            return close(&socket).await;
        }
    };
    let asked = Asked::default();
    let first = entrance.token.map(|token| authenticate(token, &asked));
    let reader = Reader::new(packets, asked.clone(), first, services.limits.idle_timeout);
    let opening = socket.req_parts.extensions.get::<Arc<Opening>>();
    let terms = Terms {
        line: None,
        peer: opening.and_then(|opening| opening.address()),
        has_heartbeat: true,
        stays: rand::random_range(Duration::ZERO..=services.limits.reconnect_spread),
    };
    let writer = Writer::new(Arc::clone(&socket), asked);
    let end = connection::run_on(terms, reader, writer, services).await;
    metrics.closed(match &end {
        End::Closed(close) => Some(close.code),
        End::Gone => None,
    });
    drop(open);
    part(&socket, end).await;
}

/// What a client is told that sends more than can be served.
pub(super) fn flooded() -> Str {
    words::ending(ErrorCode::RateLimited, "packets come faster than they can be served")
}

/// Ends the connection. Clients come back by themselves when the engine closes it, and do not when they were told that
/// they are out: the codes that ask a client to come back keep their meaning.
async fn part(socket: &Socket<Link>, end: End) {
    if let End::Closed(close) = end
        && !matches!(close.code, CloseCode::GoingAway | CloseCode::SlowConsumer)
    {
        let code = match close.code {
            CloseCode::AuthExpired | CloseCode::Unauthorized | CloseCode::Revoked => ErrorCode::Unauthorized,
            _ => ErrorCode::MalformedFrame,
        };
        // What it was told before may fill the queue.
        let last_words = async {
            let mut said = say_in_turn(socket, words::ending(code, &close.reason)).await;
            if !CloseCode::reconnects(close.code.get()) {
                said = say_in_turn(socket, packet::disconnected()).await.or(said);
            }
            taken(socket, said).await;
        };
        let _ = timeout(LINGER, last_words).await;
    }
    close(socket).await;
}

/// Closes the connection, and waits a while for what it is owed to be on its way.
async fn close(socket: &Socket<Link>) {
    socket.close(DisconnectReason::ClosingServer);
    let gone = async {
        socket.closed().await;
        if socket.transport_type() == TransportType::Websocket {
            // By a task of its own, which the drain is to know of before this one ends.
            socket.data.let_go.notified().await;
        }
    };
    let _ = timeout(LINGER, gone).await;
}
