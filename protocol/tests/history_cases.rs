//! The fold, case by case: windows, pages and resets.
#![allow(clippy::unwrap_used, reason = "a test")]

use readrealm_protocol::Seq;
use readrealm_protocol::history::{Change, History, Shown};

fn seq(position: usize) -> Seq {
    Seq::try_from(position as u64).unwrap()
}

fn shown(history: &History<usize>) -> Vec<usize> {
    history.newest_first().copied().collect()
}

/// Whether the message at `place` is shown in another way than before.
fn changes(history: &mut History<usize>, place: usize, version: usize, change: Change<usize>) -> bool {
    history.apply(seq(place), seq(version), change) != Shown::AsBefore
}

fn history_of(window: usize, posts: std::ops::RangeInclusive<usize>) -> History<usize> {
    let mut history = History::new(window);
    for place in posts {
        history.apply(seq(place), seq(place), Change::Posted(place));
    }
    history
}

#[test]
fn a_change_below_the_window_of_a_reset_is_ignored() {
    let mut history = History::new(500);
    history.reset(seq(100), (51..=100).map(|place| (seq(place), place)), true);
    assert!(!changes(&mut history, 1, 101, Change::Edited(101)));
    assert_eq!((history.len(), history.oldest()), (50, Some(seq(51))));
}

#[test]
fn an_empty_state_of_a_room_with_more_shows_nothing_older() {
    let mut history = History::new(500);
    history.reset(seq(100), [], true);
    assert!(!changes(&mut history, 1, 101, Change::Edited(101)));
    assert!(changes(&mut history, 102, 102, Change::Posted(102)));
    assert_eq!((shown(&history), history.has_more()), (vec![102], true));
}

#[test]
fn pages_widen_the_window_and_a_reset_narrows_it() {
    let mut history = history_of(3, 1..=10);
    assert_eq!((shown(&history), history.has_more()), (vec![10, 9, 8], true));
    history.begin_page();
    assert!(history.merge_page(seq(10), (4..8).map(|place| (seq(place), place)), true));
    assert_eq!(shown(&history), [10, 9, 8, 7, 6, 5, 4]);
    history.apply(seq(11), seq(11), Change::Posted(11));
    assert_eq!(shown(&history), [11, 10, 9, 8, 7, 6, 5]);
    history.reset(seq(11), [(seq(11), 11)], true);
    for place in 12..20 {
        history.apply(seq(place), seq(place), Change::Posted(place));
    }
    assert_eq!(shown(&history), [19, 18, 17]);
}

#[test]
fn while_a_page_is_on_its_way_nothing_leaves_and_then_what_is_too_much_does() {
    let mut history = history_of(3, 1..=3);
    history.begin_page();
    for place in 4..=6 {
        history.apply(seq(place), seq(place), Change::Posted(place));
    }
    assert_eq!(history.len(), 6);
    history.abandon_page();
    assert_eq!((shown(&history), history.has_more()), (vec![6, 5, 4], true));
}

#[test]
fn a_page_does_not_bring_back_what_was_withdrawn() {
    // Withdrawn below the window, while nobody asked for that page.
    let mut history = history_of(2, 1..=4);
    history.apply(seq(1), seq(5), Change::Deleted);
    history.begin_page();
    assert!(
        !history.merge_page(seq(4), [(seq(2), 2), (seq(1), 1)], false),
        "older than the change"
    );
    history.begin_page();
    assert!(history.merge_page(seq(5), [(seq(2), 2)], false));
    assert_eq!(shown(&history), [4, 3, 2]);

    // Withdrawn while the page was on its way, before and after the position it is exact at.
    let mut history = history_of(2, 1..=6);
    history.begin_page();
    history.apply(seq(4), seq(7), Change::Deleted);
    history.apply(seq(3), seq(8), Change::Edited(8));
    history.apply(seq(2), seq(9), Change::Deleted);
    assert!(history.merge_page(seq(7), [(seq(3), 3), (seq(2), 2), (seq(1), 1)], false));
    assert_eq!(shown(&history), [6, 5, 8, 1]);

    // Withdrawn at the position of the page, and heard of only later.
    let mut history = history_of(2, 1..=4);
    history.begin_page();
    history.apply(seq(2), seq(5), Change::Edited(5));
    assert!(history.merge_page(seq(7), [(seq(1), 1)], false));
    assert!(!changes(&mut history, 2, 6, Change::Edited(6)));
    assert!(!changes(&mut history, 2, 7, Change::Deleted));
    assert_eq!(shown(&history), [4, 3, 1]);
}

