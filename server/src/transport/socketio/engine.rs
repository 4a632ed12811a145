//! The engine below Socket.IO: its settings, and what it calls.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Socket, Str};
use readrealm_protocol::limits::FRAME_BYTES;
use tokio::sync::mpsc;
use tracing::Instrument;

use super::session;
use super::writer::CAPACITY;
use crate::app::Shared;
use crate::config::Limits;
use crate::transport::websocket::connection_span;

/// Packets of one client that may wait to be served…
const PACKETS: usize = 1_024;

/// …and their bytes. The engine reads on whatever waits: who sends more is let go.
const BYTES: usize = 1024 * 1024;

/// A time that stands for never, in a place that needs one. A client's own timers bear it.
const NEVER: Duration = Duration::from_hours(24);

/// How long a client may take from long-polling to a WebSocket.
const UPGRADE_WITHIN: Duration = Duration::from_secs(10);

/// The engine's settings.
pub(super) fn config(path: &'static str, limits: &Limits) -> EngineIoConfig {
    let (ping_interval, ping_timeout) = heartbeat(limits.ping_interval, limits.idle_timeout);
    EngineIoConfig::builder()
        .req_path(path)
        .ping_interval(ping_interval)
        .ping_timeout(ping_timeout)
        .upgrade_timeout(UPGRADE_WITHIN)
        .max_buffer_size(CAPACITY)
        .max_payload(FRAME_BYTES as u64)
        .ws_max_message_size(FRAME_BYTES)
        .ws_max_frame_size(FRAME_BYTES)
        .build()
}

/// How often a client is pinged, and how long it may take to answer: who is silent for `idle_timeout` is let go.
fn heartbeat(ping_interval: Duration, idle_timeout: Duration) -> (Duration, Duration) {
    let or_never = |time: Duration| if time.is_zero() { NEVER } else { time };
    let (ping_interval, idle_timeout) = (or_never(ping_interval), or_never(idle_timeout));
    let ping_interval = ping_interval.min(idle_timeout / 2);
    (ping_interval, idle_timeout.saturating_sub(ping_interval))
}

/// The way from the engine to the task of one connection.
#[derive(Debug, Default)]
pub(super) struct Link {
    packets: Mutex<Option<mpsc::Sender<Item>>>,
    waiting: AtomicUsize,
}

/// What a client sent.
#[derive(Debug)]
pub(super) enum Item {
    /// A packet, or what should be one.
    Text(Str),
    /// An attachment, which is not looked at.
    Binary,
}

impl Item {
    fn weight(&self) -> usize {
        match self {
            Self::Text(text) => text.len(),
            Self::Binary => 0,
        }
    }
}

impl Link {
    /// The task has taken a packet.
    pub(super) fn took(&self, item: &Item) {
        self.waiting.fetch_sub(item.weight(), Ordering::Relaxed);
    }

    /// Queues a packet. Returns whether there was room, or nobody who waits for any.
    fn put(&self, item: Item) -> bool {
        let packets = self.packets.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(packets) = &*packets else { return true };
        let weight = item.weight();
        if self.waiting.fetch_add(weight, Ordering::Relaxed) > BYTES {
            return false;
        }
        !matches!(packets.try_send(item), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Nothing more will come.
    fn end(&self) {
        self.packets.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What the engine calls. It does so in the order that packets come, from before the first one. A connection that takes
/// nothing any more keeps the engine, and must not keep what a drain waits for.
#[derive(Debug)]
pub(super) struct Handler(pub(super) Weak<Shared>);

impl Handler {
    fn receive(socket: &Socket<Link>, item: Item) {
        if !socket.data.put(item) {
            let _ = socket.emit(session::flooded());
            socket.data.end();
            socket.close(DisconnectReason::PacketParsingError);
        }
    }
}

impl EngineIoHandler for Handler {
    type Data = Link;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Link>>) {
        let Some(shared) = self.0.upgrade() else {
            return socket.close(DisconnectReason::ClosingServer);
        };
        let (sender, packets) = mpsc::channel(PACKETS);
        *socket.data.packets.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        let span = connection_span(&socket.req_parts.extensions);
        let tasks = shared.tasks.clone();
        tasks.spawn(session::serve(socket, packets, shared).instrument(span));
    }

    fn on_disconnect(&self, socket: Arc<Socket<Link>>, _reason: DisconnectReason) {
        socket.data.end();
    }

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<Link>>) {
        Self::receive(&socket, Item::Text(message));
    }

    fn on_binary(self: &Arc<Self>, _data: Bytes, socket: Arc<Socket<Link>>) {
        Self::receive(&socket, Item::Binary);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_silent_client_is_let_go_after_the_idle_timeout() {
        let seconds = Duration::from_secs;
        assert_eq!(heartbeat(seconds(25), seconds(60)), (seconds(25), seconds(35)));
        assert_eq!(heartbeat(seconds(25), seconds(10)), (seconds(5), seconds(5)));
        assert_eq!(heartbeat(Duration::ZERO, seconds(60)), (seconds(30), seconds(30)));
        let (interval, timeout) = heartbeat(seconds(25), Duration::ZERO);
        assert_eq!(interval, seconds(25));
        assert!(timeout > Duration::from_hours(23));
    }
}
