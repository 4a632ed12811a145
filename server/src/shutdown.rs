//! When the server is to end, and how soon: by signals, or by whoever runs it.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

/// Says that the server is to end. Its copies say the same.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    begun: CancellationToken,
    hurried: CancellationToken,
}

impl Shutdown {
    /// The server is to end.
    pub fn begin(&self) {
        self.begun.cancel();
    }

    /// It is to end without waiting for load balancers to see it.
    pub fn hurry(&self) {
        self.begun.cancel();
        self.hurried.cancel();
    }

    /// Cancelled once the server is to end.
    pub fn begun(&self) -> CancellationToken {
        self.begun.clone()
    }

    /// Does it, unless the server is to end meanwhile.
    pub async fn unless_begun<T>(&self, what: impl Future<Output = T>) -> Option<T> {
        self.begun.run_until_cancelled(what).await
    }

    /// Waits until the server is to end, and then for so long, or until it hurries.
    pub async fn after(&self, delay: Duration) {
        self.begun.cancelled().await;
        tracing::info!(?delay, "shutting down");
        let _ = self.hurried.run_until_cancelled(tokio::time::sleep(delay)).await;
    }
}

/// Tells the log where a drain has no time for the spread: clients of Socket.IO, which cannot be told when to come back, are ended over it.
pub fn warn_of_spread(reconnect_spread: Duration, drain_timeout: Duration) {
    if !reconnect_spread.is_zero() && reconnect_spread >= drain_timeout {
        tracing::warn!(
            ?reconnect_spread,
            ?drain_timeout,
            "--reconnect-spread is not shorter than --drain-timeout: at a shutdown the clients of Socket.IO that are left then come back all at once"
        );
    }
}

/// Begins to hear the signals of the process: the first SIGTERM or SIGINT begins its end, the second cuts `--drain-delay` short,
/// the third ends it where it stands. SIGHUP ends nothing; `rereads` is whether somebody else reads files anew for it.
#[cfg(unix)]
pub fn obey_signals(shutdown: Shutdown, rereads: bool) -> std::io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut hangup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        let mut told = 0;
        loop {
            let kind = tokio::select! {
                _ = terminate.recv() => SignalKind::terminate(),
                _ = interrupt.recv() => SignalKind::interrupt(),
                _ = hangup.recv() => SignalKind::hangup(),
            };
            if kind == SignalKind::hangup() {
                if !rereads {
                    tracing::info!("SIGHUP: there is no certificate to be read anew");
                }
                continue;
            }
            told += 1;
            match told {
                1 => shutdown.begin(),
                2 => {
                    tracing::info!("told again: --drain-delay is cut short; once more ends it at once");
                    shutdown.hurry();
                }
                _ => {
                    tracing::warn!("told a third time: the drain is not waited for; what was acknowledged is safe");
                    // As a shell tells of who was ended by that signal.
                    std::process::exit(128 + kind.as_raw_value());
                }
            }
        }
    });
    Ok(())
}

/// The same for Ctrl-C, where that is all there is.
#[cfg(not(unix))]
pub fn obey_signals(shutdown: Shutdown, _: bool) -> std::io::Result<()> {
    tokio::spawn(async move {
        for tell in [Shutdown::begin, Shutdown::hurry, |_: &Shutdown| std::process::exit(1)] {
            if tokio::signal::ctrl_c().await.is_ok() {
                tell(&shutdown);
            }
        }
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const DELAY: Duration = Duration::from_mins(1);

    #[tokio::test(start_paused = true)]
    async fn the_delay_is_waited_for_unless_it_hurries() {
        for (hurried, waits) in [(false, DELAY), (true, Duration::ZERO)] {
            let shutdown = Shutdown::default();
            let begun = Instant::now();
            shutdown.begin();
            if hurried {
                shutdown.hurry();
            }
            shutdown.after(DELAY).await;
            assert_eq!(begun.elapsed().as_secs(), waits.as_secs());
        }
    }

    #[tokio::test]
    async fn what_is_begun_is_given_up() {
        let shutdown = Shutdown::default();
        assert_eq!(shutdown.unless_begun(async { 1 }).await, Some(1));
        shutdown.begin();
        assert_eq!(shutdown.unless_begun(std::future::pending::<()>()).await, None);
    }
}
