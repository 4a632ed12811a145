//! The load generator: one thread, one epoll, a thin WebSocket. It shares the machine with what it measures, so that a frame
//! received costs it a header and the first bytes of the text: nothing is parsed.

mod connection;
mod crowd;
pub(crate) mod frame;
mod speech;

pub(crate) use crowd::{Ack, Crowd, Seat};
pub(crate) use speech::{Role, Speech};

use std::sync::atomic::{AtomicBool, Ordering};

/// A measurement, or one sentence on why there is none.
pub(crate) type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// Ends every crowd's next turn with an error: processes end as what holds them is dropped.
pub(crate) fn interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

/// Whether that was asked for.
pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}
