//! The one timer a connection's reader has, whatever it waits for.

use std::future::pending;
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Instant, Sleep};

/// The farthest the timer is set ahead: the runtime's own bound is two years, a token's may be thousands.
const FARTHEST: Duration = Duration::from_hours(24);

/// Rings at a time that may be another one whenever it is asked.
pub(super) struct Alarm<'a>(Pin<&'a mut Sleep>);

impl<'a> Alarm<'a> {
    /// Whatever the timer is set to.
    pub(super) fn new(timer: Pin<&'a mut Sleep>) -> Self {
        Self(timer)
    }

    /// Waits until then; for ever where there is no time. The timer is moved where it would ring too late, or has rung:
    /// one set anew for each frame would cost more than the frame.
    pub(super) async fn at(&mut self, due: Option<Instant>) {
        let Some(due) = due else { return pending().await };
        loop {
            let now = Instant::now();
            if due <= now {
                return;
            }
            if self.0.is_elapsed() || self.0.deadline() > due {
                self.0.as_mut().reset(due.min(now + FARTHEST));
            }
            self.0.as_mut().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn it_rings_when_it_is_due_whatever_it_was_set_to_before() {
        let timer = sleep(Duration::from_mins(1));
        tokio::pin!(timer);
        let mut alarm = Alarm::new(timer);
        let start = Instant::now();
        for seconds in [70, 75, 76, 100_000, 100_001] {
            let due = start + Duration::from_secs(seconds);
            alarm.at(Some(due)).await;
            assert_eq!(Instant::now().duration_since(start).as_secs(), seconds);
        }
        let sooner = tokio::time::timeout(
            Duration::from_secs(5),
            alarm.at(Some(start + Duration::from_secs(200_000))),
        );
        assert!(sooner.await.is_err());
        let due = Instant::now() + Duration::from_secs(1);
        alarm.at(Some(due)).await;
        assert_eq!(Instant::now(), due);
    }
}
