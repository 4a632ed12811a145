//! `log verify`: is every stored event what the log promises, and is there what the promises rest on?

use clap::Args;
use futures_util::TryStreamExt;
use readrealm_protocol::{BookId, Epoch};

use super::check::Checker;
use super::progress::Progress;
use super::writer::Output;
use super::{AdminError, book_id, counted};
use crate::log::inspect::{LogReader, open_reader};
use crate::log::open::StoreUrl;

/// Repeated ids that are looked for.
const REPEATED: usize = 1_000;

/// Check every stored event, and what the log's promises rest on.
///
/// Reads every stored event beside a live server, and says what is wrong: one line each on stdout, then one that counts.
///
/// Exit code 0: nothing is wrong; 1: something is; 2: the log could not be read.
#[derive(Debug, Args)]
pub struct Verify {
    /// Only this room.
    #[arg(long, value_name = "BOOK", value_parser = book_id)]
    book: Option<BookId>,

    /// How many findings are printed. All are counted.
    #[arg(long, value_name = "N", default_value_t = 100)]
    show: u64,
}

/// Findings, of which a bounded number is shown.
struct Findings {
    output: Output,
    show: u64,
    count: u64,
}

impl Findings {
    fn add(&mut self, finding: &str) -> Result<(), AdminError> {
        self.count += 1;
        if self.count <= self.show {
            self.output.line(finding)?;
        }
        Ok(())
    }
}

impl Verify {
    /// Runs the command. Returns whether nothing is wrong.
    pub async fn run(self, store: &StoreUrl) -> Result<bool, AdminError> {
        let log = open_reader(store).await?;
        let mut findings = Findings {
            output: Output::stdout(),
            show: self.show,
            count: 0,
        };
        for defect in foundations(&*log).await? {
            findings.add(&defect)?;
        }
        for (id, count) in log.repeated_ids(self.book, REPEATED).await? {
            findings.add(&format!("{count} events bear the id {id:?}"))?;
        }
        let (mut checker, mut progress) = (Checker::default(), Progress::new("events", None));
        let mut events = log.scan(self.book);
        while let Some(event) = events.try_next().await? {
            for finding in checker.check(event) {
                findings.add(&finding)?;
            }
            progress.add(1);
        }
        progress.finish();
        let Findings { mut output, count, .. } = findings;
        if count > self.show {
            output.line(&format!("and {} more", count - self.show))?;
        }
        let (rooms, events) = (counted(checker.rooms, "room"), counted(checker.events, "event"));
        output.line(&format!("{rooms}, {events}, {}", counted(count, "finding")))?;
        output.finish()?;
        Ok(count == 0)
    }
}

/// What is wrong with the log itself.
async fn foundations(log: &dyn LogReader) -> Result<Vec<String>, AdminError> {
    let mut defects = log.defects().await?;
    let about = log.about().await?;
    if about.format.is_none() {
        defects.push("the log has no format".to_owned());
    }
    let epoch = about.epoch.unwrap_or_default();
    if epoch.is_empty() || Epoch::try_from(epoch.as_str()).is_err() {
        defects.push("the log has no epoch".to_owned());
    }
    Ok(defects)
}
