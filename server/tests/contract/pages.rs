//! Pages of history: the current truth of every message, or that of an older position.

use readrealm_protocol::{BookId, Seq};
use readrealm_server::log::event::EventKind;
use readrealm_server::log::{AppendOutcome, EventId, EventLog, Page, PageQuery, Payload, StoredEvent};

use crate::support::events::{append, book, delete, edit, event, post, posts, seq, time, user};
use crate::support::subject::Subject;

const NEWEST: PageQuery = PageQuery {
    before: None,
    at: None,
    limit: 50,
};

async fn write(log: &dyn EventLog, room: BookId, events: Vec<StoredEvent>) {
    let count = events.len();
    assert_eq!(
        log.append(vec![append(room, events)]).await,
        [AppendOutcome::all(count)]
    );
}

async fn page(log: &dyn EventLog, query: PageQuery) -> Page {
    log.read_page(book(1), query).await.expect("a page")
}

/// `(position, words)` of each message, and whether there are more.
fn words(page: &Page) -> (Vec<(u64, &str)>, bool) {
    let messages = page
        .messages
        .iter()
        .map(|message| (message.seq.get(), message.content.as_str()));
    (messages.collect(), page.has_more)
}

fn places(page: &Page) -> Vec<u64> {
    page.messages.iter().map(|message| message.seq.get()).collect()
}

fn down(from: u64, to: u64) -> Vec<u64> {
    (to..=from).rev().collect()
}

pub(crate) async fn an_empty_page(log: Subject) {
    let empty = Page {
        seq: Seq::ZERO,
        messages: Vec::new(),
        has_more: false,
    };
    assert_eq!(page(&*log, NEWEST).await, empty);
    assert_eq!(
        page(
            &*log,
            PageQuery {
                before: Some(seq(7)),
                ..NEWEST
            }
        )
        .await,
        empty
    );
}

pub(crate) async fn the_newest_fifty_of_sixty(log: Subject) {
    write(&*log, book(1), posts(book(1), 1, 60)).await;
    write(&*log, book(2), posts(book(2), 1, 60)).await;
    let newest = page(&*log, NEWEST).await;
    assert_eq!((newest.seq, newest.has_more), (seq(60), true));
    assert_eq!(places(&newest), down(60, 11));
    let message = &newest.messages[0];
    assert_eq!(
        (message.id.to_string().as_str(), message.content.as_str()),
        ("1-60", "m60")
    );
    assert_eq!((message.created_at, message.updated_at), (time(60), time(60)));
    let older = page(
        &*log,
        PageQuery {
            before: Some(seq(11)),
            ..NEWEST
        },
    )
    .await;
    assert_eq!((older.seq, older.has_more), (seq(60), false));
    assert_eq!(places(&older), down(10, 1));
}

pub(crate) async fn has_more_is_exact(log: Subject) {
    write(&*log, book(1), posts(book(1), 1, 50)).await;
    let all = page(&*log, NEWEST).await;
    assert_eq!((places(&all), all.has_more), (down(50, 1), false));
    let most = page(&*log, PageQuery { limit: 49, ..NEWEST }).await;
    assert_eq!((places(&most), most.has_more), (down(50, 2), true));
    let one = page(&*log, PageQuery { limit: 1, ..NEWEST }).await;
    assert_eq!((places(&one), one.has_more), (vec![50], true));
    let last = page(
        &*log,
        PageQuery {
            before: Some(seq(2)),
            limit: 1,
            at: None,
        },
    )
    .await;
    assert_eq!((places(&last), last.has_more), (vec![1], false));
    let none = page(
        &*log,
        PageQuery {
            before: Some(seq(1)),
            ..NEWEST
        },
    )
    .await;
    assert_eq!((places(&none), none.has_more), (vec![], false));
    // What is left of the older ones is withdrawn: there are no more.
    write(&*log, book(1), vec![delete(book(1), 51, 1), delete(book(1), 52, 2)]).await;
    let rest = page(&*log, PageQuery { limit: 48, ..NEWEST }).await;
    assert_eq!((places(&rest), rest.has_more), (down(50, 3), false));
}

pub(crate) async fn a_page_is_exact_at_a_position(log: Subject) {
    let mut events = posts(book(1), 1, 55);
    events.push(edit(book(1), 56, 55, "edited"));
    events.push(delete(book(1), 57, 54));
    events.extend(posts(book(1), 58, 60));
    write(&*log, book(1), events).await;
    let at = |position: u64| PageQuery {
        at: Some(seq(position)),
        limit: 3,
        before: None,
    };
    let now = page(
        &*log,
        PageQuery {
            before: Some(seq(58)),
            ..at(60)
        },
    )
    .await;
    assert_eq!(words(&now), (vec![(55, "edited"), (53, "m53"), (52, "m52")], true));
    let then = page(&*log, at(56)).await;
    assert_eq!(words(&then), (vec![(55, "edited"), (54, "m54"), (53, "m53")], true));
    assert_eq!((then.seq, then.messages[0].updated_at), (seq(56), time(56)));
    let before = page(&*log, at(55)).await;
    assert_eq!(words(&before), (vec![(55, "m55"), (54, "m54"), (53, "m53")], true));
    let first = page(&*log, at(1)).await;
    assert_eq!(words(&first), (vec![(1, "m1")], false));
}

