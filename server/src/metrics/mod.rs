//! What an operator can see of a server in numbers, as Prometheus reads them. One [`Metrics`] per server, handed to whoever
//! counts: several servers may live in one process, and each has its own.
//!
//! Counting is cheap enough for the way of a message: nothing is counted per member of a room, but once per fan-out with the
//! number of members, and once per write to a socket with its frames and bytes. Labels have few values, fixed in [`labels`]:
//! no room, user or address becomes one. The names are documented in `docs/operate.md`.

pub mod labels;
mod panics;
mod process;
mod register;
mod tally;

use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;
use readrealm_protocol::{CloseCode, ErrorCode, Timestamp};

pub use labels::{Ending, Limit, Refusal, Stopped, Transport};
pub use panics::panics;
pub use tally::{Tallies, Tally};

/// What [`Metrics::render`] writes.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The numbers of one server.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    websockets: Gauge,
    socket_ios: Gauge,
    opened: Tallies,
    closed: Tallies,
    requests: Tallies,
    errors: Tallies,
    limited: Tallies,
    auth_refusals: Tallies,
    stops: Tallies,
    batch_events: Histogram,
    append_time: Histogram,
    tail_delay: Histogram,
    /// Rooms in memory. Set when the numbers are read.
    pub rooms: Gauge,
    /// Whether the log's tail is followed, 1 or 0. Set when the numbers are read.
    pub tail_following: Gauge,
    /// Connections in rooms: one in three rooms counts three times.
    pub members: Gauge,
    /// Events that this server made durable.
    pub appended: Tally,
    /// Sends answered with `duplicate: true`.
    pub duplicates: Tally,
    /// Frames that rooms told, times the members they were told to.
    pub deliveries: Tally,
    sent_frames: Tally,
    sent_bytes: Tally,
    writes: Tally,
    /// Rooms read into memory.
    pub room_loads: Tally,
    /// Rooms that could not be.
    pub room_load_failures: Tally,
    /// Pages of events read to bring clients forward.
    pub resume_pages: Tally,
    /// How often the tail was lost, and had to be opened again.
    pub tail_losses: Tally,
    /// Questions for what is revoked that were not answered.
    pub revocation_failures: Tally,
    revocations_age: Gauge<f64, AtomicU64>,
    revocations_heard: Mutex<Option<Instant>>,
    /// Connections that could not be accepted, as there were no files or sockets left.
    pub accept_failures: Tally,
    certificate_end: Gauge,
}

impl Metrics {
    /// A connection is open until what is returned is dropped.
    pub fn open(&self, transport: Transport) -> Open<'_> {
        let gauge = match transport {
            Transport::WebSocket => &self.websockets,
            Transport::SocketIo => &self.socket_ios,
        };
        gauge.inc();
        self.opened.inc(transport.label());
        Open(gauge)
    }

    /// A connection ended, by this close code where the server gave one.
    pub fn closed(&self, code: Option<CloseCode>) {
        self.closed.inc(Ending::from(code).label());
    }

    /// A client sent this event.
    pub fn requested(&self, event: &'static str) {
        self.requests.inc(event);
    }

    /// Somebody is answered with an error.
    pub fn failed(&self, code: ErrorCode) {
        self.errors.inc(code.as_str());
    }

    /// Somebody met a limit.
    pub fn limited(&self, limit: Limit) {
        self.limited.inc(limit.label());
    }

    /// Somebody was not let in.
    pub fn refused(&self, why: Refusal) {
        self.auth_refusals.inc(why.label());
    }

    /// A batch of so many events was given to the log, and answered after so long.
    #[allow(clippy::cast_precision_loss, reason = "a batch has thousands")]
    pub fn batch(&self, events: usize, took: Duration) {
        self.batch_events.observe(events as f64);
        self.append_time.observe(took.as_secs_f64());
    }

    /// A room's append stopped before its end.
    pub fn stopped(&self, why: Stopped) {
        self.stops.inc(why.label());
    }

    /// An event of that time has come by the log's tail. The clocks of nodes differ: what comes from the future has come at
    /// once.
    pub fn tailed(&self, at: Timestamp) {
        let millis = Timestamp::now().as_millis() - at.as_millis();
        let delay = Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        self.tail_delay.observe(delay.as_secs_f64());
    }

    /// What is revoked was heard, up to now.
    pub fn heard_revocations(&self) {
        *self.heard() = Some(Instant::now());
    }

    /// Since when nothing was heard of what is revoked; 0 where that is not asked for.
    pub fn revocations_age(&self) -> Duration {
        self.heard().map_or(Duration::ZERO, |heard| heard.elapsed())
    }

    fn heard(&self) -> MutexGuard<'_, Option<Instant>> {
        self.revocations_heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The certificate in use ends then, in seconds since 1970; 0 where that is not known.
    pub fn certificate_ends(&self, at: i64) {
        self.certificate_end.set(at);
    }

    /// So many frames of so many bytes were written to sockets, in so many writes.
    pub fn wrote(&self, writes: u64, frames: u64, bytes: u64) {
        self.writes.add(writes);
        self.sent_frames.add(frames);
        self.sent_bytes.add(bytes);
    }

    /// All numbers, as text of [`CONTENT_TYPE`]. Reads files of the machine: not for a thread that must not wait.
    pub fn render(&self) -> String {
        self.revocations_age.set(self.revocations_age().as_secs_f64());
        let mut text = String::new();
        // Writing to a string does not fail.
        let _ = encode(&mut text, &self.registry);
        text
    }
}

/// A connection that counts as open.
#[derive(Debug)]
pub struct Open<'a>(&'a Gauge);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.dec();
    }
}
