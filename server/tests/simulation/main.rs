//! A simulation of nodes and clients around one log: everything a server does but the sockets, on a clock of its own, with
//! faults drawn from a seed. The same seed is the same run, to the byte.
//!
//! - `READREALM_SEEDS=1000` runs so many seeds.
//! - `READREALM_SEED=7` runs that one and prints what happened.
#![allow(clippy::unwrap_used, reason = "a test")]

mod checker;
mod client;
mod conversation;
mod dice;
mod faults;
mod mutants;
mod node;
mod plan;
mod record;
mod sends;
mod tail;
mod truth;
mod view;
mod wire;
mod world;

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use mutants::Mutant;
use plan::Plan;

/// Seeds of a normal run.
const SEEDS: u64 = 200;

fn from_environment(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

/// Calls `each` for seeds from 1 on, on every core, until it returns `false`.
fn for_seeds(seeds: u64, each: impl Fn(u64) -> bool + Sync) {
    let next = AtomicU64::new(1);
    let work = || {
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed > seeds || !each(seed) {
                next.store(seeds + 1, Ordering::Relaxed);
                return;
            }
        }
    };
    thread::scope(|scope| {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
}

/// What one seed broke.
fn broken_by(seed: u64, mutant: Mutant) -> checker::Broken {
    checker::check(&world::run(&Plan::new(seed), mutant))
}

/// The first seed that finds a mutant, and what it finds.
fn found(mutant: Mutant) -> Option<(u64, checker::Broken)> {
    (1..=SEEDS)
        .map(|seed| (seed, broken_by(seed, mutant)))
        .find(|(_, broken)| !broken.is_empty())
}

#[test]
fn every_seed_keeps_every_promise() {
    if let Some(seed) = from_environment("READREALM_SEED") {
        let plan = Plan::new(seed);
        let outcome = world::run(&plan, Mutant::None);
        println!("{plan:#?}\n{}", record::trace(&outcome.records));
        let broken = checker::check(&outcome);
        assert!(broken.is_empty(), "seed {seed} broke\n{}", broken.join("\n"));
        return;
    }
    let seeds = from_environment("READREALM_SEEDS").unwrap_or(SEEDS);
    let failed = std::sync::Mutex::new(Vec::new());
    for_seeds(seeds, |seed| {
        let broken = broken_by(seed, Mutant::None);
        if !broken.is_empty() {
            let shown = broken
                .iter()
                .take(4)
                .fold(String::new(), |shown, what| shown + "\n    " + what);
            let more = broken.len().saturating_sub(4);
            failed
                .lock()
                .unwrap()
                .push((seed, format!("  seed {seed}:{shown}\n    and {more} more")));
        }
        true
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort();
    let count = failed.len();
    let shown: Vec<_> = failed.into_iter().take(12).map(|(_, shown)| shown).collect();
    assert!(
        count == 0,
        "{count} of {seeds} seeds broke a promise; see READREALM_SEED\n{}",
        shown.join("\n")
    );
}

/// Without this no seed could be looked into.
#[test]
fn the_same_seed_twice_is_the_same_to_the_byte() {
    for seed in 1..=SEEDS / 20 {
        let trace = || record::trace(&world::run(&Plan::new(seed), Mutant::None).records);
        let (once, twice) = (trace(), trace());
        let differs = once.lines().zip(twice.lines()).find(|(once, twice)| once != twice);
        assert!(once == twice, "seed {seed} differs: {differs:?}");
    }
}

#[test]
fn a_gate_that_lets_a_later_position_pass_is_found() {
    let (seed, broken) = found(Mutant::LeakyGate).expect("no seed finds it");
    println!("seed {seed} finds it: {}", broken[0]);
    assert!(
        broken.iter().any(|what| what.starts_with("I3")),
        "{}",
        broken.join("\n")
    );
}

#[test]
fn a_log_that_takes_an_id_twice_is_found() {
    let (seed, broken) = found(Mutant::ForgetfulLog).expect("no seed finds it");
    println!("seed {seed} finds it: {}", broken[0]);
    assert!(
        broken.iter().any(|what| what.starts_with("I1")),
        "{}",
        broken.join("\n")
    );
}
