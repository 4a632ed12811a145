//! A rolling restart of two nodes under load: nothing is lost, doubled or out of order, and nobody is away for long.

mod reader;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use e2e::replica_set::{ReplicaSet, Setup};
use e2e::{Checker, Server, Store, within};
use reader::Reader;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Clients; every other one begins at the other node.
const CLIENTS: usize = 40;

/// Rooms, with clients of both nodes in each.
const ROOMS: usize = 4;

/// Before, between and after the restarts.
const CALM: Duration = Duration::from_secs(2);

/// The longest that a client may be away, or wait for an acknowledgement.
const AWAY: Duration = Duration::from_secs(5);

/// As deploy/kubernetes.yaml has it: tokens, an address for the monitoring, and time for load balancers to see that a node is not
/// ready any more, of which half a second is enough here.
const FLAGS: [&str; 4] = ["--metrics-listen", "127.0.0.1:0", "--drain-delay", "500ms"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rolling_restart_loses_nothing_and_keeps_nobody_away_for_five_seconds() {
    let setup = Setup {
        members: 3,
        proxied: false,
        election_timeout: Duration::from_secs(10),
    };
    let set = ReplicaSet::start(setup).await;
    let store = Store::at(set.url("rolling", 0));
    let mut nodes = [
        Server::start_with_secret(&store, &FLAGS).await,
        Server::start_with_secret(&store, &FLAGS).await,
    ];
    let addresses = [nodes[0].address(), nodes[1].address()];

    let stop = CancellationToken::new();
    let mut all = Vec::new();
    for number in 0..CLIENTS {
        let room = u32::try_from(1 + number / 2 % ROOMS).expect("a few rooms");
        all.push(Reader::connect(number, room, addresses).await);
    }
    let mut readers = JoinSet::new();
    for reader in all {
        readers.spawn(reader.talk(stop.clone()));
    }
    tokio::time::sleep(CALM).await;
    for node in &mut nodes {
        node.terminate();
        let status = node.ended().await;
        assert_eq!(status.code(), Some(0), "{}", node.process().stderr());
        node.restart().await;
        // What runs servers goes on with the next when this one is ready.
        while node.get("/readyz").await.0 != 200 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        tokio::time::sleep(CALM).await;
    }
    stop.cancel();
    let readers = within("every send to be acknowledged", readers.join_all()).await;
    verify(readers).await;
}

async fn verify(mut readers: Vec<Reader>) {
    let mut heads: BTreeMap<u32, u64> = BTreeMap::new();
    for reader in &readers {
        for (ack, _) in &reader.acked {
            let head = heads.entry(reader.room).or_default();
            *head = ack.seq.get().max(*head);
        }
    }
    for reader in &mut readers {
        within("everybody to hear everything", reader.hear_up_to(heads[&reader.room])).await;
    }
    let mut checkers: BTreeMap<u32, Checker> = BTreeMap::new();
    let mut contents: BTreeMap<u32, BTreeSet<&str>> = BTreeMap::new();
    for reader in &readers {
        let checker = checkers.entry(reader.room).or_default();
        for message in &reader.heard {
            checker.heard(&reader.user, message);
        }
        for (ack, content) in &reader.acked {
            checker.acked(ack, content);
            assert!(
                contents.entry(reader.room).or_default().insert(content),
                "{content} is acknowledged once"
            );
        }
    }
    for (room, checker) in &checkers {
        checker.verify(heads[room]);
        // As many places as sends: no send stands twice.
        assert_eq!(contents[room].len() as u64, heads[room], "room {room}");
    }

    let away: Vec<Duration> = readers.iter().flat_map(|reader| reader.away.iter().copied()).collect();
    let longest = away.iter().max().copied().unwrap_or_default();
    let slowest = readers.iter().map(|reader| reader.slowest).max().unwrap_or_default();
    let sum = |of: fn(&Reader) -> usize| readers.iter().map(of).sum::<usize>();
    println!(
        "two nodes restarted under {CLIENTS} clients: {} sends, {} sent again, {} of them had been taken; {} absences, the longest {longest:.1?}; \
         the longest wait for an ack {slowest:.1?}",
        sum(|reader| reader.acked.len()),
        sum(|reader| reader.sent_again),
        sum(|reader| reader.repeats),
        away.len(),
    );
    assert!(
        away.len() >= CLIENTS,
        "everybody was moved at least once: {}",
        away.len()
    );
    assert!(longest < AWAY, "somebody was away for {longest:?}");
    assert!(slowest < AWAY, "somebody waited {slowest:?} for an acknowledgement");
}
