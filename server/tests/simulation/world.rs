//! One run of a plan: nodes and clients around one log, until the faults are over and all are of one mind, or are not.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use readrealm_protocol::{BookId, Seq};
use readrealm_server::log::memory::MemoryLog;
use readrealm_server::log::{EventLog, ReadLimit, StoredEvent};
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::client::{Client, Status};
use crate::dice::Dice;
use crate::mutants::{ForgetfulLog, Mutant};
use crate::node::Node;
use crate::plan::{NodeEnd, Plan};
use crate::record::{Record, Recorder};
use crate::view::View;
use crate::wire::Wire;

/// How long a node is away.
const RESTART: Duration = Duration::from_secs(2);

/// How long after the last client left a room is in no node's memory any more: ten seconds for its user to come back, a
/// minute of idleness, and as much again where something still looked in.
const FORGOTTEN: Duration = Duration::from_secs(150);

/// What clients and chaos share.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) plan: Plan,
    pub(crate) recorder: Recorder,
    /// Cancelled when everything has been seen.
    pub(crate) ended: CancellationToken,
    /// Cancelled when the faults are over.
    pub(crate) calm: CancellationToken,
    log: Arc<dyn EventLog>,
    nodes: Mutex<Vec<Option<Arc<Node>>>>,
    statuses: Mutex<Vec<Status>>,
    mutant: Mutant,
}

/// All there is to judge a run by.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) records: Vec<Record>,
    /// The log at the end.
    pub(crate) log: BTreeMap<BookId, Vec<StoredEvent>>,
    /// What each client knows at the end.
    pub(crate) clients: Vec<BTreeMap<BookId, View>>,
    /// Who was not of one mind with the log in time.
    pub(crate) behind: Vec<String>,
}

impl World {
    pub(crate) fn is_calm(&self) -> bool {
        self.calm.is_cancelled()
    }

    pub(crate) fn report(&self, client: usize, status: Status) {
        self.statuses.lock().unwrap()[client] = status;
    }

    /// A connection to one of the nodes there are, and which.
    pub(crate) fn connect(&self, dice: &Dice) -> Option<(usize, Wire)> {
        let alive: Vec<Arc<Node>> = self.nodes.lock().unwrap().iter().flatten().cloned().collect();
        if alive.is_empty() {
            return None;
        }
        let node = &alive[dice.below(alive.len())];
        let lag = self.plan.faults.latency;
        Some((node.index, Wire::connect(node, dice.clone(), lag, self.mutant)))
    }

    fn start(&self, node: usize, incarnation: u64) {
        let (log, calm) = (Arc::clone(&self.log), self.calm.clone());
        let started = Node::start(&self.plan, (node, incarnation), log, &self.recorder, calm);
        self.nodes.lock().unwrap()[node] = Some(started);
    }

    async fn end_node(self: Arc<Self>, end: NodeEnd, incarnation: u64) {
        sleep(Duration::from_millis(end.at)).await;
        let Some(node) = self.nodes.lock().unwrap()[end.node].take() else {
            return;
        };
        self.recorder
            .note(format!("n{} {}", end.node, if end.drains { "drains" } else { "dies" }));
        if end.drains {
            node.drain();
        } else {
            node.die();
        }
        sleep(RESTART).await;
        self.start(end.node, incarnation);
    }

    async fn read(&self, book: BookId) -> Vec<StoredEvent> {
        let all = ReadLimit {
            events: usize::MAX,
            bytes: usize::MAX,
        };
        self.log.read_forward(book, Seq::ZERO, all).await.unwrap()
    }

    fn books(&self) -> impl Iterator<Item = BookId> + use<> {
        (1..=self.plan.books).map(|book| BookId::try_from(book).unwrap())
    }

    /// The nodes that hold rooms nobody is in.
    fn held_on_to(&self) -> Vec<String> {
        let nodes = self.nodes.lock().unwrap();
        let holding = nodes.iter().flatten().filter(|node| !node.services.hub.is_empty());
        holding
            .map(|node| format!("n{} holds on to a room that nobody is in", node.index))
            .collect()
    }

    /// What keeps the clients from being of one mind with the log.
    async fn behind(&self) -> Vec<String> {
        let mut behind = Vec::new();
        for book in self.books() {
            let head = self.log.head(book).await.unwrap().seq.get();
            for (client, status) in self.statuses.lock().unwrap().iter().enumerate() {
                match status.positions.get(&book) {
                    Some(position) if *position == head => {}
                    Some(position) => behind.push(format!("c{client} has {position} of {head} events of room {book}")),
                    None => behind.push(format!("c{client} is not in room {book}")),
                }
            }
        }
        for (client, status) in self.statuses.lock().unwrap().iter().enumerate() {
            if status.unanswered + status.pages > 0 {
                let (sends, pages) = (status.unanswered, status.pages);
                behind.push(format!("c{client} awaits answers to {sends} sends and {pages} pages"));
            }
        }
        behind
    }
}

/// Runs a plan from its beginning to its end, in no time.
pub(crate) fn run(plan: &Plan, mutant: Mutant) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(simulate(plan.clone(), mutant))
}

async fn simulate(plan: Plan, mutant: Mutant) -> Outcome {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let log = match mutant {
        Mutant::ForgetfulLog => Arc::new(ForgetfulLog(log)),
        Mutant::None | Mutant::LeakyGate => log,
    };
    let world = Arc::new(World {
        recorder: Recorder::new(),
        ended: CancellationToken::new(),
        calm: CancellationToken::new(),
        log,
        nodes: Mutex::new(vec![None; plan.nodes]),
        statuses: Mutex::new(vec![Status::default(); plan.clients]),
        mutant,
        plan,
    });
    let plan = &world.plan;
    (0..plan.nodes).for_each(|node| world.start(node, 0));
    for (index, end) in plan.ends.iter().enumerate() {
        tokio::spawn(Arc::clone(&world).end_node(*end, 1 + index as u64));
    }
    let clients = (0..plan.clients).map(|index| Client::new(index, plan, Arc::clone(&world)));
    let clients: Vec<_> = clients.map(|client| tokio::spawn(client.live())).collect();

    let chaos = Duration::from_millis(plan.turns * plan.pace) + RESTART;
    sleep(chaos).await;
    world.recorder.note("the faults are over");
    world.calm.cancel();
    let patience = Instant::now() + plan.patience();
    // What is not asked for yet cannot be waited for.
    sleep(Duration::from_secs(2)).await;
    let mut behind = world.behind().await;
    while !behind.is_empty() && Instant::now() < patience {
        sleep_until(Instant::now() + Duration::from_millis(500)).await;
        behind = world.behind().await;
    }
    world.ended.cancel();
    let mut rooms = Vec::new();
    for client in clients {
        rooms.push(client.await.unwrap().rooms);
    }
    sleep(FORGOTTEN).await;
    behind.extend(world.held_on_to());
    let mut events = BTreeMap::new();
    for book in world.books() {
        events.insert(book, world.read(book).await);
    }
    Outcome {
        records: world.recorder.take(),
        log: events,
        clients: rooms,
        behind,
    }
}
