//! The engine below Socket.IO: its settings, and what it calls.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use engineioxide::config::EngineIoConfig;
use engineioxide::handler::EngineIoHandler;
use engineioxide::{DisconnectReason, Socket, Str};
use readrealm_protocol::limits::FRAME_BYTES;
use tokio::sync::{Notify, mpsc};
use tracing::Instrument;

use super::lifeline::{Opening, Sessions};
use super::session;
use super::writer::{CAPACITY, hand_over};
use crate::app::Shared;
use crate::config::Limits;
use crate::transport::websocket::connection_span;

/// Packets of one client that may wait to be served…
const PACKETS: usize = 1_024;

/// …and their bytes, each with those that it takes to hold it. The engine reads on whatever waits: who sends more is let go.
const BYTES: usize = 1024 * 1024;

/// Bytes that it takes to hold one.
const HOLDING: usize = 64;

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
    heard: AtomicBool,
    is_probed: AtomicBool,
    /// Its WebSocket is let go, by who is waited for in its place.
    pub(super) let_go: Notify,
}

/// What a client sent.
#[derive(Debug)]
pub(super) enum Item {
    /// A packet, or what should be one.
    Text(Str),
    /// An attachment of so many bytes, which is not looked at.
    Binary(usize),
}

impl Item {
    fn weight(&self) -> usize {
        let bytes = match self {
            Self::Text(text) => text.len(),
            Self::Binary(bytes) => *bytes,
        };
        HOLDING + bytes
    }
}

impl Link {
    /// The client gave a sign of life.
    pub(super) fn heard(&self) {
        self.heard.store(true, Ordering::Relaxed);
    }

    /// Whether it gave any since this was asked before.
    pub(super) fn was_heard(&self) -> bool {
        self.heard.swap(false, Ordering::Relaxed)
    }

    /// A WebSocket is to take over, or not after all. Returns whether one was to before: the engine lets a second one wait
    /// for the first, and ends the session when it has waited for too long.
    pub(super) fn probe(&self, begins: bool) -> bool {
        self.is_probed.swap(begins, Ordering::Relaxed)
    }

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

    /// Nothing more will come, which ends the session.
    pub(super) fn end(&self) {
        self.packets.lock().unwrap_or_else(PoisonError::into_inner).take();
    }
}

/// What the engine calls. It does so in the order that packets come, from before the first one. A connection that takes
/// nothing any more keeps the engine, and must not keep what a drain waits for.
#[derive(Debug)]
pub(super) struct Handler {
    shared: Weak<Shared>,
    /// The sessions that go on.
    pub(super) sessions: Sessions,
}

impl Handler {
    pub(super) fn new(shared: &Arc<Shared>) -> Self {
        Self {
            shared: Arc::downgrade(shared),
            sessions: Sessions::default(),
        }
    }

    fn receive(socket: &Socket<Link>, item: Item) {
        if !socket.data.put(item) {
            let _ = hand_over(socket, session::flooded());
            socket.data.end();
            socket.close(DisconnectReason::PacketParsingError);
        }
    }
}

impl EngineIoHandler for Handler {
    type Data = Link;

    fn on_connect(self: Arc<Self>, socket: Arc<Socket<Link>>) {
        let Some(shared) = self.shared.upgrade() else {
            return socket.close(DisconnectReason::ClosingServer);
        };
        let (sender, packets) = mpsc::channel(PACKETS);
        *socket.data.packets.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        self.sessions.add(&socket);
        if let Some(opening) = socket.req_parts.extensions.get::<Arc<Opening>>() {
            opening.begin(&socket);
        }
        let span = connection_span(&socket.req_parts.extensions);
        let tasks = shared.tasks.clone();
        tasks.spawn(session::serve(socket, packets, shared).instrument(span));
    }

    fn on_disconnect(&self, socket: Arc<Socket<Link>>, _reason: DisconnectReason) {
        socket.data.end();
        self.sessions.remove(socket.id);
    }

    fn on_message(self: &Arc<Self>, message: Str, socket: Arc<Socket<Link>>) {
        Self::receive(&socket, Item::Text(message));
    }

    fn on_binary(self: &Arc<Self>, data: Bytes, socket: Arc<Socket<Link>>) {
        Self::receive(&socket, Item::Binary(data.len()));
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

    #[test]
    fn attachments_and_empty_packets_weigh_too_until_they_are_taken() {
        let (link, (sender, mut packets)) = (Link::default(), mpsc::channel(100_000));
        *link.packets.lock().unwrap() = Some(sender);
        let items: [fn() -> Item; 2] = [|| Item::Binary(1_000), || Item::Text(Str::default())];
        for item in items {
            let held = (0..100_000).take_while(|_| link.put(item())).count();
            assert!(held * item().weight() <= BYTES + item().weight(), "{held}");
            while let Ok(item) = packets.try_recv() {
                link.took(&item);
            }
            // What was refused is not taken: it ends the connection.
            link.took(&item());
        }
        assert_eq!(link.waiting.load(Ordering::Relaxed), 0);
    }
}
