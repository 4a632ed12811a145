//! Measures a real server from outside. Every figure that counts is a ratio within one run.
//!
//! ```text
//! npm run bench -- join
//! ```

mod flood;
mod join;
mod member;
mod nodes;
mod resume;
mod rounds;
mod seed;
mod socketio;

use clap::Parser;

#[derive(Debug, Parser)]
#[command(about = "Measures ReadRealm Chat; the server is $READREALM_SERVER, or the one beside this program")]
enum Scenario {
    /// How long a join takes in rooms of 50, 10,000 and 1,000,000 events, on SQLite and on MongoDB.
    Join(join::Options),
    /// What two nodes on one replica set bring against one, conflicts, and delivery from node to node.
    Nodes(nodes::Options),
    /// What a room notices of 2,000 connections that send garbage.
    Flood(flood::Options),
    /// What it costs to resume a room of 1,000,000 events from its beginning, while the room talks on.
    Resume(resume::Options),
    /// What a delivery costs the server on `/ws` and on `/socket.io/`.
    #[command(name = "socketio")]
    SocketIo(socketio::Options),
}

#[tokio::main]
async fn main() {
    match Scenario::parse() {
        Scenario::Join(options) => join::run(&options).await,
        Scenario::Nodes(options) => nodes::run(&options).await,
        Scenario::Flood(options) => flood::run(&options).await,
        Scenario::Resume(options) => resume::run(&options).await,
        Scenario::SocketIo(options) => socketio::run(&options).await,
    }
}
