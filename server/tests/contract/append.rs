//! Appends: order, compare-and-swap, idempotence; and reads forward.

use std::sync::Arc;

use readrealm_protocol::Seq;
use readrealm_server::log::event::EventKind;
use readrealm_server::log::{Append, AppendOutcome, EventId, EventLog, Head, Payload, ReadLimit, Stop, StoredEvent};

use crate::support::events::{ALL, append, book, edit, event, key, post, post_by, posts, seq, time, user};
use crate::support::subject::Subject;

async fn append_one(log: &dyn EventLog, append: Append) -> AppendOutcome {
    let outcomes = log.append(vec![append]).await;
    <[AppendOutcome; 1]>::try_from(outcomes)
        .expect("one outcome")
        .into_iter()
        .next()
        .expect("it")
}

pub(crate) async fn forward(log: &dyn EventLog, room: u64) -> Vec<StoredEvent> {
    log.read_forward(book(room), Seq::ZERO, ALL).await.expect("events")
}

pub(crate) async fn an_empty_room(log: Subject) {
    assert_eq!(log.head(book(1)).await, Ok(Head::EMPTY));
    assert_eq!(forward(&*log, 1).await, []);
    assert_eq!(log.ready().await, Ok(()));
    assert_eq!(log.append(Vec::new()).await, []);
}

pub(crate) async fn appended_events_are_read_as_they_were_written(log: Subject) {
    let room = book(9_007_199_254_740_991);
    let words = "\u{1f407} \"quoted\" \\ $set.x \0 \u{2028} e\u{301}";
    let unknown = Payload::Unknown {
        kind: "MessagePinned".to_owned(),
        version: 3,
        data: serde_json::json!({"by": "ann", "n": [1, -2, 0.5, null, true], "deep": {"a": {"b": []}}}),
    };
    let mut events = posts(room, 1, 3);
    events.push(edit(room, 4, 2, words));
    events.push(event(
        room,
        5,
        1,
        EventId::new(room, EventKind::Edit, None, &user("b")),
        "b",
        unknown,
    ));
    assert_eq!(
        append_one(&*log, append(room, events.clone())).await,
        AppendOutcome::all(5)
    );
    assert_eq!(
        log.head(room).await,
        Ok(Head {
            seq: seq(5),
            at: time(5)
        })
    );
    assert_eq!(log.read_forward(room, Seq::ZERO, ALL).await, Ok(events));
}

pub(crate) async fn reads_forward_keep_to_their_limits(log: Subject) {
    let events = posts(book(1), 1, 30);
    assert_eq!(
        append_one(&*log, append(book(1), events.clone())).await,
        AppendOutcome::all(30)
    );
    let read = |after: u64, limit: ReadLimit| {
        let log = log.log();
        async move { log.read_forward(book(1), seq(after), limit).await.expect("events") }
    };
    assert_eq!(read(0, ReadLimit { events: 7, ..ALL }).await, events[..7]);
    assert_eq!(read(7, ReadLimit { events: 7, ..ALL }).await, events[7..14]);
    assert_eq!(read(28, ReadLimit { events: 7, ..ALL }).await, events[28..]);
    assert_eq!(read(30, ALL).await, []);
    assert_eq!(read(1_000, ALL).await, []);
    let three: usize = events[..3].iter().map(StoredEvent::weight).sum();
    assert_eq!(read(0, ReadLimit { bytes: three, ..ALL }).await, events[..3]);
    assert_eq!(
        read(
            0,
            ReadLimit {
                bytes: three - 1,
                ..ALL
            }
        )
        .await,
        events[..2]
    );
    assert_eq!(
        read(0, ReadLimit { bytes: 1, ..ALL }).await,
        events[..1],
        "one at least, whatever its size"
    );
}

pub(crate) async fn one_batch_holds_many_rooms(log: Subject) {
    let batch: Vec<_> = (1..=20)
        .map(|room| append(book(room), posts(book(room), 1, room)))
        .collect();
    let expected: Vec<_> = (1..=20).map(AppendOutcome::all).collect();
    assert_eq!(log.append(batch).await, expected);
    for room in 1..=20 {
        assert_eq!(forward(&*log, room).await, posts(book(room), 1, room));
    }
}

