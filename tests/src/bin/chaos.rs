//! Breaks things on purpose and looks whether the promises hold: `npm run chaos`.

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use e2e::chaos::{Options, run};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(
    about = "Two nodes, three mongods, and everything that can go wrong; ends with 0 where no promise was broken"
)]
struct Arguments {
    /// How long faults go on.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Each kind of fault that takes little time once, and no more: about a minute.
    #[arg(long, conflicts_with = "minutes")]
    short: bool,
    /// Where all choices come from; by chance where none is given.
    #[arg(long)]
    seed: Option<u64>,
    /// Only kinds of fault whose name has this text.
    #[arg(long, value_name = "TEXT")]
    only: Option<String>,
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let options = Options {
        seed: arguments.seed.unwrap_or_else(|| u64::from(rand::random::<u32>())),
        time: (!arguments.short).then(|| Duration::from_secs_f64(arguments.minutes * 60.0)),
        only: arguments.only,
    };
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        eprintln!("signals cannot be heard");
        return ExitCode::FAILURE;
    };
    // Whichever way it ends, what it started ends with it: processes end when they are dropped.
    let kept = tokio::select! {
        kept = run(options) => kept,
        _ = interrupt.recv() => false,
        _ = terminate.recv() => false,
    };
    let (passed, failed) = if kept { (1, 0) } else { (0, 1) };
    let word = if kept { "ok" } else { "FAILED" };
    println!("test result: {word}. {passed} passed; {failed} failed;");
    if kept { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
