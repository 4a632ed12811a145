//! One table of all that was measured: medians, and how ours compares with each peer in the same round.

use std::fmt::Write;

use crate::peer::Kind;
use crate::scenario::{Figures, GENERATOR, Scenario};

/// What was measured, and in which round.
pub(crate) type Measured = Vec<(u32, Scenario, Kind, Figures)>;

const COLUMNS: [(Kind, &str); 6] = [
    (Kind::Nestjs, "NestJS"),
    (Kind::Socketioxide, "socketioxide"),
    (Kind::Nchan, "nchan"),
    (Kind::Floor, "floor"),
    (Kind::OursSqlite, "ours on SQLite"),
    (Kind::OursMongodb, "ours on MongoDB"),
];

/// A measure: its title, and whose figure it is.
#[derive(Debug, Clone, Copy)]
struct Row {
    title: &'static str,
    scenario: Scenario,
    figure: &'static str,
    /// Another variant of a peer, in whose column it stands.
    instead: Option<(Kind, Kind)>,
    /// Whether ours is held against the others'.
    is_compared: bool,
}

const fn row(title: &'static str, scenario: Scenario, figure: &'static str) -> Row {
    Row {
        title,
        scenario,
        figure,
        instead: None,
        is_compared: true,
    }
}

/// How near the load generator was to being what is measured.
const fn generator(scenario: Scenario) -> Row {
    Row {
        is_compared: false,
        ..row("the same: the load generator, % of a core", scenario, GENERATOR)
    }
}

const fn variant(row: Row, of: Kind, variant: Kind) -> Row {
    Row {
        instead: Some((of, variant)),
        ..row
    }
}

const EACH: &str = "us/delivery";
const INDEXED: (Kind, Kind) = (Kind::Nestjs, Kind::NestjsIndexed);

const ROWS: [Row; 28] = [
    row(
        "1 room x 1,000 at 20 messages/s: CPU us a delivery",
        Scenario::Deliver,
        EACH,
    ),
    generator(Scenario::Deliver),
    row(
        "the same room, 32 messages under way: CPU us a delivery",
        Scenario::Saturated,
        EACH,
    ),
    generator(Scenario::Saturated),
    variant(
        row("the same; the floor with 8 frames a write", Scenario::Saturated, EACH),
        Kind::Floor,
        Kind::FloorShared,
    ),
    row("200 rooms x 10, all busy: CPU us a delivery", Scenario::Rooms, EACH),
    row(
        "the same: mongod's CPU us a delivery, beside it",
        Scenario::Rooms,
        "mongod us/delivery",
    ),
    generator(Scenario::Rooms),
    row(
        "100 writers, 50 rooms, window 8: acked a second",
        Scenario::Append,
        "acked/s",
    ),
    row("the same: p50, ms", Scenario::Append, "p50 ms"),
    row("the same: p99, ms", Scenario::Append, "p99 ms"),
    row(
        "the same: the server's CPU us a message",
        Scenario::Append,
        "server us each",
    ),
    row(
        "the same: mongod's CPU us a message",
        Scenario::Append,
        "mongod us each",
    ),
    generator(Scenario::Append),
    row("window 1: acked a second", Scenario::AppendOne, "acked/s"),
    row("the same: p99, ms", Scenario::AppendOne, "p99 ms"),
    row(
        "the same: mongod's CPU us a message",
        Scenario::AppendOne,
        "mongod us each",
    ),
    generator(Scenario::AppendOne),
    row(
        "10,000 idle members: KB of memory each",
        Scenario::Idle,
        "KB/connection",
    ),
    row("the same: connects and joins a second", Scenario::Idle, "connects/s"),
    row(
        "the same: the server's CPU us each",
        Scenario::Idle,
        "server us/connect",
    ),
    generator(Scenario::Idle),
    row("join of 50 stored messages: ms", Scenario::Join, "ms hot, 50"),
    row("join of 10,000: ms", Scenario::Join, "ms hot, 10,000"),
    row("join of 200,000: ms", Scenario::Join, "ms hot, 200,000"),
    variant(
        row(
            "join of 200,000; NestJS with an index: ms",
            Scenario::Join,
            "ms hot, 200,000",
        ),
        INDEXED.0,
        INDEXED.1,
    ),
    row(
        "join of 200,000 after a restart: ms",
        Scenario::Join,
        "ms cold, 200,000",
    ),
    variant(
        row(
            "join of 1,000,000; NestJS with an index: ms",
            Scenario::Join,
            "ms hot, 1,000,000",
        ),
        INDEXED.0,
        INDEXED.1,
    ),
];

