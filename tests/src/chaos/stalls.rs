//! How long nothing new was acknowledged, fault by fault and node by node.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::cluster::NODES;
use super::ledger::{Ledger, Pulse};

/// After a fault's end each node acknowledges something new, and delivers something new of the other, within this time.
pub(super) const RECOVERY: Duration = Duration::from_secs(10);

/// How often it is looked for.
const LOOK: Duration = Duration::from_millis(50);

/// When it is given up.
const GIVE_UP: Duration = Duration::from_mins(1);

/// The longest silence of each living node in each fault, and how long it took after its end.
#[derive(Debug, Default)]
pub(super) struct Stalls {
    of: BTreeMap<String, Vec<(Duration, Duration)>>,
}

impl Stalls {
    /// Waits until every node acknowledges what was sent after `ended`, notes the stalls of what began at `began`, and says
    /// how long it took. `gone` are nodes that were not there meanwhile.
    pub(super) async fn recover(
        &mut self,
        name: &str,
        (began, ended): (Instant, Instant),
        gone: &[usize],
        ledger: &Ledger,
    ) -> Duration {
        let mut slowest = Duration::ZERO;
        for node in 0..NODES {
            let since = loop {
                if let Some(at) = goes_on_at(ledger, node, ended) {
                    break at - ended;
                }
                if ended.elapsed() > GIVE_UP {
                    break ended.elapsed();
                }
                tokio::time::sleep(LOOK).await;
            };
            if since > RECOVERY {
                ledger.broken(format!(
                    "node {node} acknowledged nothing new, or heard nothing of the other, for {since:?} after the end of: {name}"
                ));
            }
            slowest = slowest.max(since);
            let silence = if gone.contains(&node) {
                since
            } else {
                longest_silence(ledger, node, began)
            };
            self.of.entry(name.to_owned()).or_default().push((silence, since));
        }
        slowest
    }

    /// A line for each kind: how often, and the stalls.
    pub(super) fn lines(&self) -> Vec<String> {
        let seconds = |time: Duration| format!("{:6.2}", time.as_secs_f64());
        let line = |(name, all): (&String, &Vec<(Duration, Duration)>)| {
            let (p50, most) = percentiles(all.iter().map(|(silence, _)| *silence));
            let (p50_after, most_after) = percentiles(all.iter().map(|(_, since)| *since));
            format!(
                "{name:<52} {:>3}  {} {}   {} {}",
                all.len() / NODES,
                seconds(p50),
                seconds(most),
                seconds(p50_after),
                seconds(most_after)
            )
        };
        let head = format!("{:<52} {:>3}  {:^13}   {:^13}", "", "", "stall, s", "after its end");
        let names = format!(
            "{:<52} {:>3}  {:>6} {:>6}   {:>6} {:>6}",
            "fault", "n", "p50", "max", "p50", "max"
        );
        [head, names].into_iter().chain(self.of.iter().map(line)).collect()
    }
}

fn percentiles(of: impl Iterator<Item = Duration>) -> (Duration, Duration) {
    let mut all: Vec<Duration> = of.collect();
    all.sort_unstable();
    let middle = all.get(all.len().saturating_sub(1) / 2).copied().unwrap_or_default();
    (middle, all.last().copied().unwrap_or_default())
}

/// When a node has both acknowledged and delivered something that was sent after `when`.
fn goes_on_at(ledger: &Ledger, node: usize, when: Instant) -> Option<Instant> {
    let book = ledger.open();
    let first = |pulses: &[Pulse]| {
        let newest_first = pulses.iter().rev().take_while(|pulse| pulse.came >= when);
        let fresh = newest_first.filter(|pulse| pulse.node == node && pulse.sent >= when);
        fresh.map(|pulse| pulse.came).min()
    };
    Some(first(&book.pulses)?.max(first(&book.crossings)?))
}

/// The longest time between two acknowledgements of a node, from the last before `since` on.
fn longest_silence(ledger: &Ledger, node: usize, since: Instant) -> Duration {
    let book = ledger.open();
    let of_node = book.pulses.iter().rev().filter(|pulse| pulse.node == node);
    let mut later = None;
    let mut longest = Duration::ZERO;
    for pulse in of_node {
        if let Some(later) = later {
            longest = longest.max(later - pulse.came);
        }
        later = Some(pulse.came);
        if pulse.came < since {
            break;
        }
    }
    longest
}
