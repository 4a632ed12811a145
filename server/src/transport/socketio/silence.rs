//! A clock of this side's own, for sessions that the engine asks for no sign of life, or not any more.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::engine::Link;

/// Rings where nothing was heard for one whole period, which is noticed within another.
#[derive(Debug)]
pub(super) struct Silence {
    period: Duration,
    timer: Pin<Box<Sleep>>,
}

impl Silence {
    pub(super) fn new(period: Duration) -> Self {
        Self {
            period,
            timer: Box::pin(sleep(period)),
        }
    }

    /// Waits for it to ring.
    pub(super) fn poll(&mut self, link: &Link, context: &mut Context<'_>) -> Poll<()> {
        loop {
            ready!(self.timer.as_mut().poll(context));
            if !link.was_heard() {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(Instant::now() + self.period);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_when_nothing_was_heard_for_a_period() {
        let (link, period, start) = (Link::default(), Duration::from_mins(1), Instant::now());
        let mut silence = Silence::new(period);
        let speaking = async {
            for _ in 0..10 {
                link.heard();
                sleep(Duration::from_secs(25)).await;
            }
        };
        tokio::join!(speaking, poll_fn(|context| silence.poll(&link, context)));
        // Last heard at 225 s.
        assert_eq!(start.elapsed(), Duration::from_mins(5));
    }
}
