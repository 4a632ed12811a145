//! What was seen from outside, judged by the log.
//!
//! | promise | broken when |
//! | --- | --- |
//! | one order | a room's positions have a hole, or its times go back |
//! | nothing lost, nothing doubled | something acknowledged is not in the log once, where it was acknowledged; or something refused is |
//! | nothing out of nowhere | something is in the log that nobody asked for |
//! | nothing reordered | what was sent after another's ack stands before it |
//! | what is told is the log | a live event, a resume or a page differs from the log at its position |
//! | what is withdrawn stays so | a resume or a page past the withdrawal shows the message |

use readrealm_protocol::{BookId, Seq, ServerEvent};

use super::ledger::{Ask, Book, Outcome, PageRead, Resume};
use super::truth::{Event, Truth, Truths};

/// Messages of `previousMessages`.
const STATE: usize = 50;

/// What the log and the ledger hold of each kind.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) acked: usize,
    pub(super) lost: usize,
    pub(super) doubled: usize,
    pub(super) reordered: usize,
    pub(super) events: usize,
    pub(super) live: usize,
    pub(super) resumed: usize,
    pub(super) pages: usize,
}

/// Holds the ledger against the log. What is broken is noted in the ledger.
pub(super) fn judge(ledger: &mut Book, truths: &Truths) -> Counts {
    let mut counts = Counts::default();
    let mut broken = Vec::new();
    for (book, truth) in truths {
        counts.events += truth.events.len();
        positions(*book, truth, &mut broken);
        for event in &truth.events {
            if !ledger.asks.contains_key(&event.id) {
                broken.push(format!("nobody asked for {book}@{} {}", event.seq, event.id));
            }
        }
    }
    for (id, ask) in &ledger.asks {
        settled(id, ask, truths, &mut counts, &mut broken);
    }
    real_time(ledger, truths, &mut counts, &mut broken);
    for ((book, seq), (event, who)) in &ledger.live {
        counts.live += 1;
        let stored = truths.get(book).and_then(|truth| truth.at(*seq));
        if !stored.is_some_and(|stored| is_told_live(stored, event)) {
            broken.push(format!("{who} heard {book}@{seq} as {event:?}; the log has {stored:?}"));
        }
    }
    for (who, page) in &ledger.resumed {
        counts.resumed += page.events.len();
        resumed(who, page, truths, &mut broken);
    }
    for (who, page) in &ledger.pages {
        counts.pages += 1;
        read(who, page, truths, &mut broken);
    }
    for what in broken {
        ledger.broken(what);
    }
    counts
}

fn positions(book: BookId, truth: &Truth, broken: &mut Vec<String>) {
    for (event, position) in truth.events.iter().zip(1_u64..) {
        if event.seq.get() != position {
            broken.push(format!("room {book} has {} where {position} should be", event.seq));
            return;
        }
    }
    for pair in truth.events.windows(2) {
        if pair[1].at < pair[0].at {
            broken.push(format!("time goes back at {book}@{}", pair[1].seq));
        }
    }
}

fn settled(id: &str, ask: &Ask, truths: &Truths, counts: &mut Counts, broken: &mut Vec<String>) {
    let events = truths.get(&ask.book).into_iter().flat_map(|truth| &truth.events);
    let stored: Vec<&Event> = match &ask.outcome {
        // By its position: to look through the log for each would take minutes.
        Some(Outcome::Acked(seq, _)) => truths
            .get(&ask.book)
            .and_then(|truth| truth.at(*seq))
            .into_iter()
            .collect(),
        _ => events.filter(|event| event.id == *id).collect(),
    };
    match (&ask.outcome, stored.first()) {
        (Some(Outcome::Acked(seq, _)), stored) => {
            counts.acked += 1;
            if !stored.is_some_and(|event| event.id == *id && event.by == ask.user && event.content == ask.content) {
                counts.lost += 1;
                broken.push(format!(
                    "{id} {ask:?} was acknowledged at {seq}, where the log has {stored:?}"
                ));
            }
        }
        (Some(Outcome::Refused(code)), Some(event)) => {
            broken.push(format!(
                "{id} was refused with {code} and is in the log at {}",
                event.seq
            ));
        }
        (Some(Outcome::Refused(_)), None) => {}
        (None, stored) => broken.push(format!("{id} was never answered; the log has {stored:?}")),
    }
}

