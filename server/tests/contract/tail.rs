//! The tail: what any node appends, in order; nothing where there is one writer.

use std::time::Duration;

use futures_util::StreamExt;
use readrealm_server::log::{AppendOutcome, Stop};

use super::append::forward;
use crate::support::events::{append, book, post, posts, seq, time};
use crate::support::subject::Subject;

/// For logs that several nodes write.
pub(crate) async fn a_tail_sees_what_any_handle_appends(log: Subject) {
    let other = log.second().await;
    assert_eq!(log.epoch(), other.epoch());
    log.append(vec![append(book(1), posts(book(1), 1, 5))]).await;
    let mut tail = log
        .tail()
        .await
        .expect("a tail")
        .expect("one, for there may be other nodes");
    for first in [6, 9] {
        let batch = vec![
            append(book(1), posts(book(1), first, first + 2)),
            append(book(2), posts(book(2), first - 5, first - 3)),
        ];
        other.append(batch).await;
    }
    log.append(vec![append(book(1), posts(book(1), 12, 12))]).await;
    let mut seen = Vec::new();
    for _ in 0..13 {
        let next = tokio::time::timeout(Duration::from_secs(10), tail.next())
            .await
            .expect("an event in time");
        let event = next.expect("no end").expect("an event");
        let (room, position) = (event.book, event.seq);
        let event = event.read().expect("one that can be read");
        assert_eq!((event.book, event.seq), (room, position));
        seen.push(event);
    }
    let of = |room: u64| {
        seen.iter()
            .filter(|event| event.book == book(room))
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(of(1), posts(book(1), 6, 12), "from now on, and in order");
    assert_eq!(of(2), posts(book(2), 1, 6));
    other.close().await;
}

/// A room's reads begin where the tail does: nothing falls between them.
pub(crate) async fn nothing_falls_between_tail_and_read(log: Subject) {
    let writer = log.second().await;
    let writing = tokio::spawn(async move {
        for at in 1..=150 {
            let outcome = writer.append(vec![append(book(1), posts(book(1), at, at))]).await;
            assert_eq!(outcome, [AppendOutcome::all(1)]);
        }
    });
    let mut joined = 0;
    while !writing.is_finished() {
        let mut tail = log.tail().await.expect("a tail").expect("one");
        let head = log.head(book(1)).await.expect("a head").seq;
        if writing.is_finished() {
            break;
        }
        let next = tokio::time::timeout(Duration::from_secs(10), tail.next()).await;
        let Ok(Some(Ok(event))) = next else { break };
        assert!(event.seq <= head.next(), "read up to {head}, then heard {}", event.seq);
        joined += 1;
    }
    writing.await.expect("all written");
    assert!(joined > 0);
}

/// Writers on two nodes race for one room: no holes, and each is answered with the position it got.
pub(crate) async fn two_writers_race_without_holes(log: Subject) {
    let nodes = [("one", log.log()), ("two", log.second().await)];
    let writers = nodes.map(|(name, log)| {
        tokio::spawn(async move {
            let mut acked = Vec::new();
            for n in 0..40 {
                let event = post(book(1), 1, &format!("{name}-{n}"));
                loop {
                    let next = log.head(book(1)).await.expect("a head").seq.next();
                    let event = event.clone().renumbered(next, time(next.get()));
                    let outcome = log.append(vec![append(book(1), [event.clone()])]).await.remove(0);
                    match outcome.stopped {
                        None => break acked.push(event),
                        Some(Stop::Conflict) => tokio::task::yield_now().await,
                        Some(other) => panic!("{other:?}"),
                    }
                }
            }
            acked
        })
    });
    let mut acked = Vec::new();
    for writer in writers {
        acked.extend(writer.await.expect("a writer"));
    }
    acked.sort_by_key(|event| event.seq);
    assert_eq!(forward(&*log, 1).await, acked);
    assert!(acked.iter().zip(1..).all(|(event, at)| event.seq == seq(at)));
}

/// For logs that one process writes.
pub(crate) async fn a_single_writer_has_no_tail(log: Subject) {
    assert!(log.tail().await.expect("an answer").is_none());
}
