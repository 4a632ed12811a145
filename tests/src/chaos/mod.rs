//! Real processes, real faults: two nodes on a replica set of three, clients that talk all the while, and everything they
//! were told held against the log in the end.
//!
//! ```text
//! readers --- proxy --- node 0 --- proxy --- mongod x 3, which reach each other through their proxies too
//!                  \--- node 1 ---/
//! ```
//!
//! What is done, to whom, in which order and for how long comes from a seed; when exactly it hits, chance decides.

mod cluster;
mod dice;
mod faults;
mod ledger;
mod reader;
mod room;
mod run;
mod stalls;
mod truth;
mod verdict;

use std::time::Duration;

use tokio::time::Instant;

use faults::Kind;
use ledger::Ledger;
pub use run::run;

/// What to do.
#[derive(Debug, Clone)]
pub struct Options {
    /// Where all choices come from.
    pub seed: u64,
    /// How long faults go on; `None`: each kind that takes little time, once.
    pub time: Option<Duration>,
    /// Only kinds of fault whose name has this text.
    pub only: Option<String>,
}

impl Options {
    fn short(&self) -> bool {
        self.time.is_none()
    }

    fn wants(&self, kind: Kind) -> bool {
        self.only
            .as_ref()
            .is_none_or(|only| kind.to_string().contains(only.as_str()))
    }
}

/// Tells what goes on, and notes what is wrong.
#[derive(Debug, Clone)]
struct Say {
    started: Instant,
    ledger: Ledger,
}

impl Say {
    fn line(&self, what: &str) {
        println!("{:6.1} s  {what}", self.started.elapsed().as_secs_f64());
    }
}
