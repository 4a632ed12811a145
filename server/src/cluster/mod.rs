//! The other nodes: who is in a room there, and who is writing. Beside the log, not in it: what is gone when its node is
//! gone has no place in history.
//!
//! [`Cluster`] is the contract. A room announces whom it holds and hears of whom others hold ([`News`]); an engine brings
//! the one to the other. Nothing here may keep a room from opening or a message from flowing: announcing never waits, and
//! what could not be read is read later.

pub mod mongo;
pub mod watch;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use async_trait::async_trait;
use readrealm_protocol::server::{Members, User};
use readrealm_protocol::{BookId, UserId};

use crate::log::open::{OpenError, StoreUrl};

/// Names a node for one life of it: from its start, or from when it found that the others had given it up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId {
    process: u64,
    life: u32,
}

impl NodeId {
    /// A process that no other is.
    pub fn random() -> Self {
        Self {
            process: rand::random(),
            life: 1,
        }
    }

    /// The same process, come back under another name.
    #[must_use]
    pub const fn reborn(self) -> Self {
        Self {
            process: self.process,
            life: self.life.wrapping_add(1),
        }
    }

    /// Whether both name the same process.
    pub const fn is_same_process(self, other: Self) -> bool {
        self.process == other.process
    }

    /// What the names of all lives of this process begin with, and of no other.
    pub fn prefix(self) -> String {
        format!("{:016x}-", self.process)
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{}", self.process, self.life)
    }
}

/// A text that names no node.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not the name of a node")]
pub struct NoNode;

impl FromStr for NodeId {
    type Err = NoNode;

    fn from_str(text: &str) -> Result<Self, NoNode> {
        let (process, life) = text.split_once('-').ok_or(NoNode)?;
        let process = u64::from_str_radix(process, 16).map_err(|_| NoNode)?;
        let life = life.parse().map_err(|_| NoNode)?;
        Ok(Self { process, life })
    }
}

/// Somebody whom another node holds in a room.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    /// Which node.
    pub node: NodeId,
    /// Whom.
    pub user: Arc<User>,
    /// Whether they are writing.
    pub typing: bool,
}

/// What a room is told of other nodes. Telling the same twice changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// Everybody whom other nodes hold: takes the place of all that was told before.
    All(Vec<Elsewhere>),
    /// The node holds the user.
    Held(Elsewhere),
    /// A user whom the node holds is writing (still, where that was told before), or not.
    Typing(NodeId, UserId, bool),
    /// The node is shutting down: its user has the time to come back that a dropped connection has.
    Leaving(NodeId, UserId),
    /// The node holds the user no more.
    LetGo(NodeId, UserId),
    /// The node is no more, and holds nobody.
    Dead(NodeId),
}

/// What a room says about a user whom this node holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// In the room.
    Held,
    /// Writing (still), or not.
    Typing(bool),
    /// Not in the room any more.
    LetGo,
}

/// The rooms that are in memory, as an engine reaches them.
pub trait Rooms: fmt::Debug + Send + Sync {
    /// Which they are.
    fn in_memory(&self) -> Vec<BookId>;

    /// Tells a room, where it is in memory. Waits for none: returns `false` where the room has too much waiting, and is
    /// to be told [`News::All`] later.
    fn tell(&self, book: BookId, news: News) -> bool;
}

/// The way to the other nodes.
#[async_trait]
pub trait Cluster: fmt::Debug + Send + Sync {
    /// Lets the other nodes know. Never waits; what is announced of a user before the last announcement went out is
    /// merged into one. After [`close`](Self::close) nothing is announced any more.
    fn announce(&self, book: BookId, user: &User, state: State);

    /// Whom the other nodes hold in a room that is being opened. What happens after this was read is told to the room;
    /// where it cannot be read in a second this is empty, and the room is told [`News::All`] when it can.
    async fn elsewhere(&self, book: BookId) -> Vec<Elsewhere>;

    /// Who is in a room that is not in memory here; nobody, where that cannot be read in a second.
    async fn members(&self, book: BookId) -> Members;

    /// Brings announcements out and news in, until it is closed; then tells the others that this node shuts down.
    async fn run(&self, rooms: Arc<dyn Rooms>);

    /// Ends [`run`](Self::run).
    fn close(&self);
}

/// There is no other node.
#[derive(Debug, Clone, Copy)]
pub struct Alone;

#[async_trait]
impl Cluster for Alone {
    fn announce(&self, _: BookId, _: &User, _: State) {}

    async fn elsewhere(&self, _: BookId) -> Vec<Elsewhere> {
        Vec::new()
    }

    async fn members(&self, _: BookId) -> Members {
        Members::default()
    }

    async fn run(&self, _: Arc<dyn Rooms>) {}

    fn close(&self) {}
}

/// The cluster of the nodes that share a log: those on one replica set of MongoDB, else nobody else.
pub async fn open(store: &StoreUrl) -> Result<Arc<dyn Cluster>, OpenError> {
    if let StoreUrl::Mongo(url) = store
        && let Some(cluster) = mongo::MongoCluster::open(url).await?
    {
        return Ok(Arc::new(cluster));
    }
    Ok(Arc::new(Alone))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_read_back_from_its_name() {
        let node = NodeId::random();
        let reborn = node.reborn();
        for node in [node, reborn] {
            assert_eq!(node.to_string().parse(), Ok(node));
            assert!(node.to_string().starts_with(&node.prefix()));
        }
        assert!(node != reborn && node.is_same_process(reborn));
        assert!(!node.is_same_process(NodeId::random()));
        for text in ["", "12", "x-1", "12-", "12-x", "-1"] {
            assert_eq!(text.parse::<NodeId>(), Err(NoNode), "{text}");
        }
    }
}
