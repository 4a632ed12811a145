//! How a client is let in: it asks in time, and shows who it is where that is asked for.

use std::sync::Arc;
use std::time::Duration;

use engineioxide::ProtocolVersion;
use engineioxide::socket::Sid;
use readrealm_protocol::client::{Authenticate, ClientEvent};
use readrealm_protocol::{ClientFrame, CloseCode, ErrorCode};
use serde::Deserialize;
use tokio::time::sleep;

use super::asked::Asked;
use super::engine::Item;
use super::lifeline::Opening;
use super::packet::{self, Kind, NAMESPACE};
use super::reader::{Code, Packets, Refusal};
use super::writer::say;
use crate::auth::Auth;
use crate::connection::{Inbound, Services};
use crate::metrics::Refusal as Counted;

/// How often it may ask, until it is.
const CONNECTS: u32 = 10;

/// A client that was let in.
pub(super) struct Entrance {
    /// The token it showed, which is known to be good.
    pub(super) token: Option<String>,
}

/// Why a client is not let in, as a close code says it; `None` where it went.
type Outside = Option<CloseCode>;

/// Waits until the client asks to be let in and may be, for as long as it may take.
pub(super) async fn enter(packets: &mut Packets, services: &Services) -> Result<Entrance, Outside> {
    let mut was_refused = false;
    tokio::select! {
        biased;
        () = services.shutdown.cancelled() => Err(Some(CloseCode::GoingAway)),
        () = too_late(services.limits.handshake_timeout) => {
            let needs_token = matches!(services.auth, Auth::Tokens(_));
            // A refusal was counted as what it was.
            if needs_token && !was_refused {
                services.metrics.refused(Counted::Missing);
            }
            Err(Some(if needs_token { CloseCode::Unauthorized } else { CloseCode::BadProtocol }))
        }
        entrance = ask(packets, services, &mut was_refused) => entrance,
    }
}

/// Waits until a client should have asked to be let in.
async fn too_late(handshake_timeout: Duration) {
    if handshake_timeout.is_zero() {
        std::future::pending::<()>().await;
    } else {
        sleep(handshake_timeout).await;
    }
}

async fn ask(packets: &mut Packets, services: &Services, was_refused: &mut bool) -> Result<Entrance, Outside> {
    if packets.socket.protocol == ProtocolVersion::V3 {
        return enter_asked(packets, services);
    }
    // Anything else before it is a fault that no client has.
    let fault = Some(CloseCode::BadProtocol);
    for _ in 0..CONNECTS {
        let Item::Text(text) = packets.next().await.ok_or(None)? else {
            return Err(fault);
        };
        let packet = packet::parse(&text).map_err(|_| fault)?;
        let Kind::Connect(handshake) = packet.kind else {
            return Err(fault);
        };
        if packet.namespace != NAMESPACE {
            packets.refuse_namespace(packet.namespace);
            continue;
        }
        match admit(handshake, services) {
            Ok(token) => {
                // Apps show it around; the engine's own name of a session lets whoever knows it speak and hear as its client.
                let connected = packet::connected(Some(Sid::new().as_str()));
                say(&packets.socket, connected).ok_or(None)?;
                return Ok(Entrance { token });
            }
            Err(why) => {
                *was_refused = true;
                let why = Refusal {
                    message: &why,
                    data: Some(Code {
                        code: ErrorCode::Unauthorized,
                    }),
                };
                packets.refuse(packet::refused(NAMESPACE, &why)).ok_or(None)?;
            }
        }
    }
    Err(if *was_refused {
        Some(CloseCode::Unauthorized)
    } else {
        fault
    })
}

/// A client of version 2 is asked in by having come, and shows its token in the query.
fn enter_asked(packets: &mut Packets, services: &Services) -> Result<Entrance, Outside> {
    let opening = packets.socket.req_parts.extensions.get::<Arc<Opening>>();
    let token = opening.and_then(|opening| opening.take_token());
    match verify(token.as_deref(), "query: { token }", services) {
        Ok(token) => {
            say(&packets.socket, packet::connected(None)).ok_or(None)?;
            Ok(Entrance { token })
        }
        Err(why) => {
            packets.refuse(packet::refused(NAMESPACE, &why)).ok_or(None)?;
            Err(Some(CloseCode::Unauthorized))
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
pub(super) fn authenticate(token: String, asked: &Asked) -> Inbound {
    let event = ClientEvent::Authenticate(Authenticate { token });
    let id = Some(asked.number());
    Inbound::Frame(Ok(ClientFrame { id, event }))
}
