//! `readrealm-server`, as it is shipped, without the limits that a load generator would meet.

use e2e::{Server, Store};
use readrealm_server::log::open::open;

use super::{ENDING, Kind, Peer, Running, Site, database};
use crate::load::{Outcome, Speech};
use crate::seed;

/// All from one address, and faster than people type.
pub(crate) const FLAGS: [&str; 16] = [
    "--max-connections-per-address",
    "0",
    "--new-connections-per-second",
    "0",
    "--requests-per-second",
    "0",
    "--messages-per-second",
    "0",
    "--user-messages-per-second",
    "0",
    "--joins-per-second",
    "0",
    "--user-joins-per-second",
    "0",
    "--user-reads-per-second",
    "0",
];

/// A server, and what it stores in.
#[derive(Debug)]
pub(crate) struct Ours {
    server: Server,
    _store: Store,
}

pub(super) async fn start(kind: Kind, site: &Site, rooms: &[(u32, u32)]) -> Outcome<Peer> {
    let (store, mongod) = match kind {
        Kind::OursMongodb => {
            let mongod = site.mongod.as_ref().ok_or("no mongod was started")?;
            (Store::mongodb().await, mongod.pid())
        }
        Kind::Memory => (Store::memory(), None),
        _ => (Store::sqlite(), None),
    };
    let stored = (kind == Kind::OursMongodb).then(|| store.url().to_owned());
    if !rooms.is_empty() {
        let log = open(&store.url().parse()?).await?;
        seed::fill(&*log, rooms).await;
        log.close().await;
        if let Some(url) = &stored {
            database::settle(url).await?;
        }
    }
    let server = Server::start_with(&store, &FLAGS).await;
    Ok(Peer {
        address: server.address(),
        speech: if kind == Kind::OverSocketio {
            Speech::SocketIo
        } else {
            Speech::Native
        },
        server: vec![server.process().pid()],
        database: mongod.into_iter().collect(),
        stored,
        running: Running::Ours(Box::new(Ours { server, _store: store })),
    })
}

impl Ours {
    /// Kills it and starts it anew; its process's number.
    pub(super) async fn restart(&mut self) -> u32 {
        self.server.restart().await;
        self.server.process().pid()
    }

    /// Asks it to end, as a profiler around it needs.
    pub(super) async fn end(mut self: Box<Self>) {
        self.server.terminate();
        let _ = tokio::time::timeout(ENDING, self.server.ended()).await;
    }
}
