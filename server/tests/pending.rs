//! `Pending` against a naive log: whatever order requests, outcomes and crashes of the store come in, each request ends
//! once, and what was written is in the log once, at the position it was told.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::Instant;

use proptest::prelude::*;
use readrealm_protocol::server::User;
use readrealm_protocol::{BookId, Content, Seq, Timestamp};
use readrealm_server::log::{AppendOutcome, Head, Stop, StoredEvent};
use readrealm_server::room::pending::{Next, PATIENCE, Pending, Rejected, Settlement, WAITING_BYTES, WAITING_REQUESTS};
use readrealm_server::room::request::{Action, Refusal, Request};

fn book() -> BookId {
    BookId::try_from(7_u64).unwrap()
}

fn at(n: u64) -> Seq {
    Seq::try_from(n).unwrap()
}

fn user(name: &str) -> Arc<User> {
    Arc::new(User {
        user_id: name.try_into().unwrap(),
        username: name.try_into().unwrap(),
    })
}

fn post(key: Option<&str>, words: &str) -> Request {
    let key = key.map(|key| key.try_into().unwrap());
    let content = Content::try_from(words).unwrap();
    Request::new(
        book(),
        user("ann"),
        key.as_ref(),
        Action::Post {
            content,
            key: key.clone(),
        },
    )
}

fn change(name: &str, action: Action) -> Request {
    Request::new(book(), user(name), None, action)
}

fn append(pending: &mut Pending<u32>, head: Head) -> Arc<[StoredEvent]> {
    match pending.next(book(), head, Timestamp::from_millis(5)) {
        Some(Next::Append(events)) => events,
        other => panic!("expected an append, got {other:?}"),
    }
}

#[test]
fn posts_are_numbered_from_the_head_and_answered_in_order() {
    let (mut pending, now) = (Pending::default(), Instant::now());
    for n in 1..=3 {
        pending.push(post(None, &format!("{n}")), n, now).unwrap();
    }
    let head = Head {
        seq: at(10),
        at: Timestamp::from_millis(9),
    };
    let events = append(&mut pending, head);
    assert_eq!(
        events.iter().map(|event| event.seq.get()).collect::<Vec<_>>(),
        [11, 12, 13]
    );
    assert!(
        events.iter().all(|event| event.at == head.at),
        "times never go back in a room"
    );
    let ended = pending.settle(AppendOutcome::all(3));
    assert_eq!(
        ended.iter().map(|settled| settled.waiters[0]).collect::<Vec<_>>(),
        [1, 2, 3]
    );
    assert!(pending.is_empty());
    assert!(pending.next(book(), head, head.at).is_none());
}

#[test]
fn a_repeat_of_what_waits_joins_it_and_other_words_under_its_key_do_not() {
    let (mut pending, now) = (Pending::default(), Instant::now());
    pending.push(post(Some("k"), "words"), 1, now).unwrap();
    pending.push(post(Some("k"), "words"), 2, now).unwrap();
    assert_eq!(
        pending.push(post(Some("k"), "other"), 3, now).unwrap_err(),
        (Rejected::KeyConflict, 3)
    );
    assert_eq!(append(&mut pending, Head::EMPTY).len(), 1);
    let ended = pending.settle(AppendOutcome::all(1));
    assert_eq!(ended[0].waiters, [1, 2]);
    pending
        .push(post(Some("k"), "words"), 4, now)
        .expect("it waits no more: the log will say that it is a repeat");
}

#[test]
fn a_conflict_renumbers_and_an_unknown_outcome_goes_out_as_it_was() {
    let (mut pending, now) = (Pending::default(), Instant::now());
    for n in 1..=3 {
        pending.push(post(None, "x"), n, now).unwrap();
    }
    let first = append(&mut pending, Head::EMPTY);
    assert_eq!(pending.settle(AppendOutcome::stopped(1, Stop::Unknown)).len(), 1);
    let later = Head {
        seq: at(50),
        ..Head::EMPTY
    };
    let again = append(&mut pending, later);
    assert_eq!(&again[..], &first[1..], "only the same events can be told from others'");
    assert_eq!(pending.settle(AppendOutcome::stopped(0, Stop::Conflict)).len(), 0);
    assert_eq!(append(&mut pending, later)[0].seq, at(51));
}

