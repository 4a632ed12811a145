//! Log lines, on stderr. No word of a message, no token and no password is in any of them, at any level.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::LogFormat;
use crate::metrics::panics;

/// What a panic's line is told by, so that no `RUST_LOG` keeps it back.
const PANICS: &str = "readrealm_server::panic";

/// Begins to write log lines: those of `RUST_LOG`, else from `info` on. A panic is one of them from now on, whatever `RUST_LOG`
/// asks for, and counted.
pub fn start(format: LogFormat) {
    let asked = std::env::var(EnvFilter::DEFAULT_ENV).unwrap_or_default();
    lines(format, wanted(&asked), std::io::stderr, std::io::stderr().is_terminal()).init();
    std::panic::set_hook(Box::new(panicked));
}

/// Why the server ends by itself: its last line, whatever `RUST_LOG` asks for.
pub fn last_words(format: LogFormat, why: &str) {
    match format {
        LogFormat::Text => eprintln!("readrealm-server: {why}"),
        LogFormat::Json => {
            let always = lines(format, EnvFilter::new("error"), std::io::stderr, false);
            tracing::subscriber::with_default(always, || tracing::error!("{why}"));
        }
    }
}

/// Where it was. What it says is told only where it stands in the program as it is: there may be a message in what is put together.
fn panicked(panic: &PanicHookInfo<'_>) {
    panics().inc();
    let backtrace = Backtrace::capture();
    let backtrace = (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(backtrace));
    tracing::error!(
        target: PANICS,
        at = panic.location().map(tracing::field::display),
        what = panic.payload().downcast_ref::<&'static str>(),
        thread = std::thread::current().name(),
        backtrace,
        "a panic: this is a mistake in the program"
    );
}

fn wanted(asked: &str) -> EnvFilter {
    let asked = if asked.is_empty() { "info" } else { asked };
    EnvFilter::try_new(format!("{asked},{PANICS}=error"))
        .unwrap_or_else(|_| EnvFilter::new(format!("info,{PANICS}=error")))
}

fn lines<W>(format: LogFormat, wanted: EnvFilter, to: W, coloured: bool) -> impl Subscriber + Send + Sync
where
    W: for<'writer> MakeWriter<'writer> + Send + Sync + 'static,
{
    let lines = fmt::layer().with_ansi(coloured).with_writer(to);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().boxed(),
    };
    tracing_subscriber::registry()
        .with(lines.with_filter(wanted))
        .with(filter_fn(may_be_written))
}

/// What libraries say below `info` is never written, whatever `RUST_LOG` asks for: they speak of what they handle there,
/// commands with their documents and messages with their bytes.
fn may_be_written(metadata: &Metadata<'_>) -> bool {
    metadata.target().starts_with("readrealm_") || *metadata.level() <= Level::INFO
}

#[cfg(test)]
mod tests {
    use std::io::{Result, Write};
    use std::sync::{Arc, Mutex};

    use super::*;

    #[derive(Debug, Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }
        fn flush(&mut self) -> Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_panic_is_told_whatever_is_asked_for() {
        for asked in ["off", "mongodb=info", "readrealm_server=off", "no=such=filter", ""] {
            let written = Written::default();
            let writer = written.clone();
            let subscriber = lines(LogFormat::Text, wanted(asked), move || writer.clone(), false);
            tracing::subscriber::with_default(subscriber, || {
                tracing::error!(target: PANICS, "a panic");
                tracing::debug!("our own");
            });
            let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
            assert!(written.contains("a panic"), "{asked}: {written}");
            assert!(!written.contains("our own"), "{asked}: {written}");
        }
    }

    #[test]
    fn libraries_are_heard_from_info_on_whatever_is_asked_for() {
        let written = Written::default();
        let writer = written.clone();
        let wanted = EnvFilter::new("trace,mongodb::command=trace,[request]=trace");
        let subscriber = lines(LogFormat::Text, wanted, move || writer.clone(), false);
        tracing::subscriber::with_default(subscriber, || {
            tracing::trace!(target: "mongodb::command", "an insert with words");
            tracing::debug!(target: "hyper::proto", "a header with a token");
            tracing::info!(target: "mongodb", "connected");
            tracing::trace!("our own");
        });
        let written = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        assert!(!written.contains("words") && !written.contains("token"), "{written}");
        assert!(
            written.contains("connected") && written.contains("our own"),
            "{written}"
        );
    }
}
