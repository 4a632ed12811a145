//! A client as the SDK is one: it applies events in order, comes back after a loss from where it stood, and sends again
//! under the same key until it is answered. Unlike the SDK it forgives nothing: what is told twice, out of order or with a
//! hole is noted.

mod answers;
mod whims;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use readrealm_protocol::client::{ClientEvent, JoinRoom, LoadPrevious, PageLimit};
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::{BookId, Seq};
use tokio::sync::watch;
use tokio::time::{Duration, Instant};

use super::dice::Dice;
use super::ledger::{Asker, Ledger};
use super::room::{Room, Standing};
use crate::Client;
use crate::client::{Heard, valid};

/// A connection on which a request has waited so long is given up, as the SDK does.
const ANSWER: Duration = Duration::from_secs(15);

/// Before the second attempt to connect a random share of this passes. It doubles…
const FIRST_WAIT: u64 = 500;

/// …up to here. The SDK goes on to 20 s: here the servers' patience is measured, and not the clients'.
const LONGEST_WAIT: u64 = 2_000;

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Traffic, and faults.
    Busy,
    /// Nothing new is sent; what was sent is brought to its end, and rooms are read to their beginning.
    Calm,
    /// The end.
    Over,
}

/// How a client is.
#[derive(Debug, Clone)]
pub(super) struct Habits {
    /// The addresses it connects to, by the number of the node; one of them at random each time.
    pub(super) homes: Vec<(usize, SocketAddr)>,
    /// Between two turns, in milliseconds.
    pub(super) pace: (u64, u64),
    /// Changes under way at most.
    pub(super) window: usize,
    /// Whether it only ever posts and stays: then its acks show that a node goes on.
    pub(super) steady: bool,
    /// How often in a thousand turns it goes away, and comes back knowing nothing.
    pub(super) forgets: u64,
}

/// How a client stands, for those who wait for all of them: its positions, once nothing is left to do.
pub(super) type Settled = Option<Vec<(BookId, Seq)>>;

/// One client.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) user: String,
    pub(super) rooms: Vec<Room>,
    /// Times it connected.
    pub(super) connections: u64,
    habits: Habits,
    dice: Dice,
    ledger: Ledger,
    link: Option<Link>,
    outbox: Vec<Sending>,
    keys: u64,
    failures: u32,
    next_turn: Instant,
    /// Until when it does not read.
    naps_until: Instant,
    phase: watch::Receiver<Phase>,
    settled: watch::Sender<Settled>,
}

/// Its connection.
#[derive(Debug)]
struct Link {
    client: Client,
    node: usize,
    number: u64,
}

/// A change that was not answered yet.
#[derive(Debug)]
struct Sending {
    id: String,
    book: BookId,
    event: ClientEvent,
    /// The request it is under way as.
    request: Option<(RequestId, Instant)>,
    /// When to send it again, where it was refused for now.
    due: Instant,
}

impl Reader {
    pub(super) fn new(
        user: &str,
        books: &[BookId],
        habits: Habits,
        dice: Dice,
        ledger: Ledger,
        phase: watch::Receiver<Phase>,
    ) -> (Self, watch::Receiver<Settled>) {
        let (settled, status) = watch::channel(None);
        let reader = Self {
            user: user.to_owned(),
            rooms: books.iter().map(|book| Room::new(*book)).collect(),
            connections: 0,
            habits,
            dice,
            ledger,
            link: None,
            outbox: Vec::new(),
            keys: 0,
            failures: 0,
            next_turn: Instant::now(),
            naps_until: Instant::now(),
            phase,
            settled,
        };
        (reader, status)
    }

    /// Lives until all is over.
    pub(super) async fn live(mut self) -> Self {
        loop {
            let phase = *self.phase.borrow();
            if phase == Phase::Over {
                return self;
            }
            let awake = phase == Phase::Calm || self.naps_until <= Instant::now();
            let turn = self.next_turn;
            tokio::select! {
                // Nobody is left to say anything: then it is over.
                changed = self.phase.changed() => {
                    if changed.is_err() {
                        return self;
                    }
                    // Who is away comes back.
                    self.next_turn = Instant::now();
                }
                heard = listen(&mut self.link), if awake => match heard {
                    Ok(heard) => self.told(heard.frame),
                    Err((_, reason)) => self.lost(&reason),
                },
                () = tokio::time::sleep_until(turn) => self.turn(phase).await,
            }
            let settled = if phase == Phase::Calm { self.settled() } else { None };
            self.settled.send_if_modified(|before| {
                let differs = *before != settled;
                *before = settled;
                differs
            });
        }
    }

    fn settled(&self) -> Settled {
        let at_rest = |room: &&Room| room.standing == Standing::In && room.page.is_none() && room.oldest().is_none();
        let rooms: Vec<_> = self.rooms.iter().filter(at_rest).collect();
        let settled = self.outbox.is_empty() && rooms.len() == self.rooms.len();
        settled.then(|| rooms.iter().map(|room| (room.book, room.position())).collect())
    }

