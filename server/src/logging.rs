//! Log lines, on stderr. No word of a message, no token and no password is in any of them, at any level.

use std::io::IsTerminal;

use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

use crate::config::LogFormat;

/// Begins to write log lines: those of `RUST_LOG`, else from `info` on.
pub fn start(format: LogFormat) {
    let wanted = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    lines(format, wanted, std::io::stderr, std::io::stderr().is_terminal()).init();
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
