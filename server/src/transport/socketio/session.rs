//! One connection of Socket.IO, from its first packet to its last.

use std::sync::Arc;
use std::time::Duration;

use engineioxide::{DisconnectReason, ProtocolVersion, Socket, Str};
use readrealm_protocol::client::{Authenticate, ClientEvent};
use readrealm_protocol::{ClientFrame, CloseCode, ErrorCode};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::asked::Asked;
use super::engine::{Item, Link};
use super::packet::{self, Kind, NAMESPACE};
use super::reader::{Code, Packets, Reader, Refusal};
use super::writer::{Writer, taken};
use super::{parameter, words};
use crate::app::Shared;
use crate::auth::Auth;
use crate::connection::{self, End, Inbound, Services, Terms};
use crate::metrics::{Refusal as Counted, Transport};

/// How often it may ask, until it is.
const CONNECTS: u32 = 10;

/// How long a client is given to take the last words.
const LINGER: Duration = Duration::from_secs(2);

/// Serves a connection until it ends.
pub(super) async fn serve(socket: Arc<Socket<Link>>, packets: mpsc::Receiver<Item>, shared: Arc<Shared>) {
    let mut packets = Packets::new(packets, Arc::clone(&socket));
    let services = Arc::clone(&shared.connections);
    let metrics = &shared.connections.metrics;
    let open = metrics.open(Transport::SocketIo);
    let entrance = tokio::select! {
        biased;
        () = services.shutdown.cancelled() => None,
        () = too_late(services.limits.handshake_timeout) => None,
        entrance = enter(&mut packets, &services) => entrance,
    };
    let Some(entrance) = entrance else {
        metrics.closed(None);
        let _ = timeout(LINGER, taken(&socket)).await;
        return close(&socket).await;
    };
    let asked = Asked::default();
    let first = entrance.token.map(|token| authenticate(token, &asked));
    let reader = Reader::new(packets, asked.clone(), first);
    let terms = Terms {
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

/// Waits until a client should have asked to be let in.
async fn too_late(handshake_timeout: Duration) {
    if handshake_timeout.is_zero() {
        std::future::pending::<()>().await;
    } else {
        sleep(handshake_timeout).await;
    }
}

/// A client that was let in.
struct Entrance {
    /// The token it showed, which is known to be good.
    token: Option<String>,
}

/// Waits until the client asks to be let in and may be. `None` where it went or asked too often.
async fn enter(packets: &mut Packets, services: &Services) -> Option<Entrance> {
    if packets.socket.protocol == ProtocolVersion::V3 {
        return enter_asked(packets, services);
    }
    for _ in 0..CONNECTS {
        let Item::Text(text) = packets.next().await? else {
            return None;
        };
        // Anything else before it is a fault that no client has.
        let packet = packet::parse(&text).ok()?;
        let Kind::Connect(handshake) = packet.kind else {
            return None;
        };
        if packet.namespace != NAMESPACE {
            packets.refuse_namespace(packet.namespace);
            continue;
        }
        match admit(handshake, services) {
            Ok(token) => {
                packets
                    .socket
                    .emit(packet::connected(Some(packets.socket.id.as_str())))
                    .ok()?;
                return Some(Entrance { token });
            }
            Err(why) => {
                let why = Refusal {
                    message: &why,
                    data: Some(Code {
                        code: ErrorCode::Unauthorized,
                    }),
                };
                packets.socket.emit(packet::refused(NAMESPACE, &why)).ok()?;
            }
        }
    }
    None
}

/// A client of version 2 is asked in by having come, and shows its token in the query.
fn enter_asked(packets: &Packets, services: &Services) -> Option<Entrance> {
    let socket = &packets.socket;
    let token = parameter(&socket.req_parts.uri, "token");
    match verify(token, "query: { token }", services) {
        Ok(token) => {
            socket.emit(packet::connected(None)).ok()?;
            Some(Entrance { token })
        }
        Err(why) => {
            socket.emit(packet::refused(NAMESPACE, &why)).ok()?;
            None
        }
    }
}

/// The token of a handshake, where one is needed and it is good.
fn admit(handshake: &str, services: &Services) -> Result<Option<String>, String> {
    #[derive(Deserialize)]
    struct Handshake {
        token: Option<String>,
    }

    let token = serde_json::from_str(handshake).ok();
    let token = token.and_then(|Handshake { token }| token);
    verify(token.as_deref(), "auth: { token }", services)
}

fn verify(token: Option<&str>, place: &str, services: &Services) -> Result<Option<String>, String> {
    let Auth::Tokens(tokens) = &services.auth else {
        return Ok(None);
    };
    let Some(token) = token else {
        services.metrics.refused(Counted::Missing);
        return Err(format!("a token is needed: {place}"));
    };
    let token = token.strip_prefix("Bearer ").unwrap_or(token);
    match tokens.verify(token) {
        Ok(_) => Ok(Some(token.to_owned())),
        Err(refused) => {
            services.metrics.refused(refused.counted());
            Err(refused.to_string())
        }
    }
}

/// Answered, so that the client knows when it has to renew it, and this side who it is.
fn authenticate(token: String, asked: &Asked) -> Inbound {
    let event = ClientEvent::Authenticate(Authenticate { token });
    let id = Some(asked.number());
    Inbound::Frame(Ok(ClientFrame { id, event }))
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
        let _ = socket.emit(words::ending(code, &close.reason));
        if !CloseCode::reconnects(close.code.get()) {
            let _ = socket.emit(packet::disconnected());
        }
        let _ = timeout(LINGER, taken(socket)).await;
    }
    close(socket).await;
}

/// Closes the connection, and waits a while for what it is owed to be on its way.
async fn close(socket: &Socket<Link>) {
    socket.close(DisconnectReason::ClosingServer);
    let _ = timeout(LINGER, socket.closed()).await;
}
