//! `peers/socketioxide`, a program of this crate.

use std::process::Command;

use super::program::Program;
use super::{Peer, Running};
use crate::load::{Outcome, Speech};

pub(super) async fn start() -> Outcome<Peer> {
    let program = std::env::current_exe()?.with_file_name("bench-socketioxide");
    let program = Program::start("socketioxide", Command::new(program)).await?;
    Ok(Peer {
        address: program.address,
        speech: Speech::SocketIo,
        server: vec![program.pid()],
        database: Vec::new(),
        stored: None,
        running: Running::Program(program),
    })
}
