//! The names: each metric's name, help and unit, as they are read from outside.

use std::sync::Mutex;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Metric, Registry, Unit};
use readrealm_protocol::ErrorCode;
use readrealm_protocol::client::ClientEvent;

use super::{Ending, Limit, Metrics, Refusal, Stopped, Tallies, Tally, Transport, panics, process};

/// Upper bounds of times, in seconds: from an append to SQLite on a fast disk to a MongoDB that elects.
const SECONDS: [f64; 13] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

/// Upper bounds of batch sizes; a batch has at most 4,096 events.
const EVENTS: [f64; 8] = [1.0, 2.0, 5.0, 10.0, 50.0, 200.0, 1_000.0, 4_096.0];

type Label = [(&'static str, &'static str); 1];

impl Default for Metrics {
    fn default() -> Self {
        let mut new = New(Registry::default());
        process::register(&mut new.0);
        new.named(
            "panics",
            "Mistakes in the program that were met",
            None,
            panics().clone(),
        );
        let build: Label = [("version", env!("CARGO_PKG_VERSION"))];
        new.named("build", "The program", None, Info::new(build));
        let connections = Family::<Label, Gauge>::default();
        let of = |transport: Transport| connections.get_or_create_owned(&[("transport", transport.label())]);
        let (websockets, socket_ios) = (of(Transport::WebSocket), of(Transport::SocketIo));
        new.named("connections", "Connections that are open", None, connections);
        let codes: Vec<_> = ErrorCode::ALL.iter().map(|code| code.as_str()).collect();
        Self {
            websockets,
            socket_ios,
            opened: new.tallies(
                "connections_opened",
                "Connections let in",
                "transport",
                Transport::LABELS,
            ),
            closed: new.tallies(
                "connections_closed",
                "Connections that ended, by who or what ended them",
                "reason",
                Ending::LABELS,
            ),
            requests: new.tallies("requests", "Frames of clients", "event", ClientEvent::NAMES),
            errors: new.tallies("errors", "Error answers", "code", &codes),
            limited: new.tallies("limited", "What was turned away by a limit", "limit", Limit::LABELS),
            auth_refusals: new.tallies(
                "auth_refusals",
                "Tokens refused, and connections that showed none",
                "reason",
                Refusal::LABELS,
            ),
            stops: new.tallies(
                "append_stops",
                "Appends of a room that stopped before their end",
                "reason",
                Stopped::LABELS,
            ),
            batch_events: new.histogram("append_batch_events", "Events in one durable write", None, &EVENTS),
            append_time: new.histogram("append", "Time of one durable write", Some(Unit::Seconds), &SECONDS),
            tail_delay: new.histogram(
                "tail_delay",
                "From when an event was numbered, at any node, until the log's tail brought it here",
                Some(Unit::Seconds),
                &SECONDS,
            ),
            rooms: new.gauge("rooms", "Rooms in memory"),
            tail_following: new.gauge(
                "tail_following",
                "1 while the log's tail is followed, or none is needed",
            ),
            members: new.gauge("members", "Connections in rooms"),
            appended: new.tally("events_appended", "Events made durable by this server"),
            duplicates: new.tally("duplicates", "Sends answered as repeats"),
            deliveries: new.tally("deliveries", "Frames told by rooms, times the members told"),
            sent_frames: new.tally("sent_frames", "Frames written to sockets"),
            sent_bytes: new.bytes("sent", "Bytes of frames written to sockets, before framing and TLS"),
            writes: new.tally("writes", "Writes to sockets, each of one frame or more"),
            room_loads: new.tally("room_loads", "Rooms read into memory"),
            room_load_failures: new.tally("room_load_failures", "Rooms that could not be read into memory"),
            resume_pages: new.tally("resume_pages", "Pages of events read to bring clients forward"),
            tail_losses: new.tally("tail_losses", "The log's tail was lost, and opened again"),
            revocation_failures: new.tally(
                "revocation_failures",
                "Questions for what is revoked that were not answered",
            ),
            revocations_age: new.seconds(
                "revocations_age",
                "Since what is revoked was last heard; 0 where nothing is asked, as authentication is off",
            ),
            revocations_heard: Mutex::default(),
            accept_failures: new.tally(
                "accept_failures",
                "Connections that could not be accepted, for want of files or sockets",
            ),
            certificate_end: new.seconds(
                "tls_certificate_end_timestamp",
                "When the TLS certificate in use ends, since 1970; 0 where there is none",
            ),
            registry: new.0,
        }
    }
}

/// Makes metrics, each with its name.
struct New(Registry);

impl New {
    fn named(&mut self, name: &str, help: &str, unit: Option<Unit>, metric: impl Metric) {
        let name = format!("readrealm_{name}");
        match unit {
            Some(unit) => self.0.register_with_unit(name, help, unit, metric),
            None => self.0.register(name, help, metric),
        }
    }

    fn tally(&mut self, name: &str, help: &str) -> Tally {
        let tally = Tally::default();
        self.named(name, help, None, tally.clone());
        tally
    }

    fn bytes(&mut self, name: &str, help: &str) -> Tally {
        let tally = Tally::default();
        self.named(name, help, Some(Unit::Bytes), tally.clone());
        tally
    }

    fn tallies(&mut self, name: &str, help: &str, label: &'static str, values: &[&'static str]) -> Tallies {
        let tallies = Tallies::new(label, values.iter().copied());
        self.named(name, help, None, tallies.clone());
        tallies
    }

    fn gauge(&mut self, name: &str, help: &str) -> Gauge {
        let gauge = Gauge::default();
        self.named(name, help, None, gauge.clone());
        gauge
    }

    /// A gauge of seconds, whole or not.
    fn seconds<N, A: Default>(&mut self, name: &str, help: &str) -> Gauge<N, A>
    where
        Gauge<N, A>: Metric + Clone,
    {
        let gauge = Gauge::<N, A>::default();
        self.named(name, help, Some(Unit::Seconds), gauge.clone());
        gauge
    }

    fn histogram(&mut self, name: &str, help: &str, unit: Option<Unit>, bounds: &[f64]) -> Histogram {
        let histogram = Histogram::new(bounds.iter().copied());
        self.named(name, help, unit, histogram.clone());
        histogram
    }
}
