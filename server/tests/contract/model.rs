//! Random batches, given to an engine and to a model too simple to be wrong: the same answers, the same rooms.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use readrealm_protocol::{BookId, Message, Seq};
use readrealm_server::log::event::EventKind;
use readrealm_server::log::{Append, AppendOutcome, EventId, EventLog, Head, PageQuery, Stop, StoredEvent};

use crate::support::events::{ALL, append, book, delete, edit, key, post, seq, user};
use crate::support::subject::Subject;

/// One room's part of a batch.
#[derive(Debug, Clone)]
enum Part {
    /// New events, numbered from so many positions before the next.
    New { behind: u64, events: Vec<(Kind, u64)> },
    /// What was appended before, once more.
    Again { which: usize },
}

/// What an event does; the number with it chooses its place, and its key out of few.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Post,
    Edit,
    Delete,
}

type Batch = Vec<(u64, Part)>;

fn batches() -> impl Strategy<Value = Vec<Batch>> {
    let kind = prop_oneof![4 => Just(Kind::Post), 2 => Just(Kind::Edit), 1 => Just(Kind::Delete)];
    let behind = prop_oneof![6 => Just(0_u64), 1 => 1..4_u64];
    let part = prop_oneof![
        6 => (behind, vec((kind, 0..200_u64), 1..6)).prop_map(|(behind, events)| Part::New { behind, events }),
        1 => (0..8_usize).prop_map(|which| Part::Again { which }),
    ];
    // Few rooms, each once in a batch, in any order.
    let batch = (vec(part, 1..4), Just(vec![0_u64, 1, 2]).prop_shuffle());
    vec(
        batch.prop_map(|(parts, rooms)| rooms.into_iter().zip(parts).collect()),
        1..12,
    )
}

/// The log as its contract tells it, by looking through everything.
#[derive(Default)]
struct Model {
    rooms: BTreeMap<BookId, Vec<StoredEvent>>,
}

impl Model {
    fn room(&self, book: BookId) -> &[StoredEvent] {
        self.rooms.get(&book).map_or(&[], |events| events)
    }

    fn append(&mut self, append: &Append) -> AppendOutcome {
        for (written, event) in append.events.iter().enumerate() {
            let known = self
                .rooms
                .values()
                .flatten()
                .find(|known| known.id == event.id)
                .cloned();
            let taken = self.room(append.book).iter().any(|known| known.seq == event.seq);
            match known {
                Some(known) if known == *event => {}
                Some(known) => return AppendOutcome::stopped(written, Stop::Duplicate(Box::new(known))),
                None if taken => return AppendOutcome::stopped(written, Stop::Conflict),
                None => self.rooms.entry(append.book).or_default().push(event.clone()),
            }
        }
        AppendOutcome::all(append.events.len())
    }

    /// The messages of a room at a position, newest first.
    fn messages(&self, book: BookId, at: Seq) -> Vec<Message> {
        let mut places: BTreeMap<Seq, &StoredEvent> = BTreeMap::new();
        for event in self.room(book).iter().filter(|event| event.seq <= at) {
            places.insert(event.place, event);
        }
        let message = |event: &&StoredEvent| match event.change() {
            Some(readrealm_protocol::Change::Posted(message) | readrealm_protocol::Change::Edited(message)) => {
                Some(message)
            }
            _ => None,
        };
        places.values().rev().filter_map(message).collect()
    }
}

/// The events of a part, numbered after what the model holds.
fn events(model: &Model, sent: &[Append], book: BookId, part: &Part) -> Vec<StoredEvent> {
    let (behind, specs) = match part {
        Part::New { behind, events } => (*behind, events),
        Part::Again { which } => {
            let of_room: Vec<_> = sent.iter().filter(|append| append.book == book).collect();
            return of_room
                .get(which % of_room.len().max(1))
                .map(|append| append.events.to_vec())
                .unwrap_or_default();
        }
    };
    let head = model.room(book).len() as u64;
    let next = head.saturating_sub(behind) + 1;
    let make = |(at, (kind, number)): (u64, &(Kind, u64))| {
        // Half the keys come again, so that duplicates happen.
        let name = format!("k{}-{at}", if number % 4 == 0 { number % 8 } else { *number });
        let place = number % head.max(1) + 1;
        let (mut event, kind) = match kind {
            Kind::Edit if head > 0 => (edit(book, at, place, &name), EventKind::Edit),
            Kind::Delete if head > 0 => (delete(book, at, place), EventKind::Delete),
            _ => (post(book, at, &name), EventKind::Post),
        };
        let reused = if number % 4 == 0 {
            format!("k{}", number % 8)
        } else {
            name
        };
        event.id = EventId::new(book, kind, Some(&key(&reused)), &user("ann"));
        event
    };
    (next..).zip(specs).map(make).collect()
}

async fn check(log: &dyn EventLog, first_room: u64, batches: &[Batch]) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    let mut sent = Vec::new();
    for batch in batches {
        let mut appends = Vec::new();
        for (room, part) in batch {
            let book = book(first_room + room);
            let events = events(&model, &sent, book, part);
            if !events.is_empty() {
                appends.push(append(book, events));
            }
        }
        let expected: Vec<_> = appends.iter().map(|append| model.append(append)).collect();
        sent.extend(appends.clone());
        prop_assert_eq!(log.append(appends).await, expected);
    }
    for room in (first_room..first_room + 3).map(book) {
        check_room(log, &model, room).await?;
    }
    Ok(())
}

async fn check_room(log: &dyn EventLog, model: &Model, book: BookId) -> Result<(), TestCaseError> {
    let events = model.room(book);
    let head = events.last().map_or(Head::EMPTY, |last| Head {
        seq: last.seq,
        at: last.at,
    });
    prop_assert_eq!(log.head(book).await, Ok(head));
    prop_assert_eq!(log.read_forward(book, Seq::ZERO, ALL).await, Ok(events.to_vec()));
    for at in [head.seq.get(), head.seq.get() / 2] {
        let all = model.messages(book, seq(at));
        let mut before = None;
        for chunk in all.chunks(3) {
            let page = log
                .read_page(
                    book,
                    PageQuery {
                        before,
                        at: Some(seq(at)),
                        limit: 3,
                    },
                )
                .await
                .expect("a page");
            prop_assert_eq!(page.seq, seq(at));
            prop_assert_eq!(&page.messages[..], chunk);
            before = chunk.last().map(|message| message.seq);
            prop_assert_eq!(page.has_more, all.iter().any(|message| Some(message.seq) < before));
        }
    }
    let places: Vec<_> = (1..=head.seq.get()).map(seq).collect();
    let mut latest = log.read_latest(book, &places).await.expect("events");
    latest.sort_by_key(|event| event.place);
    let mut expected: BTreeMap<Seq, StoredEvent> = BTreeMap::new();
    expected.extend(events.iter().map(|event| (event.place, event.clone())));
    prop_assert_eq!(latest, expected.into_values().collect::<Vec<_>>());
    Ok(())
}

/// Runs `cases` random histories, each in rooms of its own.
pub(crate) fn random_batches_match_the_model<F: Future<Output = Subject>>(cases: u32, subject: F) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let log = runtime.block_on(subject);
    let next_room = std::cell::Cell::new(0);
    let config = Config {
        cases,
        failure_persistence: None,
        max_shrink_iters: 200,
        ..Config::default()
    };
    let result = TestRunner::new(config).run(&batches(), |batches| {
        let first_room = next_room.replace(next_room.get() + 3);
        runtime.block_on(check(&*log, first_room, &batches))
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}
