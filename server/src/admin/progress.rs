//! How far a long command is, on stderr: a bar where a person looks on, else a plain line now and then.

use std::{
    io::IsTerminal,
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// How often a plain line is printed.
const EVERY: Duration = Duration::from_secs(10);

/// Counts what is done.
#[derive(Debug)]
pub struct Progress {
    what: &'static str,
    bar: Option<ProgressBar>,
    done: u64,
    started: Instant,
    told: Instant,
}

impl Progress {
    /// Begins to count `what`, as in "events", of which there are `total` where that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Self {
        let now = Instant::now();
        Self {
            what,
            bar: std::io::stderr().is_terminal().then(|| bar(what, total)),
            done: 0,
            started: now,
            told: now,
        }
    }

    /// So many more are done.
    pub fn add(&mut self, count: u64) {
        self.done += count;
        if let Some(bar) = &self.bar {
            bar.set_position(self.done);
        } else if self.told.elapsed() >= EVERY {
            self.told = Instant::now();
            eprintln!("{} {} in {} s", self.done, self.what, self.started.elapsed().as_secs());
        }
    }

    /// Prints a line on stderr without tearing the bar.
    pub fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("{line}")),
            None => eprintln!("{line}"),
        }
    }

    /// Takes the bar away.
    pub fn finish(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(what: &str, total: Option<u64>) -> ProgressBar {
    let (bar, template) = match total {
        Some(total) => (
            ProgressBar::new(total),
            format!("{{bar:40}} {{human_pos}} of {{human_len}} {what}, {{per_sec}}, {{eta}} left"),
        ),
        None => (
            ProgressBar::new_spinner(),
            format!("{{spinner}} {{human_pos}} {what}, {{per_sec}}, {{elapsed}}"),
        ),
    };
    let style = ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar());
    bar.set_style(style);
    bar
}
