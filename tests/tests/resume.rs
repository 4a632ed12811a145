//! Who comes back says where it stands, and is told what it missed: every event once, in order, and no withdrawn word.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::client::{Client, posting};
use e2e::{Server, Store};
use readrealm_protocol::server::{Resumed, SequencedFrame};
use readrealm_protocol::{ClientEvent, Epoch, Seq, ServerEvent, limits};

e2e::on_durable_stores!(
    a_short_absence_is_told_in_full_and_joins_the_live_events,
    a_long_absence_is_told_in_pages_also_after_a_restart,
    a_page_is_bounded_by_what_is_told_and_not_by_what_was_written,
    a_member_that_asks_from_far_behind_is_told_all_before_what_is_live,
    what_cannot_be_resumed_starts_afresh,
);

const BOOK: u32 = 98;
const UNLIMITED: [&str; 4] = ["--messages-per-second", "0", "--user-messages-per-second", "0"];

fn returning(client: &Client, after: u64, epoch: Option<&Epoch>) -> ClientEvent {
    let ClientEvent::JoinRoom(mut join) = client.joining(BOOK) else {
        unreachable!()
    };
    (join.after, join.epoch) = (Some(Seq::try_from(after).unwrap()), epoch.cloned());
    ClientEvent::JoinRoom(join)
}

/// Every page of `resumed`, in the order they came.
async fn resume(client: &mut Client, after: u64, epoch: &Epoch) -> Vec<Resumed<SequencedFrame>> {
    let event = returning(client, after, Some(epoch));
    let id = client.request(event).await;
    let mut pages = Vec::new();
    loop {
        match client.answer(id).await {
            Ok(ServerEvent::Resumed(page)) => {
                let complete = page.complete;
                pages.push(page);
                if complete {
                    return pages;
                }
            }
            other => panic!("answered with {other:?}"),
        }
    }
}

async fn a_short_absence_is_told_in_full_and_joins_the_live_events(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = Client::connect(&server, "alice").await;
    let epoch = alice.join(BOOK).await.epoch;
    let seen = alice.post(BOOK, "seen").await.message_id;
    let edited = alice.post(BOOK, "mised").await.message_id;
    let deleted = alice.post(BOOK, "a secret").await.message_id;
    alice.edit(BOOK, edited, "missed").await.unwrap();
    alice.edit(BOOK, deleted, "a better kept secret").await.unwrap();
    alice.delete(BOOK, deleted).await.unwrap();
    alice.delete(BOOK, seen).await.unwrap();

    let mut bob = Client::connect(&server, "bob").await;
    let event = returning(&bob, 1, Some(&epoch));
    let id = bob.request(event).await;
    let heard = bob.hear("resumed", |frame| frame.id == Some(id)).await;
    assert!(!heard.text.contains("secret"), "no withdrawn word: {}", heard.text);
    let ServerEvent::Resumed(page) = heard.frame.event else {
        panic!("{}", heard.text)
    };
    assert_eq!((page.seq.get(), page.complete, page.members.count), (7, true, 2));
    let told: Vec<_> = page
        .events
        .iter()
        .map(|frame| (frame.seq.get(), frame.event.name()))
        .collect();
    let expected = [
        (2, "message"),
        (3, "messageDeleted"),
        (4, "messageEdited"),
        (5, "messageDeleted"),
        (6, "messageDeleted"),
        (7, "messageDeleted"),
    ];
    assert_eq!(told, expected);
    let ServerEvent::Message(message) = &page.events[0].event else {
        unreachable!()
    };
    assert_eq!(message.content.as_str(), "missed", "with its words of today");

    assert_eq!(alice.post(BOOK, "live").await.seq.get(), 8);
    assert_eq!(bob.next_message().await.seq.get(), 8);
    // Nothing missed is an answer as well.
    let pages = resume(&mut bob, 8, &epoch).await;
    assert_eq!((pages.len(), pages[0].events.len(), pages[0].seq.get()), (1, 0, 8));
}

async fn a_long_absence_is_told_in_pages_also_after_a_restart(store: Store) {
    const EVENTS: u64 = 1_300;
    let mut server = Server::start_with(&store, &UNLIMITED).await;
    let mut alice = Client::connect(&server, "alice").await;
    let epoch = alice.join(BOOK).await.epoch;
    let mut last = None;
    for n in 1..=EVENTS {
        last = Some(
            alice
                .request(posting(BOOK, &format!("{n} {}", "x".repeat(300)), None))
                .await,
        );
    }
    alice.answer(last.unwrap()).await.unwrap();
    for restarted in [false, true] {
        if restarted {
            server.restart().await;
        }
        let mut bob = Client::connect(&server, "bob").await;
        let pages = resume(&mut bob, 3, &epoch).await;
        assert!(pages.len() >= 3, "{} pages", pages.len());
        for page in &pages {
            assert!(page.events.len() <= 500);
            assert!(page.events.last().is_none_or(|frame| frame.seq == page.seq));
        }
        let told: Vec<u64> = pages
            .iter()
            .flat_map(|page| &page.events)
            .map(|frame| frame.seq.get())
            .collect();
        assert_eq!(told, (4..=EVENTS).collect::<Vec<_>>(), "every event once, in order");
        assert_eq!(bob.drain().await, [], "and nothing beside");
    }
}