pub(crate) async fn a_taken_position_is_a_conflict(log: Subject) {
    let first = posts(book(1), 1, 3);
    append_one(&*log, append(book(1), first.clone())).await;
    let late = append(book(1), [post(book(1), 3, "late"), post(book(1), 4, "later")]);
    assert_eq!(append_one(&*log, late).await, AppendOutcome::stopped(0, Stop::Conflict));
    let half = append(
        book(1),
        [
            first[1].clone(),
            first[2].clone(),
            post(book(1), 2, "odd"),
            post(book(1), 4, "z"),
        ],
    );
    assert_eq!(append_one(&*log, half).await, AppendOutcome::stopped(2, Stop::Conflict));
    assert_eq!(forward(&*log, 1).await, first, "nothing past a conflict is written");
    let renumbered = post(book(1), 3, "late").renumbered(seq(4), time(4));
    assert_eq!(
        append_one(&*log, append(book(1), [renumbered])).await,
        AppendOutcome::all(1)
    );
}

pub(crate) async fn a_known_id_is_a_duplicate(log: Subject) {
    let known = post(book(1), 1, "once");
    append_one(&*log, append(book(1), [known.clone()])).await;
    let again = append(
        book(1),
        [
            post(book(1), 2, "two"),
            post(book(1), 3, "once"),
            post(book(1), 4, "four"),
        ],
    );
    assert_eq!(
        append_one(&*log, again).await,
        AppendOutcome::stopped(1, Stop::Duplicate(Box::new(known.clone())))
    );
    assert_eq!(forward(&*log, 1).await, [known.clone(), post(book(1), 2, "two")]);
    // Also where the position is taken, and by another event than the known.
    let outrun = append(book(1), [post(book(1), 2, "once")]);
    assert_eq!(
        append_one(&*log, outrun).await,
        AppendOutcome::stopped(0, Stop::Duplicate(Box::new(known.clone())))
    );
    let mut other = known.clone();
    other.payload = post(book(1), 1, "other-words").payload;
    let other = append_one(&*log, append(book(1), [other])).await;
    assert_eq!(other, AppendOutcome::stopped(0, Stop::Duplicate(Box::new(known))));
}

pub(crate) async fn an_id_counts_once_within_an_append(log: Subject) {
    let twice = append(
        book(1),
        [post(book(1), 1, "a"), post(book(1), 2, "a"), post(book(1), 3, "b")],
    );
    let first = post(book(1), 1, "a");
    assert_eq!(
        append_one(&*log, twice).await,
        AppendOutcome::stopped(1, Stop::Duplicate(Box::new(first.clone())))
    );
    assert_eq!(forward(&*log, 1).await, [first]);
}

pub(crate) async fn the_same_append_again_is_written(mut log: Subject) {
    let events = posts(book(1), 1, 5);
    let batch = vec![append(book(1), events.clone()), append(book(2), posts(book(2), 1, 2))];
    let expected = [AppendOutcome::all(5), AppendOutcome::all(2)];
    assert_eq!(log.append(batch.clone()).await, expected);
    assert_eq!(log.append(batch.clone()).await, expected);
    // A longer append whose beginning is there, as after an outcome that was not known.
    let longer = append(book(1), posts(book(1), 3, 9));
    assert_eq!(append_one(&*log, longer.clone()).await, AppendOutcome::all(7));
    log.reopen().await;
    assert_eq!(log.append(batch).await, expected);
    assert_eq!(append_one(&*log, longer).await, AppendOutcome::all(7));
    assert_eq!(forward(&*log, 1).await, posts(book(1), 1, 9));
}

pub(crate) async fn a_stop_touches_no_other_room(log: Subject) {
    let stopped = [Stop::Conflict, Stop::Duplicate(Box::new(post(book(1), 1, "m1")))];
    append_one(&*log, append(book(1), posts(book(1), 1, 2))).await;
    let mut round = 0;
    for stop in stopped {
        for position in 0..3 {
            let name = if stop == Stop::Conflict { "late" } else { "m1" };
            let bad = append(
                book(1),
                [
                    post(book(1), 1, "m1"),
                    post(book(1), 2, name),
                    post(book(1), 3, "never"),
                ],
            );
            let good = |room: u64| append(book(room), posts(book(room), 1 + round * 3, 3 + round * 3));
            let mut batch = vec![good(2), good(3)];
            batch.insert(position, bad);
            let mut expected = vec![AppendOutcome::all(3), AppendOutcome::all(3)];
            expected.insert(position, AppendOutcome::stopped(1, stop.clone()));
            assert_eq!(log.append(batch).await, expected);
            round += 1;
        }
    }
    assert_eq!(forward(&*log, 1).await, posts(book(1), 1, 2));
    assert_eq!(forward(&*log, 2).await, posts(book(2), 1, round * 3));
    assert_eq!(forward(&*log, 3).await, posts(book(3), 1, round * 3));
}

