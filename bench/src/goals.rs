//! What this project promises itself of its speed, and whether a run kept it. Where it is a ratio, both figures are of one round.

use std::fmt::Write;

use crate::peer::Kind::{self, Floor, FloorShared, Nchan, Nestjs, OursMongodb, OursSqlite, Socketioxide};
use crate::report::{Measured, median, number, ratios, spread, values};
use crate::scenario::Scenario::{self, Append, AppendOne, Deliver, Idle, Join, Rooms, Saturated};

/// What a figure is held to.
#[derive(Debug, Clone, Copy)]
enum To {
    /// As it is.
    Itself,
    /// What this peer has.
    Peer(Kind),
    /// Another figure of the same measurement.
    Own(&'static str),
}
use To::{Itself, Own, Peer};

#[derive(Debug, Clone, Copy)]
enum Bound {
    AtMost(f64),
    AtLeast(f64),
}
use Bound::{AtLeast, AtMost};

/// One goal of ours, on one or both engines; or what is wished for beyond it.
#[derive(Debug, Clone, Copy)]
struct Goal {
    says: &'static str,
    figure: (Scenario, &'static str),
    ours: &'static [Kind],
    to: To,
    bound: Bound,
    is_aim: bool,
}

const BOTH: &[Kind] = &[OursSqlite, OursMongodb];
const SQLITE: &[Kind] = &[OursSqlite];
const MONGODB: &[Kind] = &[OursMongodb];

type Figure = (Scenario, &'static str);
const PACED: Figure = (Deliver, "us/delivery");
const SHOUTED: Figure = (Saturated, "us/delivery");
const SMALL: Figure = (Rooms, "us/delivery");
const ACKED: Figure = (Append, "acked/s");
const ACKED_ONE: Figure = (AppendOne, "acked/s");
const HOT: Figure = (Join, "ms hot, 50");
const HOT_200_000: Figure = (Join, "ms hot, 200,000");
const HOT_1_000_000: Figure = (Join, "ms hot, 1,000,000");

/// Medians of some hundred joins, each of a few dozen microseconds, are flat within this.
const FLAT: Bound = AtMost(1.25);

#[rustfmt::skip]
const GOALS: [Goal; 20] = [
    goal("delivery, 1 room x 1,000 at 20/s: / nchan", PACED, BOTH, Peer(Nchan), AtMost(1.0)),
    aim("the same: / floor", PACED, BOTH, Peer(Floor), AtMost(1.15)),
    goal("delivery, saturated: / socketioxide", SHOUTED, BOTH, Peer(Socketioxide), AtMost(1.0)),
    aim("the same: / floor, 8 frames a write", SHOUTED, BOTH, Peer(FloorShared), AtMost(2.0)),
    goal("delivery, 200 rooms x 10: / socketioxide", SMALL, SQLITE, Peer(Socketioxide), AtMost(1.0)),
    goal("delivery, 200 rooms x 10: / socketioxide", SMALL, MONGODB, Peer(Socketioxide), AtMost(1.5)),
    goal("acked a second, window 8: / NestJS", ACKED, MONGODB, Peer(Nestjs), AtLeast(12.0)),
    aim("the same", ACKED, MONGODB, Peer(Nestjs), AtLeast(20.0)),
    goal("the same: p99, ms", (Append, "p99 ms"), MONGODB, Itself, AtMost(60.0)),
    goal("the same: mongod's CPU, us a message", (Append, "mongod us each"), MONGODB, Itself, AtMost(70.0)),
    goal("acked a second, window 8", ACKED, SQLITE, Itself, AtLeast(20_000.0)),
    goal("acked a second, window 1: / NestJS", ACKED_ONE, MONGODB, Peer(Nestjs), AtLeast(6.0)),
    goal("idle member, KB", (Idle, "KB/connection"), BOTH, Itself, AtMost(8.0)),
    goal("connects with their joins a second", (Idle, "connects/s"), BOTH, Itself, AtLeast(10_000.0)),
    goal("join, 50 stored, ms", HOT, BOTH, Itself, AtMost(0.7)),
    goal("join, 10,000 stored, ms", (Join, "ms hot, 10,000"), BOTH, Itself, AtMost(0.7)),
    goal("join, 200,000 stored, ms", HOT_200_000, BOTH, Itself, AtMost(0.7)),
    goal("the same: / 50 stored", HOT_200_000, BOTH, Own(HOT.1), FLAT),
    goal("join, 1,000,000 stored, ms", HOT_1_000_000, BOTH, Itself, AtMost(0.7)),
    goal("the same: / 50 stored", HOT_1_000_000, BOTH, Own(HOT.1), FLAT),
];

const fn goal(says: &'static str, figure: Figure, ours: &'static [Kind], to: To, bound: Bound) -> Goal {
    Goal {
        says,
        figure,
        ours,
        to,
        bound,
        is_aim: false,
    }
}

const fn aim(says: &'static str, figure: Figure, ours: &'static [Kind], to: To, bound: Bound) -> Goal {
    Goal {
        is_aim: true,
        ..goal(says, figure, ours, to, bound)
    }
}

impl Bound {
    fn is_met(self, value: f64) -> bool {
        match self {
            AtMost(bound) => value <= bound,
            AtLeast(bound) => value >= bound,
        }
    }

    fn said(self) -> String {
        match self {
            AtMost(bound) => format!("<= {}", number(bound)),
            AtLeast(bound) => format!(">= {}", number(bound)),
        }
    }
}

impl Goal {
    /// What it is judged by, a value for each round in which it can be told.
    fn values(&self, measured: &Measured, ours: Kind) -> Vec<f64> {
        let (scenario, figure) = self.figure;
        let mine = values(measured, scenario, ours, figure);
        match self.to {
            Itself => mine.into_iter().map(|(_, value)| value).collect(),
            Peer(peer) => ratios(&mine, &values(measured, scenario, peer, figure)),
            Own(other) => ratios(&mine, &values(measured, scenario, ours, other)),
        }
    }

    fn verdict(&self, values: &[f64]) -> String {
        let met = values.iter().filter(|value| self.bound.is_met(**value)).count();
        let is_met = median(values.to_vec()).map(|(_, median, _)| self.bound.is_met(median));
        let verdict = match (is_met, self.is_aim) {
            (None, _) => return "not measured".to_owned(),
            (Some(true), _) => "met",
            (Some(false), false) => "**missed**",
            (Some(false), true) => "not reached",
        };
        format!("{verdict}, {met} of {}", values.len())
    }
}

/// The goals, by the median, and in how many rounds. What was not measured is left out where it was not `all` to be.
pub(crate) fn table(measured: &Measured, all: bool) -> String {
    let mut text =
        String::from("| goal | ours on | to be | median (least to most) | rounds |\n| --- | --- | --- | --- | --- |\n");
    for goal in GOALS {
        for ours in goal.ours {
            let engine = if *ours == OursSqlite { "SQLite" } else { "MongoDB" };
            let aim = if goal.is_aim { "aim: " } else { "" };
            let (bound, values) = (goal.bound.said(), goal.values(measured, *ours));
            if values.is_empty() && !all {
                continue;
            }
            let verdict = goal.verdict(&values);
            let _ = writeln!(
                text,
                "| {} | {engine} | {aim}{bound} | {} | {verdict} |",
                goal.says,
                spread(values)
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_goal_is_judged_by_the_median_of_ratios_within_rounds() {
        let of = |round, kind, each| (round, Deliver, kind, vec![("us/delivery", each)]);
        let measured = vec![
            of(0, Nchan, 8.0),
            of(0, OursSqlite, 6.0),
            of(1, Nchan, 16.0),
            of(1, OursSqlite, 20.0),
            of(2, Nchan, 4.0),
            of(2, OursSqlite, 2.0),
            of(0, Floor, 4.0),
        ];
        let table = table(&measured, true);
        let rows: Vec<_> = table.lines().skip(2).collect();
        let told =
            "| delivery, 1 room x 1,000 at 20/s: / nchan | SQLite | <= 1.00 | 0.75 (0.50 to 1.25) | met, 2 of 3 |";
        assert_eq!(rows[0], told);
        assert!(
            rows[1].ends_with("| MongoDB | <= 1.00 |  | not measured |"),
            "{}",
            rows[1]
        );
        assert!(
            rows[2].ends_with("| SQLite | aim: <= 1.15 | 1.50 | not reached, 0 of 1 |"),
            "{}",
            rows[2]
        );
    }

    #[test]
    fn what_is_over_a_bound_is_missed() {
        let measured = vec![(
            0,
            Idle,
            OursSqlite,
            vec![("KB/connection", 8.1), ("connects/s", 10_000.0)],
        )];
        let table = table(&measured, false);
        assert_eq!(table.lines().count(), 4);
        assert!(
            table.contains("| idle member, KB | SQLite | <= 8.00 | 8.10 | **missed**, 0 of 1 |"),
            "{table}"
        );
        assert!(table.contains("| SQLite | >= 10000 | 10000 | met, 1 of 1 |"), "{table}");
    }
}