pub(crate) async fn nothing_withdrawn_comes_back(log: Subject) {
    let room = book(1);
    let mut events = posts(room, 1, 100);
    // Long after: the second message is edited twice, the third edited and deleted, the fourth deleted and then edited.
    events.push(edit(room, 101, 2, "two, edited"));
    events.push(edit(room, 102, 3, "three, edited"));
    events.push(edit(room, 103, 2, "two, edited again"));
    events.push(delete(room, 104, 3));
    events.push(delete(room, 105, 4));
    write(&*log, room, events).await;
    let oldest = page(
        &*log,
        PageQuery {
            before: Some(seq(6)),
            ..NEWEST
        },
    )
    .await;
    assert_eq!(
        words(&oldest),
        (vec![(5, "m5"), (2, "two, edited again"), (1, "m1")], false)
    );
    let edited = &oldest.messages[1];
    assert_eq!(
        (edited.created_at, edited.updated_at, edited.user_id.as_str()),
        (time(2), time(103), "ann")
    );
    // Deleting moves no other message off the page.
    write(&*log, room, vec![delete(room, 106, 100)]).await;
    assert_eq!(places(&page(&*log, NEWEST).await), down(99, 50));
}

pub(crate) async fn many_edits_do_not_shorten_a_page(log: Subject) {
    let room = book(1);
    let mut events = posts(room, 1, 60);
    for place in [60, 59, 30, 12] {
        let from = events.len() as u64;
        events.extend((1..=100).map(|n| edit(room, from + n, place, &format!("edit {n}"))));
    }
    write(&*log, room, events).await;
    let newest = page(&*log, NEWEST).await;
    assert_eq!((places(&newest), newest.has_more), (down(60, 11), true));
    assert_eq!(
        (newest.seq, newest.messages[0].content.as_str()),
        (seq(460), "edit 100")
    );
}

pub(crate) async fn long_runs_of_deleted_messages(log: Subject) {
    let room = book(1);
    let mut events = posts(room, 1, 1_600);
    events.extend((101..=1_600).map(|place| delete(room, 1_500 + place, place)));
    write(&*log, room, events).await;
    let newest = page(&*log, NEWEST).await;
    assert_eq!((newest.seq, newest.has_more), (seq(3_100), true));
    assert_eq!(places(&newest), down(100, 51));
    let oldest = page(
        &*log,
        PageQuery {
            before: Some(seq(51)),
            ..NEWEST
        },
    )
    .await;
    assert_eq!((places(&oldest), oldest.has_more), (down(50, 1), false));
}

pub(crate) async fn an_unknown_event_has_its_position_and_is_not_shown(log: Subject) {
    let room = book(1);
    let unknown = |at: u64, place: u64| {
        let payload = Payload::Unknown {
            kind: "Reaction".to_owned(),
            version: 1,
            data: serde_json::json!({"r": "+1"}),
        };
        event(
            room,
            at,
            place,
            EventId::new(room, EventKind::Edit, None, &user("bob")),
            "bob",
            payload,
        )
    };
    write(
        &*log,
        room,
        vec![
            post(room, 1, "one"),
            unknown(2, 1),
            unknown(3, 3),
            post(room, 4, "four"),
        ],
    )
    .await;
    let newest = page(&*log, NEWEST).await;
    assert_eq!(words(&newest), (vec![(4, "four"), (1, "one")], false));
    assert_eq!(
        log.read_forward(room, seq(1), crate::support::events::ALL)
            .await
            .expect("events")
            .len(),
        3
    );
}

pub(crate) async fn the_latest_at_a_place(log: Subject) {
    let room = book(1);
    let mut events = posts(room, 1, 4);
    events.push(edit(room, 5, 2, "two"));
    events.push(edit(room, 6, 2, "two!"));
    events.push(delete(room, 7, 3));
    write(&*log, room, events.clone()).await;
    write(&*log, book(2), posts(book(2), 1, 9)).await;
    let mut latest = log
        .read_latest(room, &[seq(3), seq(1), seq(2), seq(9)])
        .await
        .expect("events");
    latest.sort_by_key(|event| event.place);
    assert_eq!(latest, [events[0].clone(), events[5].clone(), events[6].clone()]);
    assert_eq!(log.read_latest(room, &[]).await, Ok(Vec::new()));
    assert_eq!(log.read_latest(book(3), &[seq(1)]).await, Ok(Vec::new()));

    let ids = [&events[5], &events[0]].map(|event| event.id.clone());
    let mut known = log.read_ids(&ids).await.expect("events");
    known.sort_by_key(|event| event.seq);
    assert_eq!(known, [events[0].clone(), events[5].clone()]);
    assert_eq!(
        log.read_ids(&[EventId::from_stored("1/post/none/u")]).await,
        Ok(Vec::new())
    );
}