/// The table. What nobody was measured in is left out.
pub(crate) fn table(measured: &Measured) -> String {
    let mut text = String::from("| |");
    for (_, name) in COLUMNS {
        let _ = write!(text, " {name} |");
    }
    text.push_str("\n| --- | --- | --- | --- | --- | --- | --- |\n");
    for row in ROWS {
        let values = COLUMNS.map(|(kind, _)| match row.instead {
            Some((of, variant)) if kind == of => values(measured, row.scenario, variant, row.figure),
            // A variant's row is of it and of ours alone.
            Some(_) if !kind.is_ours() => Vec::new(),
            _ => values(measured, row.scenario, kind, row.figure),
        });
        if values.iter().all(Vec::is_empty) {
            continue;
        }
        let _ = write!(text, "| **{}** |", row.title);
        for values in &values {
            let _ = write!(text, " {} |", said(values.iter().map(|(_, value)| *value).collect()));
        }
        text.push('\n');
        for (ours, name) in [(4, "SQLite"), (5, "MongoDB")] {
            if values[ours].is_empty() || !row.is_compared {
                continue;
            }
            let _ = write!(text, "| {name} / it |");
            for (at, theirs) in values.iter().enumerate() {
                let ratios = if at == ours {
                    Vec::new()
                } else {
                    ratios(&values[ours], theirs)
                };
                let _ = write!(text, " {} |", spread(ratios));
            }
            text.push('\n');
        }
    }
    text
}

/// A peer's figure, by rounds.
pub(crate) fn values(measured: &Measured, scenario: Scenario, kind: Kind, figure: &str) -> Vec<(u32, f64)> {
    let same = measured
        .iter()
        .filter(|(_, asked, whose, _)| (*asked, *whose) == (scenario, kind));
    let figures = same.filter_map(|(round, _, _, figures)| {
        let figure = figures.iter().find(|(name, _)| *name == figure)?;
        (figure.1 > 0.0).then_some((*round, figure.1))
    });
    figures.collect()
}

/// Within each round alone: between rounds the machine's speed is another.
pub(crate) fn ratios(ours: &[(u32, f64)], theirs: &[(u32, f64)]) -> Vec<f64> {
    let pairs = ours.iter().filter_map(|(round, ours)| {
        let theirs = theirs.iter().find(|(other, _)| other == round)?;
        Some(ours / theirs.1)
    });
    pairs.collect()
}

fn said(values: Vec<f64>) -> String {
    median(values).map_or_else(|| "-".to_owned(), |(_, median, _)| number(median))
}

pub(crate) fn spread(values: Vec<f64>) -> String {
    let several = values.len() > 1;
    match median(values) {
        Some((least, median, most)) if several => {
            format!("{} ({} to {})", number(median), number(least), number(most))
        }
        Some((_, median, _)) => number(median),
        None => String::new(),
    }
}

/// The least, the middle and the most.
pub(crate) fn median(mut values: Vec<f64>) -> Option<(f64, f64, f64)> {
    values.sort_by(f64::total_cmp);
    let middle = (values.len().checked_sub(1)? / 2, values.len() / 2);
    let median = f64::midpoint(values[middle.0], values[middle.1]);
    Some((*values.first()?, median, *values.last()?))
}

/// Two or three digits that count, and all before the point.
pub(crate) fn number(value: f64) -> String {
    match value.abs() {
        least if least > 0.0 && least < 0.001 => format!("{value:.1e}"),
        tiny if tiny < 0.1 => format!("{value:.3}"),
        small if small < 10.0 => format!("{value:.2}"),
        medium if medium < 100.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ratios_are_taken_within_rounds_and_medians_over_them() {
        let one = |round, kind, value| (round, Scenario::Deliver, kind, vec![(EACH, value)]);
        let measured = vec![
            one(0, Kind::Nchan, 10.0),
            one(0, Kind::OursSqlite, 8.0),
            // A slower round, the same ratio.
            one(1, Kind::OursSqlite, 16.0),
            one(1, Kind::Nchan, 20.0),
            one(2, Kind::Nchan, 12.0),
        ];
        let table = table(&measured);
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(
            rows,
            [
                "| **1 room x 1,000 at 20 messages/s: CPU us a delivery** | - | - | 12.0 | - | 12.0 | - |",
                "| SQLite / it |  |  | 0.80 (0.80 to 0.80) |  |  |  |",
            ]
        );
    }
}
