//! `kill -9` of a server on one SQLite file, again and again, at any moment of its life: nothing acknowledged is lost, and
//! what was under way is there once when it is sent again.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use e2e::client::{Client, posting, valid};
use e2e::pair::UNLIMITED;
use e2e::{Checker, Server, Store, within};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use readrealm_protocol::server::{Ack, Appended, Resumed, SequencedFrame, ServerEvent};
use readrealm_protocol::{ClientEvent, Epoch, Seq};
use tokio::task::JoinSet;

const BOOK: u32 = 84;

/// Clients that write at the same time.
const WRITERS: usize = 4;

/// Sends of each that are under way at once.
const WINDOW: usize = 8;

/// Rounds, where `READREALM_ROUNDS` says nothing else.
const ROUNDS: u32 = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_the_moment_of_a_kill_nothing_acknowledged_is_lost() {
    let rounds = std::env::var("READREALM_ROUNDS").map_or(ROUNDS, |rounds| rounds.parse().expect("a number"));
    let seed = u64::from(rand::random::<u32>());
    let mut dice = StdRng::seed_from_u64(seed);
    let store = Store::sqlite();
    let mut run = Run::default();
    let (mut starts, mut closings) = (0, 0);
    let began = Instant::now();
    for round in 0..rounds {
        run.name = format!("seed {seed}, round {round}");
        if dice.random_ratio(1, 5) {
            // While it starts, recovers the file, or has just begun to listen.
            let life = Duration::from_micros(dice.random_range(0..80_000));
            let _ = tokio::time::timeout(life, Server::try_start(&store, &UNLIMITED)).await;
            starts += 1;
            continue;
        }
        let mut server = Server::start_with(&store, &UNLIMITED).await;
        run.look(server.address()).await;
        let writers = run.write(server.address(), &mut dice);
        tokio::time::sleep(Duration::from_micros(dice.random_range(0..60_000))).await;
        if dice.random_ratio(1, 10) {
            // While it says goodbye, and closes the file.
            server.terminate();
            tokio::time::sleep(Duration::from_micros(dice.random_range(0..30_000))).await;
            closings += 1;
        }
        server.kill();
        run.collect(writers).await;
    }
    let server = Server::start_with(&store, &UNLIMITED).await;
    run.look(server.address()).await;
    run.send_open_ends_again(server.address()).await;
    run.look(server.address()).await;
    drop(server);
    check_file(&store);
    println!(
        "{rounds} kills ({starts} at a start, {closings} at a shutdown) in {:.1} s: {} events, {} acknowledged, {} \
         outcomes left open and sent again, {} of them there already; seed {seed}",
        began.elapsed().as_secs_f64(),
        run.position,
        run.acked,
        run.repeated,
        run.duplicates,
    );
    assert!(
        run.acked > u64::from(rounds),
        "there was traffic: {} acknowledged",
        run.acked
    );
}

/// What was asked, answered and seen, over all rounds.
#[derive(Default)]
struct Run {
    name: String,
    checker: Checker,
    epoch: Option<Epoch>,
    /// The room was seen up to here.
    position: u64,
    /// Of each writer: what it sent and was not answered.
    open: Vec<Vec<Sent>>,
    keys: u64,
    acked: u64,
    repeated: u64,
    duplicates: u64,
}

#[derive(Debug, Clone)]
struct Sent {
    key: String,
    content: String,
}

/// What a writer brings home: answers, and what is left without.
struct Written {
    acked: Vec<(Appended, Sent)>,
    open: Vec<Sent>,
}

impl Run {
    /// Reads on from where the room was seen last, and holds everything acknowledged against it.
    async fn look(&mut self, address: SocketAddr) {
        let mut reader = Client::dial(address, "reader")
            .await
            .expect("the server takes connections");
        let ClientEvent::JoinRoom(mut join) = reader.joining(BOOK) else {
            unreachable!()
        };
        let position = valid::<Seq, u64>(self.position);
        (join.after, join.epoch) = (self.epoch.as_ref().map(|_| position), self.epoch.clone());
        let id = reader.request(ClientEvent::JoinRoom(join)).await;
        loop {
            match reader.answer(id).await {
                Ok(ServerEvent::PreviousMessages(state)) if self.epoch.is_none() => {
                    assert_eq!(state.seq.get(), 0, "{}: the first look is at an empty room", self.name);
                    self.epoch = Some(state.epoch);
                    return;
                }
                Ok(ServerEvent::Resumed(page)) => {
                    let complete = page.complete;
                    self.take(page);
                    if complete {
                        break;
                    }
                }
                other => panic!("{}: at {position} the join was answered with {other:?}", self.name),
            }
        }
        self.checker.verify(self.position);
    }