/// Who has an answer stands before whoever asks after it.
fn real_time(ledger: &Book, truths: &Truths, counts: &mut Counts, broken: &mut Vec<String>) {
    for book in truths.keys() {
        let asks = ledger.asks.iter().filter(|(_, ask)| ask.book == *book);
        let acked = asks.filter_map(|(id, ask)| match ask.outcome {
            Some(Outcome::Acked(seq, at)) => Some((seq, ask.first_sent, at, id)),
            _ => None,
        });
        let mut acked: Vec<_> = acked.collect();
        acked.sort_unstable_by_key(|(seq, ..)| *seq);
        for pair in acked.windows(2) {
            if pair[0].0 == pair[1].0 {
                counts.doubled += 1;
                broken.push(format!(
                    "{} and {} both stand at {book}@{}",
                    pair[0].3, pair[1].3, pair[0].0
                ));
            }
        }
        // From the end: the first answer of all that stand after.
        let mut first_answer = None;
        for (seq, sent, at, id) in acked.into_iter().rev() {
            if let Some((answered, other)) = first_answer
                && answered < sent
            {
                counts.reordered += 1;
                broken.push(format!(
                    "{id} stands at {book}@{seq}, before {other}, whose answer came before it was sent"
                ));
            }
            if first_answer.is_none_or(|(answered, _)| at < answered) {
                first_answer = Some((at, id));
            }
        }
    }
}

fn is_told_live(stored: &Event, told: &ServerEvent) -> bool {
    match (stored.kind.as_str(), told) {
        ("MessagePosted", ServerEvent::Message(message)) => {
            message.seq == stored.seq
                && message.user_id.as_str() == stored.by
                && Some(message.content.as_str()) == stored.content.as_deref()
        }
        ("MessageEdited", ServerEvent::MessageEdited(message)) => {
            message.seq == stored.place && Some(message.content.as_str()) == stored.content.as_deref()
        }
        ("MessageDeleted", ServerEvent::MessageDeleted(deleted)) => deleted.message_id.place == stored.place,
        _ => false,
    }
}

/// A resume tells each position as it is today: with words that stood there then or later, and no withdrawn one.
fn resumed(who: &str, page: &Resume, truths: &Truths, broken: &mut Vec<String>) {
    let Some(truth) = truths.get(&page.book) else {
        return broken.push(format!("{who} was resumed in {}, which is empty", page.book));
    };
    for frame in &page.events {
        let right = truth.at(frame.seq).is_some_and(|stored| {
            let mut later = truth.of_place(stored.place).filter(|event| event.seq >= frame.seq);
            let mut withdrawn = truth
                .of_place(stored.place)
                .filter(|event| event.kind == "MessageDeleted");
            match (stored.kind.as_str(), &frame.event) {
                ("MessagePosted", ServerEvent::Message(message))
                | ("MessageEdited", ServerEvent::MessageEdited(message)) => {
                    message.seq == stored.place
                        && later.any(|event| event.content.as_deref() == Some(message.content.as_str()))
                        && !withdrawn.any(|event| event.seq <= page.seq)
                }
                (_, ServerEvent::MessageDeleted(deleted)) => {
                    deleted.message_id.place == stored.place && withdrawn.next().is_some()
                }
                _ => false,
            }
        });
        if !right {
            let stored = truth.at(frame.seq);
            broken.push(format!(
                "{who} was resumed with {}@{} as {:?}; the log has {stored:?}",
                page.book, frame.seq, frame.event
            ));
        }
    }
}

/// A page is the fold of the log at its position.
fn read(who: &str, page: &PageRead, truths: &Truths, broken: &mut Vec<String>) {
    let empty = Truth::default();
    let truth = truths.get(&page.book).unwrap_or(&empty);
    let before = page.before.unwrap_or(page.seq.next()).min(page.seq.next());
    let told = page
        .messages
        .iter()
        .map(|message| (message.seq, message.content.as_str()));
    let told: Vec<(Seq, &str)> = told.collect();
    let mut all = truth.newest_first(page.seq, before);
    let expected: Vec<(Seq, &str)> = all.by_ref().take(told.len()).collect();
    let more = all.next().is_some();
    // A bounded scan may have ended early, and says then that there is more.
    let enough = page.before.is_some() || told.len() == STATE || !more;
    if told != expected || (more && !page.has_more) || !enough || page.seq > truth.head() {
        broken.push(format!(
            "{who} was told a page of {}@{} before {before} that is not the fold of the log: {told:?} (more: {}); \
             the log has {expected:?} (more: {more})",
            page.book, page.seq, page.has_more
        ));
    }
}
