//! What was asked, answered and told, by whom and when. What contradicts itself is noted at once; the rest is judged
//! against the log when all is over.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use readrealm_protocol::server::{Appended, SequencedFrame};
use readrealm_protocol::{BookId, ErrorCode, Message, Seq, ServerEvent};
use tokio::time::{Duration, Instant};

/// Contradictions noted; of more only the number is.
const NOTED: usize = 50;

/// How long after a withdrawal was acknowledged by one node the other may still show the message, its reads being of
/// what a majority has, and not of this very moment.
const ELSEWHERE: Duration = Duration::from_secs(45);

/// What the names of steady clients begin with.
pub(super) const STEADY: &str = "pulse-";

/// Everything that was seen from outside. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Ledger(Arc<Mutex<Book>>);

/// The ledger, opened.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// By the id that the event bears in the log.
    pub(super) asks: HashMap<String, Ask>,
    /// Live events, each as the first who heard it heard it.
    pub(super) live: BTreeMap<(BookId, Seq), (ServerEvent, String)>,
    pub(super) resumed: Vec<(String, Resume)>,
    pub(super) pages: Vec<(String, PageRead)>,
    /// Each new event acknowledged.
    pub(super) pulses: Vec<Pulse>,
    /// Each message of a steady client of one node that the steady client of another heard.
    pub(super) crossings: Vec<Pulse>,
    /// Withdrawals acknowledged: when, and by which node.
    withdrawn: HashMap<(BookId, Seq), (Instant, usize)>,
    /// For each connection and room, the newest acknowledged: the number of its request, and its position.
    order: HashMap<(u64, BookId), (u64, Seq)>,
    pub(super) duplicates: u64,
    broken: Vec<String>,
    pub(super) broken_count: usize,
}

/// A change that a client asked for, once or more than once.
#[derive(Debug, Clone)]
pub(super) struct Ask {
    pub(super) book: BookId,
    pub(super) user: String,
    /// The post it is about, where it is not one itself.
    pub(super) place: Option<Seq>,
    /// The words; `None` for a withdrawal.
    pub(super) content: Option<String>,
    pub(super) first_sent: Instant,
    pub(super) outcome: Option<Outcome>,
}

/// What a client was answered.
#[derive(Debug, Clone)]
pub(super) enum Outcome {
    Acked(Seq, Instant),
    Refused(ErrorCode),
}

/// A sign that a node goes on: a new event that it acknowledged, or that it delivered from another node.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pulse {
    pub(super) node: usize,
    /// When the request went out.
    pub(super) sent: Instant,
    pub(super) came: Instant,
}

/// A page of `resumed`.
#[derive(Debug)]
pub(super) struct Resume {
    pub(super) book: BookId,
    /// The position of its last event.
    pub(super) seq: Seq,
    pub(super) events: Vec<SequencedFrame>,
}

/// `previousMessages`, or `messagesPage`.
#[derive(Debug)]
pub(super) struct PageRead {
    pub(super) book: BookId,
    pub(super) seq: Seq,
    pub(super) before: Option<Seq>,
    pub(super) messages: Vec<Message>,
    pub(super) has_more: bool,
}

/// Who asked, of which node, and when.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) who: &'a str,
    pub(super) connection: u64,
    pub(super) node: usize,
    pub(super) sent: Instant,
}

impl Ledger {
    pub(super) fn open(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn broken(&self, what: String) {
        self.open().broken(what);
    }
}

impl Book {
    pub(super) fn broken(&mut self, what: String) {
        self.broken_count += 1;
        if self.broken.len() < NOTED {
            eprintln!("BROKEN: {what}");
            self.broken.push(what);
        }
    }

    pub(super) fn asked(&mut self, id: &str, ask: Ask) {
        self.asks.entry(id.to_owned()).or_insert(ask);
    }

    /// `request` is the number of the request on its connection.
    pub(super) fn acked(&mut self, asker: Asker<'_>, id: &str, request: u64, ack: &Appended) {
        let now = Instant::now();
        let Some(ask) = self.asks.get_mut(id) else {
            return self.broken(format!("{} was answered for {id}, which nobody asked", asker.who));
        };
        let (book, is_withdrawal, place) = (ask.book, ask.content.is_none(), ask.place);
        let first = ask.outcome.replace(Outcome::Acked(ack.seq, now));
        match first {
            Some(Outcome::Acked(seq, _)) if seq != ack.seq => {
                self.broken(format!("{id} was acknowledged at {seq} and then at {}", ack.seq));
            }
            Some(Outcome::Refused(code)) => self.broken(format!("{id} was refused with {code} and acknowledged later")),
            _ => {}
        }
        if let (true, Some(place)) = (is_withdrawal, place) {
            self.withdrawn.entry((book, place)).or_insert((now, asker.node));
        }
        if ack.duplicate {
            self.duplicates += 1;
            return;
        }
        self.pulses.push(Pulse {
            node: asker.node,
            sent: asker.sent,
            came: now,
        });
        if let Some((before, seq)) = self.order.insert((asker.connection, book), (request, ack.seq))
            && (before >= request || seq >= ack.seq)
        {
            self.broken(format!(
                "{} on connection {}: request {before} stands at {seq}, request {request} at {}",
                asker.who, asker.connection, ack.seq
            ));
        }
    }

    pub(super) fn refused(&mut self, id: &str, code: ErrorCode) {
        if let Some(ask) = self.asks.get_mut(id) {
            ask.outcome.get_or_insert(Outcome::Refused(code));
        }
    }

    /// `node` is that of a steady client.
    pub(super) fn heard(&mut self, who: &str, node: Option<usize>, book: BookId, seq: Seq, event: &ServerEvent) {
        if let (Some(node), ServerEvent::Message(message)) = (node, event)
            && message.user_id.as_str() != who
            && message.user_id.as_str().starts_with(STEADY)
            && let Some(key) = &message.client_message_id
            && let Some(ask) = self.asks.get(&format!("{book}/post/{key}/{}", message.user_id))
        {
            let (sent, came) = (ask.first_sent, Instant::now());
            self.crossings.push(Pulse { node, sent, came });
        }
        let (first, by) = self
            .live
            .entry((book, seq))
            .or_insert_with(|| (event.clone(), who.to_owned()));
        if first != event {
            let contradiction = format!("{book}@{seq}: {by} heard {first:?}, {who} heard {event:?}");
            self.broken(contradiction);
        }
    }

    pub(super) fn resumed(&mut self, asker: Asker<'_>, page: Resume) {
        for frame in &page.events {
            if let ServerEvent::Message(message) | ServerEvent::MessageEdited(message) = &frame.event {
                self.check_withdrawn(asker, message);
            }
        }
        self.resumed.push((asker.who.to_owned(), page));
    }

    pub(super) fn read(&mut self, asker: Asker<'_>, page: PageRead) {
        for message in &page.messages {
            self.check_withdrawn(asker, message);
        }
        self.pages.push((asker.who.to_owned(), page));
    }

    fn check_withdrawn(&mut self, asker: Asker<'_>, message: &Message) {
        let Some(&(at, node)) = self.withdrawn.get(&(message.book_id, message.seq)) else {
            return;
        };
        let allowed = if node == asker.node { Duration::ZERO } else { ELSEWHERE };
        if at + allowed < asker.sent {
            self.broken(format!(
                "{} asked node {} and was shown {} {:?} after node {node} acknowledged its withdrawal",
                asker.who,
                asker.node,
                message.id,
                asker.sent - at
            ));
        }
    }
}