#[test]
fn a_page_asked_for_before_a_reset_is_given_up() {
    let mut history = history_of(2, 1..=4);
    history.begin_page();
    history.reset(seq(9), [(seq(4), 4)], true);
    assert!(!history.merge_page(seq(5), [(seq(2), 2), (seq(1), 1)], false));
    history.begin_page();
    assert!(!history.merge_page(seq(5), [(seq(2), 2), (seq(1), 1)], false));
    assert_eq!((shown(&history), history.has_more()), (vec![4], true));
}

#[test]
fn what_a_change_did_to_the_list_is_told() {
    let told = |history: &mut History<usize>, place, version, change| {
        let shown = history.apply(seq(place), seq(version), change);
        (shown, history.newer_than(seq(place)), history.len())
    };
    let mut history = history_of(3, 1..=2);
    assert_eq!(told(&mut history, 3, 3, Change::Posted(3)), (Shown::Added, 0, 3));
    assert_eq!(told(&mut history, 4, 4, Change::Posted(4)), (Shown::Added, 0, 3));
    assert_eq!(told(&mut history, 2, 5, Change::Edited(5)), (Shown::Replaced, 2, 3));
    assert_eq!(told(&mut history, 2, 5, Change::Edited(5)), (Shown::AsBefore, 2, 3));
    assert_eq!(told(&mut history, 1, 6, Change::Edited(6)), (Shown::AsBefore, 3, 3));
    assert_eq!(told(&mut history, 3, 7, Change::Deleted), (Shown::Removed, 1, 2));
    assert_eq!(told(&mut history, 3, 8, Change::Edited(8)), (Shown::Added, 1, 3));
    // No room for it.
    let mut history = History::new(0);
    assert_eq!(told(&mut history, 1, 1, Change::Posted(1)), (Shown::AsBefore, 0, 0));
}

/// A resume tells of a withdrawn message at the place of its post, and again where it was withdrawn.
#[test]
fn a_resume_of_withdrawn_messages_shows_nothing() {
    let mut history = history_of(5, 1..=2);
    assert!(!changes(&mut history, 3, 3, Change::Deleted));
    assert!(!changes(&mut history, 3, 4, Change::Deleted));
    assert!(changes(&mut history, 2, 5, Change::Deleted));
    assert!(!changes(&mut history, 2, 2, Change::Posted(2)));
    assert_eq!(shown(&history), [1]);
}

/// A room in which every message is withdrawn again holds on to a bounded number of their places.
#[test]
fn endless_posts_and_deletes_are_let_go_and_stay_withdrawn() {
    let at = |n: u64| Seq::try_from(n).unwrap();
    let mut history = History::new(10);
    history.apply(at(1), at(1), Change::Posted(1));
    for n in 1..5_000 {
        let (post, delete) = (at(2 * n), at(2 * n + 1));
        history.apply(post, post, Change::Posted(2 * n));
        history.apply(post, delete, Change::Deleted);
        assert!(
            history.apply(post, post, Change::Posted(2 * n)) == Shown::AsBefore,
            "an older change brings nothing back"
        );
    }
    assert!(history.newest_first().eq(&[1]));
    assert!(format!("{history:?}").matches("message: None").count() <= 128);
}