pub(crate) async fn all_rooms_may_stop(log: Subject) {
    let setup: Vec<_> = (1..=4)
        .map(|room| append(book(room), posts(book(room), 1, 1)))
        .collect();
    log.append(setup).await;
    let batch = (1..=4).map(|room| append(book(room), [post(book(room), 1, "late"), post(book(room), 2, "x")]));
    assert_eq!(
        log.append(batch.collect()).await,
        vec![AppendOutcome::stopped(0, Stop::Conflict); 4]
    );
}

pub(crate) async fn an_id_sent_at_once_is_one_event(log: Subject) {
    let sends = (0..20).map(|n| {
        let log: Arc<dyn EventLog> = log.log();
        let mut event = post(book(1), 1, "once");
        event.at = time(100 + n);
        tokio::spawn(async move { append_one(&*log, append(book(1), [event])).await })
    });
    let sends: Vec<_> = sends.collect();
    let mut outcomes = Vec::new();
    for send in sends {
        outcomes.push(send.await.expect("an outcome"));
    }
    let events = forward(&*log, 1).await;
    let [event] = &events[..] else {
        panic!("one event, not {events:?}")
    };
    let duplicate = AppendOutcome::stopped(0, Stop::Duplicate(Box::new(event.clone())));
    assert_eq!(
        outcomes
            .iter()
            .filter(|outcome| **outcome == AppendOutcome::all(1))
            .count(),
        1
    );
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == duplicate).count(), 19);
}

pub(crate) async fn no_id_imitates_another(log: Subject) {
    let room = book(1);
    let mut events = Vec::new();
    for (kind, name, by) in [
        (EventKind::Post, "k", "ann"),
        (EventKind::Post, "k", "bob"),
        (EventKind::Post, "k", "a/b"),
        (EventKind::Post, "k", "k/a/b"),
        (EventKind::Post, "k", "1/post/k/ann"),
        (EventKind::Post, "k", "ann/"),
        (EventKind::Post, "k", "Ann"),
        (EventKind::Edit, "k", "ann"),
    ] {
        let at = events.len() as u64 + 1;
        let payload = post(room, at, "words").payload;
        events.push(event(
            room,
            at,
            at,
            EventId::new(room, kind, Some(&key(name)), &user(by)),
            by,
            payload,
        ));
    }
    // The same key of the same user in another room.
    let other = post_by(book(11), 1, "k", "ann");
    let batch = vec![append(room, events.clone()), append(book(11), [other.clone()])];
    assert_eq!(log.append(batch).await, [AppendOutcome::all(8), AppendOutcome::all(1)]);
    assert_eq!(forward(&*log, 1).await, events);
    assert_eq!(forward(&*log, 11).await, [other]);
}

pub(crate) async fn reopening_keeps_epoch_and_events(mut log: Subject) {
    let epoch = log.epoch().clone();
    assert!(!epoch.as_str().is_empty());
    append_one(&*log, append(book(1), posts(book(1), 1, 3))).await;
    log.reopen().await;
    assert_eq!(*log.epoch(), epoch);
    assert_eq!(forward(&*log, 1).await, posts(book(1), 1, 3));
    assert_eq!(
        append_one(&*log, append(book(1), posts(book(1), 4, 4))).await,
        AppendOutcome::all(1)
    );
    assert_eq!(
        log.head(book(1)).await,
        Ok(Head {
            seq: seq(4),
            at: time(4)
        })
    );
}

pub(crate) async fn a_full_batch_is_written(log: Subject) {
    let rooms = 64;
    let each = readrealm_server::log::BATCH_EVENTS as u64 / rooms;
    let batch: Vec<_> = (1..=rooms)
        .map(|room| append(book(room), posts(book(room), 1, each)))
        .collect();
    let written = usize::try_from(each).expect("a small number");
    assert_eq!(log.append(batch).await, vec![AppendOutcome::all(written); 64]);
    assert_eq!(log.head(book(rooms)).await.expect("a head").seq, seq(each));
}
