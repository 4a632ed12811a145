//! Measures a real server from outside. Every figure that counts is a ratio within one run.
//!
//! ```text
//! npm run bench
//! npm run bench -- peers --only ours,floor --scenario deliver
//! ```

mod flood;
mod floor;
mod goals;
mod growth;
mod load;
mod machine;
mod nodes;
mod peer;
mod peers;
mod process;
mod report;
mod resume;
mod rounds;
mod scenario;
mod seed;

use std::process::ExitCode;

use clap::Parser;
use tokio::signal::unix::{SignalKind, signal};

use load::Outcome;

#[derive(Debug, Parser)]
#[command(about = "Measures ReadRealm Chat; the server is $READREALM_SERVER, or the one beside this program")]
enum Scenario {
    /// What deliveries, appends, connections and joins cost, with the peers side by side. This is what runs without a name.
    Peers(peers::Options),
    /// The server of the floor, which `peers` starts.
    #[command(hide = true)]
    Floor(floor::Options),
    /// How the cost of a message, a join and a connection grows with members, rooms, history and connections.
    Growth(growth::Options),
    /// What two nodes on one replica set bring against one, conflicts, and delivery from node to node.
    Nodes(nodes::Options),
    /// What a room notices of 2,000 connections that send garbage, or of requests and files without end.
    Flood(flood::Options),
    /// What it costs to resume a room of 1,000,000 events from its beginning, while the room talks on.
    Resume(resume::Options),
}

fn main() -> ExitCode {
    let scenario = Scenario::parse();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let outcome = match scenario {
        // Without the runtime's threads.
        Scenario::Floor(options) => floor::run(&options),
        scenario => runtime.block_on(async {
            tokio::select! {
                outcome = measure(scenario) => outcome,
                () = asked_to_end() => Err("interrupted".into()),
            }
        }),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn measure(scenario: Scenario) -> Outcome<()> {
    match scenario {
        Scenario::Peers(options) => return tokio::spawn(async move { peers::run(&options).await }).await?,
        Scenario::Growth(options) => return tokio::spawn(async move { growth::run(&options).await }).await?,
        Scenario::Floor(_) => {}
        Scenario::Nodes(options) => nodes::run(&options).await,
        Scenario::Flood(options) => flood::run(&options).await,
        Scenario::Resume(options) => resume::run(&options).await,
    }
    Ok(())
}

/// Ctrl-C, or a polite kill. What was started ends as what holds it is dropped.
async fn asked_to_end() {
    let (Ok(mut interrupted), Ok(mut terminated)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupted.recv() => {}
        _ = terminated.recv() => {}
    }
    load::interrupt();
}
