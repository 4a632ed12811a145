//! The reading half of a connection: packets as they come from the engine, and the requests they mean.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use engineioxide::{ProtocolVersion, Socket, Str};
use futures_util::Stream;
use readrealm_protocol::client::ClientEvent;
use readrealm_protocol::limits::MALFORMED_FRAMES;
use readrealm_protocol::{CloseCode, ErrorCode};
use serde::Serialize;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::asked::{Asked, Standing};
use super::engine::{Item, Link};
use super::packet::{self, Kind, NAMESPACE};
use super::requests;
use super::silence::Silence;
use super::writer::{hand_over, say, taken};
use crate::connection::{Close, Inbound};

/// Attachments of one packet that are passed over in silence; there is nothing to be done with them.
const ATTACHMENTS: u32 = 10;

/// What a `connect_error` says.
#[derive(Serialize)]
pub(super) struct Refusal<'a> {
    /// For people.
    pub(super) message: &'a str,
    /// For programs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) data: Option<Code>,
}

/// What a program acts on.
#[derive(Serialize)]
pub(super) struct Code {
    pub(super) code: ErrorCode,
}

/// Packets as they come from the engine.
#[derive(Debug)]
pub(super) struct Packets {
    items: mpsc::Receiver<Item>,
    pub(super) socket: Arc<Socket<Link>>,
    /// The last refusal.
    said: Option<Bytes>,
}

impl Packets {
    pub(super) fn new(items: mpsc::Receiver<Item>, socket: Arc<Socket<Link>>) -> Self {
        Self {
            items,
            socket,
            said: None,
        }
    }

    /// The next one; `None` where there will be no more.
    pub(super) async fn next(&mut self) -> Option<Item> {
        std::future::poll_fn(|context| self.poll_next(context)).await
    }

    fn poll_next(&mut self, context: &mut Context<'_>) -> Poll<Option<Item>> {
        self.items
            .poll_recv(context)
            .map(|item| item.inspect(|item| self.socket.data.took(item)))
    }

    /// Tells that the client is not let in; `None` where the engine has no room.
    pub(super) fn refuse(&mut self, refusal: Str) -> Option<()> {
        self.said = Some(say(&self.socket, refusal)?);
        Some(())
    }

    /// There is no such namespace. Where the engine has no room, the client will not hear it.
    pub(super) fn refuse_namespace(&mut self, namespace: &str) {
        let message = "Invalid namespace";
        self.refuse(match self.socket.protocol {
            ProtocolVersion::V3 => packet::refused(namespace, &message),
            ProtocolVersion::V4 => packet::refused(namespace, &Refusal { message, data: None }),
        });
    }

    /// Waits until the last refusal is on its way, for so long at most.
    pub(super) async fn taken(&mut self, within: Duration) {
        let _ = timeout(within, taken(&self.socket, self.said.take())).await;
    }
}

/// The reading half.
#[derive(Debug)]
pub(super) struct Reader {
    packets: Packets,
    asked: Asked,
    /// What was read and not asked for yet.
    read: VecDeque<Inbound>,
    /// Attachments that are to come, and were answered with what announced them.
    attachments: u32,
    /// Namespaces asked for that do not exist.
    strangers: usize,
    /// Ends the connection where the engine, which should, does not.
    silence: Option<Silence>,
}

impl Reader {
    /// Reads what comes, after `first`, until there is no sign of life for `patience`; zero is for ever.
    pub(super) fn new(packets: Packets, asked: Asked, first: Option<Inbound>, patience: Duration) -> Self {
        Self {
            packets,
            asked,
            read: first.into_iter().collect(),
            attachments: 0,
            strangers: 0,
            silence: (!patience.is_zero()).then(|| Silence::new(patience)),
        }
    }
}

impl Stream for Reader {
    type Item = Inbound;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Inbound>> {
        loop {
            if let Some(inbound) = self.read.pop_front() {
                return Poll::Ready(Some(inbound));
            }
            match self.packets.poll_next(context) {
                Poll::Ready(Some(item)) if self.take(&item) => {}
                Poll::Ready(_) => return Poll::Ready(None),
                Poll::Pending => {
                    let Self { packets, silence, .. } = &mut *self;
                    let Some(silence) = silence else { return Poll::Pending };
                    return silence.poll(&packets.socket.data, context).map(|()| None);
                }
            }
        }
    }
}

impl Reader {
    /// Reads one packet; `false` ends the connection.
    fn take(&mut self, item: &Item) -> bool {
        let Item::Text(text) = item else {
            if self.attachments > 0 {
                self.attachments -= 1;
            } else {
                self.read.push_back(requests::malformed("no attachment was announced"));
            }
            return true;
        };
        let packet = match packet::parse(text) {
            Ok(packet) => packet,
            Err(why) => {
                self.read.push_back(requests::malformed(why));
                return true;
            }
        };
        let malformed = match packet.kind {
            Kind::Connect(_) if packet.namespace != NAMESPACE => {
                self.strangers += 1;
                if self.strangers > MALFORMED_FRAMES {
                    let close = Close::new(CloseCode::BadProtocol, "there is one namespace, \"/\"");
                    self.read.push_back(Inbound::Fatal(close));
                }
                self.packets.refuse_namespace(packet.namespace);
                return true;
            }
            _ if packet.namespace != NAMESPACE => "there is one namespace, \"/\"",
            Kind::Disconnect => return false,
            Kind::Event { ack, call } => {
                requests::read(&call, ack, &self.asked, &mut self.read);
                // The protocol has no answer to `typing`. Where the engine has no room, the client will not hear this one.
                if let Some(ack) = ack
                    && let Some(Inbound::Frame(Ok(frame))) = self.read.back()
                    && let ClientEvent::Typing(typing) = &frame.event
                    && let Standing::In(_) = self.asked.standing(typing.book_id)
                {
                    let _ = hand_over(&self.packets.socket, packet::ack(ack, "{}"));
                }
                return true;
            }
            Kind::Connect(_) => "the connection is in already",
            Kind::Ack => "no event asks for an answer",
            Kind::Binary(attachments) => {
                self.attachments = attachments.min(ATTACHMENTS);
                "events have no attachments"
            }
        };
        self.read.push_back(requests::malformed(malformed));
        true
    }
}