    fn take(&mut self, page: Resumed<SequencedFrame>) {
        for frame in page.events {
            let ServerEvent::Message(message) = &frame.event else {
                panic!("{}: {frame:?}", self.name)
            };
            assert_eq!(frame.seq.get(), self.position + 1, "{}: no holes", self.name);
            self.position += 1;
            self.checker.heard("reader", message);
        }
    }

    /// Lets everybody write, each beginning with what it was not answered.
    fn write(&mut self, address: SocketAddr, dice: &mut StdRng) -> JoinSet<(usize, Written)> {
        self.open.resize(WRITERS, Vec::new());
        let mut writers = JoinSet::new();
        for (writer, open) in self.open.iter_mut().enumerate() {
            self.repeated += open.len() as u64;
            let user = format!("writer-{writer}");
            self.keys += 1_000_000;
            let (open, keys, long) = (std::mem::take(open), self.keys, dice.random_ratio(1, 4));
            writers.spawn(async move { (writer, write(address, &user, open, keys, long).await) });
        }
        writers
    }

    async fn collect(&mut self, mut writers: JoinSet<(usize, Written)>) {
        while let Some(written) = within("the writers to end", writers.join_next()).await {
            let (writer, written) = written.expect("a writer");
            self.open[writer] = written.open;
            for (ack, sent) in written.acked {
                self.acked += 1;
                self.duplicates += u64::from(ack.duplicate);
                self.checker.acked(&ack, &sent.content);
            }
        }
    }

    async fn send_open_ends_again(&mut self, address: SocketAddr) {
        for writer in 0..self.open.len() {
            let mut client = Client::dial(address, &format!("writer-{writer}")).await.unwrap();
            client.join(BOOK).await;
            for sent in std::mem::take(&mut self.open[writer]) {
                let ack = client.try_post(BOOK, &sent.content, Some(&sent.key)).await.unwrap();
                self.repeated += 1;
                self.duplicates += u64::from(ack.duplicate);
                self.acked += 1;
                self.checker.acked(&ack, &sent.content);
                // And once more: it is the same one.
                let again = client.try_post(BOOK, &sent.content, Some(&sent.key)).await.unwrap();
                assert_eq!((again.seq, again.duplicate), (ack.seq, true), "{}", self.name);
            }
        }
    }
}

/// Writes until the connection ends.
async fn write(address: SocketAddr, user: &str, open: Vec<Sent>, mut keys: u64, long: bool) -> Written {
    let mut written = Written {
        acked: Vec::new(),
        open,
    };
    let Ok(mut client) = Client::dial(address, user).await else {
        return written;
    };
    let join = client.joining(BOOK);
    if client.try_request(join).await.is_err() {
        return written;
    }
    let mut requests = Vec::new();
    for sent in written.open.clone() {
        let Ok(id) = client.try_request(posting(BOOK, &sent.content, Some(&sent.key))).await else {
            return written;
        };
        requests.push((id, sent));
    }
    loop {
        while requests.len() < WINDOW {
            keys += 1;
            // Long ones fill the write-ahead log, which then goes into the file.
            let content = format!("{user} {keys} {}", "\u{1f4d6}".repeat(if long { 500 } else { 3 }));
            let sent = Sent {
                key: format!("k{keys}"),
                content,
            };
            written.open.push(sent.clone());
            let Ok(id) = client.try_request(posting(BOOK, &sent.content, Some(&sent.key))).await else {
                return written;
            };
            requests.push((id, sent));
        }
        let Ok(heard) = client.listen().await else {
            return written;
        };
        if let (Some(id), ServerEvent::Ack(Ack::Appended(ack))) = (heard.frame.id, heard.frame.event)
            && let Some(index) = requests.iter().position(|(request, _)| *request == id)
        {
            let (_, sent) = requests.remove(index);
            written.open.retain(|open| open.key != sent.key);
            written.acked.push((ack, sent));
        }
    }
}

/// SQLite's own opinion of the file.
fn check_file(store: &Store) {
    let path = Path::new(store.url().strip_prefix("sqlite:").unwrap());
    let file = rusqlite::Connection::open(path).unwrap();
    let says: String = file.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(says, "ok");
}
