//! What the room and the server are like for a while.

use std::time::{Duration, Instant};

use e2e::Server;
use e2e::client::{Client, posting};

use super::ROOM;
use crate::rounds::Samples;

/// Between two measured sends.
const PACE: Duration = Duration::from_millis(100);

/// What was measured, in the units of [`Phase::MEASURES`].
#[derive(Debug)]
pub(super) struct Phase {
    pub(super) name: &'static str,
    pub(super) figures: [f64; 6],
}

impl Phase {
    /// Each with how many digits of it are shown.
    pub(super) const MEASURES: [(&str, usize); 6] = [
        ("p50 ms", 1),
        ("p99 ms", 1),
        ("longest ms", 1),
        ("memory MiB", 0),
        ("its peak so far MiB", 0),
        ("CPU, cores", 2),
    ];

    pub(super) async fn measure(
        name: &'static str,
        server: &Server,
        sender: &mut Client,
        listener: &mut Client,
        time: Duration,
    ) -> Self {
        let (begun, cpu) = (Instant::now(), cpu_seconds(server));
        let samples = deliveries(sender, listener, name, time).await;
        let cores = (cpu_seconds(server) - cpu) / begun.elapsed().as_secs_f64();
        let millis = |percent| samples.percentile(percent) / 1e3;
        let figures = [
            millis(50),
            millis(99),
            millis(100),
            mebibytes(server, "VmRSS:"),
            mebibytes(server, "VmHWM:"),
            cores,
        ];
        Self { name, figures }
    }
}

/// Sends at a pace, and takes the time until each is delivered.
async fn deliveries(sender: &mut Client, listener: &mut Client, name: &str, time: Duration) -> Samples {
    let mut samples = Samples::default();
    let end = Instant::now() + time;
    let mut number = 0;
    while Instant::now() < end {
        number += 1;
        let words = format!("{name} {number}");
        let sent = Instant::now();
        let request = sender.request(posting(ROOM, &words, None)).await;
        while listener.next_message().await.content.as_str() != words {}
        samples.push(sent.elapsed());
        sender.answer(request).await.expect("it is taken");
        sender.drain().await;
        tokio::time::sleep_until((sent + PACE).into()).await;
    }
    samples
}

/// A line of `/proc/PID/status`, in MiB.
fn mebibytes(server: &Server, line: &str) -> f64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.process().pid())).unwrap_or_default();
    let kib = status
        .lines()
        .find_map(|text| text.strip_prefix(line)?.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// User and system time of the server so far.
fn cpu_seconds(server: &Server) -> f64 {
    /// Of Linux, on every machine there is.
    const TICKS_PER_SECOND: f64 = 100.0;
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", server.process().pid())).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
    let ticks = fields
        .split(' ')
        .skip(11)
        .take(2)
        .filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}