async fn a_page_is_bounded_by_what_is_told_and_not_by_what_was_written(store: Store) {
    let server = Server::start_with(&store, &UNLIMITED).await;
    let mut alice = Client::connect(&server, "alice").await;
    let epoch = alice.join(BOOK).await.epoch;
    let long = "\u{1f4d6}".repeat(4_000);
    for _ in 0..40 {
        let short = alice.post(BOOK, "x").await.message_id;
        alice.edit(BOOK, short, &long).await.unwrap();
    }
    let mut bob = Client::connect(&server, "bob").await;
    let pages = resume(&mut bob, 0, &epoch).await;
    let told: Vec<u64> = pages
        .iter()
        .flat_map(|page| &page.events)
        .map(|frame| frame.seq.get())
        .collect();
    assert_eq!(told, (1..=80).collect::<Vec<_>>(), "every position once");
    for page in &pages {
        let bytes: usize = page
            .events
            .iter()
            .map(|frame| serde_json::to_string(frame).unwrap().len())
            .sum();
        assert!(bytes <= limits::RESUME_BYTES, "{bytes} bytes in a page");
    }
    assert!(pages.len() >= 5, "{} pages of 1.3 MB", pages.len());
}

async fn a_member_that_asks_from_far_behind_is_told_all_before_what_is_live(store: Store) {
    const EVENTS: u64 = 1_200;
    let server = Server::start_with(&store, &UNLIMITED).await;
    let mut alice = Client::connect(&server, "alice").await;
    let epoch = alice.join(BOOK).await.epoch;
    let mut bob = Client::connect(&server, "bob").await;
    bob.join(BOOK).await;
    let mut last = None;
    for n in 1..=EVENTS {
        last = Some(alice.request(posting(BOOK, &n.to_string(), None)).await);
    }
    alice.answer(last.unwrap()).await.unwrap();
    for _ in 0..EVENTS {
        bob.next_message().await;
    }
    let event = returning(&bob, 2, Some(&epoch));
    let id = bob.request(event).await;
    for n in 1..=EVENTS {
        alice.request(posting(BOOK, &format!("meanwhile {n}"), None)).await;
    }
    // From here on, as its socket tells it: the pages, then what is live, and no position twice.
    let (mut told, mut complete, mut pages) = (2, false, 0);
    while told < 2 * EVENTS || !complete {
        let frame = bob.next().await;
        match frame.event {
            ServerEvent::Resumed(page) if frame.id == Some(id) => {
                assert!(!complete, "a page after the last");
                for event in &page.events {
                    assert_eq!(event.seq.get(), told + 1);
                    told += 1;
                }
                (complete, pages) = (page.complete, pages + 1);
            }
            // What was under way before the room heard the request.
            ServerEvent::Message(message) if !complete => assert!(pages == 0, "{message:?} among the pages"),
            ServerEvent::Message(message) => {
                assert_eq!(message.seq.get(), told + 1);
                told += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(pages >= 3, "{pages} pages");
    // It was a member all the while.
    let moved = ["userJoined", "userLeft"];
    let heard = alice
        .heard()
        .filter(|frame| moved.contains(&frame.event.name()))
        .count();
    assert_eq!(heard, 1, "bob's arrival");
}

async fn what_cannot_be_resumed_starts_afresh(store: Store) {
    let server = Server::start(&store).await;
    let mut alice = Client::connect(&server, "alice").await;
    let epoch = alice.join(BOOK).await.epoch;
    alice.post(BOOK, "hello").await;
    let another = Epoch::try_from("another").unwrap();
    let cases = [
        (1, Some(&another)),
        (2, Some(&epoch)),
        (9_007_199_254_740_991, Some(&epoch)),
        (1, None),
    ];
    for (after, epoch) in cases {
        let mut bob = Client::connect(&server, "bob").await;
        let event = returning(&bob, after, epoch);
        match bob.ask(event).await {
            Ok(ServerEvent::PreviousMessages(state)) => assert_eq!((state.seq.get(), state.messages.len()), (1, 1)),
            other => panic!("after {after} of {epoch:?}: {other:?}"),
        }
    }
}
