//! The scenarios, with the peers side by side, in rounds that take turns.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use clap::{Args, ValueEnum};
use e2e::mongod::Mongod;

use crate::load::{Outcome, interrupted};
use crate::peer::{Kind, Site};
use crate::report::{Measured, number, table};
use crate::scenario::{Figures, GENERATOR, Scenario, Size};
use crate::{goals, machine};

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Peers, by their names or how they begin: `ours` is both.
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Scenarios; all where none is named.
    #[arg(long, value_delimiter = ',')]
    scenario: Vec<Scenario>,
    /// How often each is measured.
    #[arg(long, default_value_t = 3)]
    rounds: u32,
    /// Seconds of each measurement, after two that do not count.
    #[arg(long, default_value_t = 5)]
    seconds: u64,
    /// One round of two seconds each.
    #[arg(long)]
    quick: bool,
    /// Without the room of 1,000,000 events, which takes minutes to fill.
    #[arg(long)]
    no_million: bool,
    /// With mongod as the tests have it: 0.25 GB of cache and an oplog of 64 MB, which a busy one outgrows within seconds.
    #[arg(long)]
    small_mongod: bool,
}

impl Options {
    fn kinds(&self) -> Outcome<Vec<Kind>> {
        let all = Kind::value_variants();
        for only in &self.only {
            if !all.iter().any(|kind| kind.name().starts_with(only)) {
                let names: Vec<_> = all.iter().map(|kind| kind.name()).collect();
                return Err(format!("there is no peer {only}: {}", names.join(", ")).into());
            }
        }
        let wanted = |kind: &Kind| match &*self.only {
            [] => kind.is_column(),
            only => only.iter().any(|only| kind.name().starts_with(only)),
        };
        Ok(all.iter().copied().filter(wanted).collect())
    }

    fn size(&self) -> Size {
        Size {
            time: Duration::from_secs(if self.quick { 2 } else { self.seconds }),
            warm_up: Duration::from_secs(if self.quick { 1 } else { 2 }),
            million: !self.no_million && !self.quick,
        }
    }

    fn rounds(&self) -> u32 {
        if self.quick { 1 } else { self.rounds }
    }

    /// Whether nothing is left out, and there is a spread.
    fn is_whole(&self) -> bool {
        self.only.is_empty() && self.scenario.is_empty() && !self.no_million && !self.small_mongod && self.rounds() >= 3
    }
}

pub(crate) async fn run(options: &Options) -> Outcome<()> {
    let (began, load) = (Instant::now(), machine::load());
    let (kinds, absent) = prepare(options.kinds()?);
    let scenarios = match &*options.scenario {
        [] => Scenario::value_variants(),
        some => some,
    };
    let mongod = if kinds.iter().any(|kind| kind.stores_in_mongodb()) {
        Some(if options.small_mongod {
            Mongod::shared().await
        } else {
            Mongod::shared_at_full_size().await
        })
    } else {
        None
    };
    let site = Site { mongod };
    let (mut measured, mut notes) = (Measured::new(), absent);
    for round in 0..options.rounds() {
        for scenario in scenarios {
            let mut turns: Vec<_> = kinds.iter().copied().filter(|kind| scenario.suits(*kind)).collect();
            // Each is first in its turn: whatever else the machine does meets all alike.
            let count = turns.len().max(1);
            turns.rotate_left(round as usize % count);
            for kind in turns {
                let name = format!("{} {}", scenario.name(), kind.name());
                match scenario.run(kind, &site, options.size()).await {
                    Ok(figures) => {
                        println!("{round} {name}: {}", said(&figures));
                        measured.push((round, *scenario, kind, figures));
                    }
                    Err(error) if interrupted() => return Err(error),
                    Err(error) => {
                        println!("{round} {name}: not measured: {error}");
                        notes.push(format!("{name} was not measured in round {round}: {error}"));
                    }
                }
            }
        }
    }
    // Of a mongod that is not ours nobody knows how it was set up, nor what it spent.
    let is_own = site.mongod.is_none_or(|mongod| mongod.pid().is_some());
    let is_whole = options.is_whole() && is_own;
    report(options, is_whole, &measured, &notes, began.elapsed(), load)
}

/// Those that can be measured here, and why the others cannot.
fn prepare(kinds: Vec<Kind>) -> (Vec<Kind>, Vec<String>) {
    let (mut here, mut absent) = (Vec::new(), BTreeMap::new());
    for kind in kinds {
        match kind.prepare() {
            Ok(()) => here.push(kind),
            Err(error) => {
                let note = format!("{} is not here: {error}", kind.name());
                println!("{note}");
                absent.insert(kind, note);
            }
        }
    }
    (here, absent.into_values().collect())
}

fn report(
    options: &Options,
    is_whole: bool,
    measured: &Measured,
    notes: &[String],
    took: Duration,
    load: String,
) -> Outcome<()> {
    let (table, goals) = (table(measured), goals::table(measured, is_whole));
    let all = measured.iter().flat_map(|(.., figures)| figures);
    let busiest = all
        .filter(|(name, _)| *name == GENERATOR)
        .map(|(_, value)| *value)
        .fold(0.0, f64::max);
    let mut text = format!(
        "{table}\nMedians of {} rounds; the rows below each say what ours is of the figure above, within each round: median (least \
         to most). The load generator used at most {} % of a core. It took {} s.\n",
        options.rounds(),
        number(busiest),
        took.as_secs(),
    );
    text.extend(notes.iter().map(|note| format!("\n{note}\n")));
    if goals.lines().count() > 2 {
        let _ = write!(text, "\n## Goals\n\n{goals}");
    }
    println!("\n{text}");
    if is_whole {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("RESULTS.md");
        let head = "# A run of the benchmark\n\nREADME.md says what each row is. Ratios count, and only those within a round.\n";
        std::fs::write(
            &file,
            format!("{head}\n{text}\n## Where\n\n{}", machine::described(load)),
        )?;
        println!("written to bench/RESULTS.md");
    } else {
        println!("not written to bench/RESULTS.md: a whole run is, `npm run bench`");
    }
    Ok(())
}

fn said(figures: &Figures) -> String {
    let said: Vec<_> = figures
        .iter()
        .filter(|(_, value)| *value != 0.0)
        .map(|(name, value)| format!("{} {name}", number(*value)))
        .collect();
    said.join(", ")
}
