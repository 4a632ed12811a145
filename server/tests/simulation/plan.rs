//! What one seed does: how many nodes and clients, and what goes wrong for them how often.

use std::time::Duration;

use crate::dice::Dice;

/// Everything a run is made from.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) clients: usize,
    pub(crate) books: u64,
    /// Things each client does before it is quiet.
    pub(crate) turns: u64,
    /// Milliseconds between two of them, at most.
    pub(crate) pace: u64,
    /// Whether two clients are one user each time.
    pub(crate) shared_users: bool,
    /// Whether every client posts once more when the faults are over.
    pub(crate) farewell: bool,
    /// Bytes that may wait for one connection.
    pub(crate) outbox_bytes: usize,
    /// Messages a client's window holds.
    pub(crate) window: usize,
    /// Times in a thousand that a client's turn is to stop reading for a while.
    pub(crate) naps: u64,
    /// Times in a thousand that a client's turn is to lose its connection.
    pub(crate) drops: u64,
    /// How far each node's clock is from the first one's, in milliseconds.
    pub(crate) skews: Vec<i64>,
    pub(crate) faults: Faults,
    pub(crate) outages: Vec<Outage>,
    pub(crate) ends: Vec<NodeEnd>,
}

/// How often the log lets a node down: times in a thousand, each.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Faults {
    /// Milliseconds a call takes on the way there, and as many on the way back.
    pub(crate) latency: u64,
    /// A call takes seconds.
    pub(crate) slow: u64,
    pub(crate) unknown_written: u64,
    pub(crate) unknown_lost: u64,
    /// Reported unknown, and written some seconds later.
    pub(crate) unknown_late: u64,
    pub(crate) unavailable: u64,
    /// Only a prefix is written.
    pub(crate) partly: u64,
    /// Stopped by an event that is then rolled back.
    pub(crate) ghost: u64,
    pub(crate) read_error: u64,
    /// Milliseconds an event takes through the tail.
    pub(crate) tail_lag: u64,
    pub(crate) tail_broken: u64,
    pub(crate) tail_refused: u64,
    /// The tail says nothing for seconds, and what it would have said is lost.
    pub(crate) tail_silent: u64,
    pub(crate) tail_repeats: u64,
}

/// A node cannot reach the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outage {
    pub(crate) node: usize,
    pub(crate) from: u64,
    pub(crate) until: u64,
}

/// A node ends, and another takes its place two seconds later.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NodeEnd {
    pub(crate) node: usize,
    pub(crate) at: u64,
    /// Whether it says goodbye and does what it was asked, or dies.
    pub(crate) drains: bool,
}

impl Plan {
    /// The plan of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        let dice = Dice::new(seed, 0);
        let nodes = dice.pick(&[1, 2, 2, 3]);
        let clients = dice.pick(&[5, 5, 6, 8, 12, 20]);
        let turns = if clients > 8 { 10 } else { 24 };
        let pace = dice.pick(&[30, 150, 600, 600, 3_000, 6_000]);
        let length = turns * pace * 3 / 4;
        let sometimes = |rate: u64| if dice.per_mille(400) { dice.between(1, rate) } else { 0 };
        let faults = Faults {
            latency: dice.pick(&[0, 2, 10, 60]),
            slow: sometimes(30),
            unknown_written: sometimes(150),
            unknown_lost: sometimes(150),
            unknown_late: sometimes(150),
            unavailable: sometimes(200),
            partly: sometimes(200),
            ghost: sometimes(100),
            read_error: sometimes(200),
            tail_lag: dice.pick(&[0, 5, 80, 700]),
            tail_broken: sometimes(60),
            tail_refused: sometimes(500),
            tail_silent: sometimes(40),
            tail_repeats: sometimes(200),
        };
        let outage = |_| {
            let from = dice.between(0, length);
            Outage {
                node: dice.below(nodes),
                from,
                until: from + dice.pick(&[300, 3_000, 14_000]),
            }
        };
        let outages = (0..dice.pick(&[0, 0, 1, 3])).map(outage).collect();
        let end = |_| NodeEnd {
            node: dice.below(nodes),
            at: dice.between(length / 8, length),
            drains: dice.per_mille(500),
        };
        let ends = (0..dice.pick(&[0, 0, 1, 2])).map(end).collect();
        Self {
            seed,
            nodes,
            clients,
            books: dice.pick(&[1, 1, 2]),
            turns,
            pace,
            shared_users: dice.per_mille(300),
            farewell: dice.per_mille(500),
            outbox_bytes: dice.pick(&[8_192, 32_768, 1_048_576]),
            window: dice.pick(&[50, 60, 500]),
            naps: sometimes(60),
            drops: dice.pick(&[0, 30, 120]),
            skews: (0..nodes).map(|_| dice.pick(&[0, 3, 5_000])).collect(),
            faults,
            outages,
            ends,
        }
    }

    /// How long the clients may take to be of one mind once the faults are over. A silent loss is found by the sweep
    /// alone, which comes every 30 s; everything else shows at once.
    pub(crate) fn patience(&self) -> Duration {
        Duration::from_secs(if self.faults.tail_silent > 0 { 50 } else { 20 })
    }
}