#[test]
fn what_waits_too_long_is_given_up_unless_it_may_be_written() {
    let (mut pending, now) = (Pending::default(), Instant::now());
    pending.push(post(None, "x"), 1, now).unwrap();
    append(&mut pending, Head::EMPTY);
    assert_eq!(pending.deadline(), None, "in flight");
    assert!(pending.expire(now + PATIENCE * 2).is_empty());
    pending.settle(AppendOutcome::stopped(0, Stop::Unavailable));
    assert_eq!(pending.deadline(), Some(now + PATIENCE));
    let ended = pending.expire(now + PATIENCE);
    assert_eq!(ended[0].result, Settlement::Unavailable);
    assert!(pending.is_empty());
}

#[test]
fn what_waits_is_bounded() {
    let (mut pending, now) = (Pending::default(), Instant::now());
    for n in 0..u32::try_from(WAITING_REQUESTS).unwrap() {
        pending.push(post(None, "x"), n, now).unwrap();
    }
    assert_eq!(pending.push(post(None, "x"), 0, now).unwrap_err().0, Rejected::Full);
    let mut pending = Pending::default();
    let long = "x".repeat(4_000);
    let taken = (0..2_000)
        .take_while(|n| pending.push(post(None, &long), *n, now).is_ok())
        .count();
    assert!(taken * 4_000 <= WAITING_BYTES && taken > 900, "{taken}");
}

#[test]
fn changes_are_made_by_the_author_to_what_is_there_one_upon_the_other() {
    let (mut pending, now) = (Pending::default(), Instant::now());
    let words = |text: &str| Content::try_from(text).unwrap();
    pending
        .push(
            change(
                "ann",
                Action::Edit {
                    place: at(1),
                    content: words("one"),
                },
            ),
            1,
            now,
        )
        .unwrap();
    pending
        .push(
            change(
                "bob",
                Action::Edit {
                    place: at(1),
                    content: words("no"),
                },
            ),
            2,
            now,
        )
        .unwrap();
    pending
        .push(
            change(
                "ann",
                Action::Edit {
                    place: at(1),
                    content: words("two"),
                },
            ),
            3,
            now,
        )
        .unwrap();
    pending
        .push(change("ann", Action::Delete { place: at(1) }), 4, now)
        .unwrap();
    pending
        .push(
            change(
                "ann",
                Action::Edit {
                    place: at(1),
                    content: words("late"),
                },
            ),
            5,
            now,
        )
        .unwrap();
    pending
        .push(change("ann", Action::Delete { place: at(2) }), 6, now)
        .unwrap();
    pending.push(post(None, "after"), 7, now).unwrap();
    let head = Head {
        seq: at(1),
        ..Head::EMPTY
    };
    let Some(Next::Read(places, _)) = pending.next(book(), head, head.at) else {
        panic!()
    };
    assert_eq!(
        places.iter().map(|place| place.get()).collect::<Vec<_>>(),
        [1, 1, 1, 1, 1, 2]
    );
    let posted = post(None, "first").posted(book(), at(1), head.at).unwrap();
    let ended = pending.number_changes(head, head.at, &places, vec![posted], Vec::new());
    let refused: Vec<_> = ended
        .iter()
        .map(|settled| (settled.waiters[0], &settled.result))
        .collect();
    let not_found = &Settlement::Refused(Refusal::NotFound);
    assert_eq!(
        refused,
        [
            (2, &Settlement::Refused(Refusal::Forbidden)),
            (5, not_found),
            (6, not_found)
        ]
    );
    let events = append(&mut pending, head);
    assert_eq!(
        events.iter().map(|event| event.seq.get()).collect::<Vec<_>>(),
        [2, 3, 4]
    );
    assert!(events.iter().all(|event| event.place == at(1)));
    let ended = pending.settle(AppendOutcome::all(3));
    assert_eq!(
        ended.iter().map(|settled| settled.waiters[0]).collect::<Vec<_>>(),
        [1, 3, 4]
    );
    assert_eq!(append(&mut pending, head).len(), 1, "the post after them");
}