    async fn turn(&mut self, phase: Phase) {
        let (low, high) = if phase == Phase::Calm {
            (50, 100)
        } else {
            self.habits.pace
        };
        self.next_turn = Instant::now() + self.dice.millis(low, high);
        if self.link.is_none() {
            self.connect().await;
            return;
        }
        if self.oldest_request().is_some_and(|sent| sent.elapsed() > ANSWER) {
            self.lost("no answer");
            return;
        }
        // A request that cannot be sent shows in what is heard next.
        let _ = self.ask(phase).await;
    }

    async fn ask(&mut self, phase: Phase) -> Option<()> {
        for index in 0..self.rooms.len() {
            let room = &self.rooms[index];
            if room.standing == Standing::Out && room.join_at <= Instant::now() {
                let join = self.join(room);
                let id = self.request(join).await?;
                self.rooms[index].standing = Standing::Joining(id, Instant::now(), Instant::now());
            }
        }
        self.send_again().await?;
        match phase {
            Phase::Calm => {
                for index in 0..self.rooms.len() {
                    self.load_older(index).await?;
                }
                Some(())
            }
            _ => self.act().await,
        }
    }

    async fn connect(&mut self) {
        let (node, address) = self.dice.pick(&self.habits.homes);
        match tokio::time::timeout(ANSWER, Client::dial(address, &self.user)).await {
            Ok(Ok(client)) => {
                static NEXT: AtomicU64 = AtomicU64::new(1);
                let number = NEXT.fetch_add(1, Ordering::Relaxed);
                self.connections += 1;
                self.failures = 0;
                self.link = Some(Link { client, node, number });
                self.next_turn = Instant::now();
            }
            Ok(Err(_)) | Err(_) => self.lost("not connected"),
        }
    }

    /// The connection is gone. It comes back after the time the server named, or one that grows with every failure.
    fn lost(&mut self, reason: &str) {
        self.link = None;
        for room in &mut self.rooms {
            room.disconnected();
        }
        for sending in &mut self.outbox {
            sending.request = None;
        }
        let named = reason
            .strip_prefix("retry in ")
            .and_then(|rest| rest.strip_suffix(" ms"));
        let span = LONGEST_WAIT.min(FIRST_WAIT << self.failures.min(4));
        self.failures += 1;
        let wait = match named.and_then(|millis| millis.parse().ok()) {
            Some(millis) => Duration::from_millis(millis),
            None if self.habits.steady => Duration::from_millis(100),
            None => self.dice.millis(0, span),
        };
        self.next_turn = Instant::now() + wait;
    }

    fn join(&self, room: &Room) -> ClientEvent {
        let (after, epoch) = room.known.clone().unzip();
        ClientEvent::JoinRoom(JoinRoom {
            book_id: room.book,
            user_id: Some(valid(&*self.user)),
            username: Some(valid(&*self.user)),
            after,
            epoch,
        })
    }

    async fn load_older(&mut self, index: usize) -> Option<()> {
        let room = &self.rooms[index];
        if room.standing != Standing::In || room.page.is_some() {
            return Some(());
        }
        let Some(before) = room.oldest() else { return Some(()) };
        let load = LoadPrevious {
            book_id: room.book,
            before,
            limit: valid::<PageLimit, _>(100),
        };
        let id = self.request(ClientEvent::LoadPrevious(load)).await?;
        let room = &mut self.rooms[index];
        room.history.begin_page();
        room.page = Some((id, Instant::now(), before));
        Some(())
    }

    /// Sends what is not under way, where the room is open.
    async fn send_again(&mut self) -> Option<()> {
        for index in 0..self.outbox.len() {
            let sending = &self.outbox[index];
            let open = |room: &Room| room.book == sending.book && room.standing == Standing::In;
            if sending.request.is_some() || sending.due > Instant::now() || !self.rooms.iter().any(open) {
                continue;
            }
            let event = sending.event.clone();
            let id = self.request(event).await?;
            self.outbox[index].request = Some((id, Instant::now()));
        }
        Some(())
    }

    async fn request(&mut self, event: ClientEvent) -> Option<RequestId> {
        let link = self.link.as_mut()?;
        let sent = tokio::time::timeout(ANSWER, link.client.try_request(event)).await;
        sent.ok()?.ok()
    }

    fn oldest_request(&self) -> Option<Instant> {
        let sends = self.outbox.iter().filter_map(|sending| Some(sending.request?.1));
        let joins = self.rooms.iter().filter_map(|room| match room.standing {
            Standing::Joining(_, _, since) => Some(since),
            _ => None,
        });
        let pages = self.rooms.iter().filter_map(|room| Some(room.page?.1));
        sends.chain(joins).chain(pages).min()
    }

    fn asker(&self, sent: Instant) -> Asker<'_> {
        let link = self.link.as_ref();
        Asker {
            who: &self.user,
            connection: link.map_or(0, |link| link.number),
            node: link.map_or(0, |link| link.node),
            sent,
        }
    }
}

/// What comes on the connection; nothing ever, where there is none.
async fn listen(link: &mut Option<Link>) -> Result<Heard, crate::client::Closed> {
    match link {
        Some(link) => link.client.listen().await,
        None => std::future::pending().await,
    }
}