#[derive(Debug, Clone)]
enum Step {
    Push {
        key: u8,
        words: u8,
    },
    /// The append succeeds up to so many events, then a rival takes the position, or it is not known, or nothing.
    Append {
        written: usize,
        then: u8,
        told: bool,
    },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let push = (0..12_u8, 0..2_u8).prop_map(|(key, words)| Step::Push { key, words });
    let append =
        (0..6_usize, 0..4_u8, any::<bool>()).prop_map(|(written, then, told)| Step::Append { written, then, told });
    prop::collection::vec(prop_oneof![3 => push, 2 => append], 0..120)
}

proptest! {
    #[test]
    fn every_request_ends_once_and_the_log_has_each_key_once(steps in steps()) {
        let (mut pending, now) = (Pending::<u32>::default(), Instant::now());
        let mut log: Vec<StoredEvent> = Vec::new();
        let (mut asked, mut answered) = (0_u32, Vec::new());
        let mut drain = 0;
        let mut steps = steps.into_iter();
        loop {
            let step = match steps.next() {
                Some(step) => step,
                None if pending.is_empty() => break,
                None => { drain += 1; Step::Append { written: 100, then: 3, told: true } }
            };
            prop_assert!(drain < 200, "it comes to an end");
            match step {
                Step::Push { key, words } => {
                    let waiter = asked;
                    asked += 1;
                    if let Err((_, waiter)) = pending.push(post(Some(&format!("k{key}")), &format!("w{words}")), waiter, now) {
                        answered.push(waiter);
                    }
                }
                Step::Append { written, then, told } => {
                    let head = Head { seq: at(log.len() as u64), ..Head::EMPTY };
                    let Some(Next::Append(events)) = pending.next(book(), head, head.at) else { continue };
                    // A log with compare-and-swap on the position and a unique id, that fails as it is told to.
                    let mut done = 0;
                    let mut stopped = None;
                    for event in &events[..] {
                        if log.get(usize::try_from(event.seq.get()).unwrap() - 1) == Some(event) {
                            done += 1;
                            continue;
                        }
                        if let Some(known) = log.iter().find(|known| known.id == event.id) {
                            stopped = Some(Stop::Duplicate(Box::new(known.clone())));
                            break;
                        }
                        if event.seq.get() != log.len() as u64 + 1 {
                            stopped = Some(Stop::Conflict);
                            break;
                        }
                        if done >= written {
                            stopped = Some(match then {
                                0 => {
                                    let rival = post(None, "rival").posted(book(), event.seq, head.at).unwrap();
                                    log.push(rival);
                                    Stop::Conflict
                                }
                                1 => Stop::Unknown,
                                2 => { log.push(event.clone()); Stop::Unknown }
                                _ => Stop::Unavailable,
                            });
                            break;
                        }
                        log.push(event.clone());
                        done += 1;
                    }
                    let done = if told || stopped != Some(Stop::Unknown) { done } else { 0 };
                    for settled in pending.settle(AppendOutcome { written: done, stopped }) {
                        match &settled.result {
                            Settlement::Written(event) | Settlement::Duplicate(event) => {
                                prop_assert_eq!(&log[usize::try_from(event.seq.get()).unwrap() - 1], &**event);
                                prop_assert_eq!(&settled.request.id, &event.id);
                            }
                            other => prop_assert!(false, "{:?}", other),
                        }
                        answered.extend(settled.waiters);
                    }
                }
            }
        }
        answered.sort_unstable();
        prop_assert_eq!(answered, (0..asked).collect::<Vec<_>>());
        let mut ids: Vec<_> = log.iter().map(|event| event.id.as_str()).collect();
        ids.sort_unstable();
        let count = ids.len();
        ids.dedup();
        prop_assert_eq!(ids.len(), count, "each id once");
        prop_assert!(log.iter().zip(1_u64..).all(|(event, seq)| event.seq.get() == seq));
    }
}
