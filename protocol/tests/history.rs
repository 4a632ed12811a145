//! The fold against a naive model, which keeps the whole log and filters it.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use readrealm_protocol::Seq;
use readrealm_protocol::history::{Change, History, Shown};

fn seq(position: usize) -> Seq {
    Seq::try_from(position as u64).unwrap()
}

fn number(place: Seq) -> usize {
    usize::try_from(place.get()).unwrap()
}

/// One stored event. Its words are its own position, so that no two are alike.
#[derive(Debug, Clone)]
struct Event {
    place: usize,
    version: usize,
    change: Change<usize>,
}

impl Event {
    fn apply(&self, history: &mut History<usize>) -> Shown {
        history.apply(seq(self.place), seq(self.version), self.change.clone())
    }

    /// Applies it, and returns whether the message at its place is shown in another way.
    fn changes(&self, history: &mut History<usize>) -> bool {
        self.apply(history) != Shown::AsBefore
    }

    /// Applies it to the history and, by what that tells, to a list of what is shown.
    fn follow(&self, history: &mut History<usize>, list: &mut Vec<usize>) {
        let shown = self.apply(history);
        let (index, message) = (history.newer_than(seq(self.place)), history.get(seq(self.place)));
        match shown {
            Shown::AsBefore => {}
            Shown::Added => list.insert(index, *message.unwrap()),
            Shown::Replaced => list[index] = *message.unwrap(),
            Shown::Removed => drop(list.remove(index)),
        }
        list.truncate(history.len());
    }
}

/// The whole log of a room.
#[derive(Debug, Clone)]
struct Log(Vec<Event>);

impl Log {
    /// The messages at `position`, by place.
    fn at(&self, position: usize) -> BTreeMap<usize, usize> {
        let mut messages = BTreeMap::new();
        for event in &self.0[..position] {
            match event.change {
                Change::Posted(words) | Change::Edited(words) => messages.insert(event.place, words),
                Change::Deleted => messages.remove(&event.place),
            };
        }
        messages
    }

    /// At most `limit` of the messages at `position` before the place `before`, and whether there are older ones.
    fn page(&self, position: usize, before: usize, limit: usize) -> (Vec<(Seq, usize)>, bool) {
        let mut older: Vec<_> = self
            .at(position)
            .range(..before)
            .rev()
            .map(|(place, words)| (seq(*place), *words))
            .collect();
        let has_more = older.len() > limit;
        older.truncate(limit);
        (older, has_more)
    }

    fn len(&self) -> usize {
        self.0.len()
    }
}

/// Posts, and edits and deletes of messages that stand; as a server would accept them.
fn log(most: usize) -> impl Strategy<Value = Log> {
    vec((0..8_u8, any::<Index>()), 1..most).prop_map(|wishes| {
        let (mut events, mut standing) = (Vec::new(), Vec::new());
        for (version, (wish, which)) in (1..).zip(wishes) {
            let event = if wish < 4 || standing.is_empty() {
                standing.push(version);
                Event {
                    place: version,
                    version,
                    change: Change::Posted(version),
                }
            } else if wish < 6 {
                Event {
                    place: *which.get(&standing),
                    version,
                    change: Change::Edited(version),
                }
            } else {
                let place = standing.swap_remove(which.index(standing.len()));
                Event {
                    place,
                    version,
                    change: Change::Deleted,
                }
            };
            events.push(event);
        }
        Log(events)
    })
}

fn shown(history: &History<usize>) -> Vec<usize> {
    history.newest_first().copied().collect()
}

fn newest_first(messages: &BTreeMap<usize, usize>) -> Vec<usize> {
    messages.values().rev().copied().collect()
}

/// The ways to ask for the messages agree with each other.
fn consistent(history: &History<usize>) {
    let by_place: Vec<_> = history.clone().into_newest_first().collect();
    assert!(by_place.is_sorted_by(|newer, older| newer.0 > older.0));
    assert_eq!(
        by_place.iter().map(|(_, words)| *words).collect::<Vec<_>>(),
        shown(history)
    );
    assert_eq!(by_place.len(), history.len());
    assert_eq!(history.is_empty(), by_place.is_empty());
    assert_eq!(history.oldest(), by_place.last().map(|(place, _)| *place));
    assert!(by_place.iter().all(|(place, words)| history.get(*place) == Some(words)));
}

/// What is shown is the newest part of the truth, without a gap; all of it where nothing older is claimed.
fn newest_part_of(history: &History<usize>, truth: &BTreeMap<usize, usize>) {
    let (shown, all) = (shown(history), newest_first(truth));
    assert_eq!(shown, all[..shown.len().min(all.len())], "of {all:?}");
    assert!(
        history.has_more() || shown.len() == all.len(),
        "{shown:?} is not all of {all:?}"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_order_gives_the_same_history(
        (log, shuffled) in log(60).prop_flat_map(|log| (Just(log.clone()), Just(log.0).prop_shuffle())),
        again in vec(any::<Index>(), 0..20),
    ) {
        let forward = log.0.clone();
        let backward = log.0.iter().rev().cloned().collect::<Vec<_>>();
        let truth = newest_first(&log.at(log.len()));
        for order in [forward, backward, shuffled] {
            let mut history = History::new(log.len());
            for event in &order {
                event.apply(&mut history);
                consistent(&history);
            }
            prop_assert_eq!(shown(&history), &truth[..]);
            prop_assert!(!history.has_more());
            for which in &again {
                prop_assert!(!which.get(&order).changes(&mut history), "heard twice");
            }
            prop_assert_eq!(shown(&history), &truth[..]);
        }
    }

    /// A list of what is shown is kept in step by what `apply` tells, whatever the order, pages on their way or not.
    #[test]
    fn a_list_follows_the_history(
        shuffled in log(60).prop_flat_map(|log| Just(log.0).prop_shuffle()),
        reset in proptest::option::of((any::<Index>(), 0..12_usize)),
        window in 0..12_usize,
        pages in vec(any::<Index>(), 0..6),
    ) {
        let mut history = History::new(window);
        if let Some((at, limit)) = reset {
            let mut forward = shuffled.clone();
            forward.sort_by_key(|event| event.version);
            let log = Log(forward);
            let at = at.index(log.len() + 1);
            let (page, has_more) = log.page(at, log.len() + 1, limit);
            history.reset(seq(at), page, has_more);
        }
        let mut list = shown(&history);
        for (index, event) in shuffled.iter().enumerate() {
            let turns = pages.iter().filter(|page| page.index(shuffled.len()) == index).count();
            for turn in 0..turns {
                // Begun, or given up: that is no change of one message.
                if turn % 2 == 0 { history.begin_page() } else { history.abandon_page() }
                list = shown(&history);
            }
            event.follow(&mut history, &mut list);
            prop_assert_eq!(shown(&history), &list[..]);
        }
    }

    /// `apply` says whether what is shown at that place changed.
    #[test]
    fn a_change_is_told(log in log(60), window in 0..8_usize) {
        let mut history = History::new(window);
        for event in &log.0 {
            let before = history.get(seq(event.place)).copied();
            let told = event.changes(&mut history);
            prop_assert_eq!(told, before != history.get(seq(event.place)).copied());
        }
    }

    /// A server's page: read backward until the window is full and one more is seen.
    #[test]
    fn backward_fills_a_window_exactly(log in log(60), window in 1..12_usize) {
        let mut history = History::new(window);
        for event in log.0.iter().rev() {
            event.apply(&mut history);
            prop_assert!(history.len() <= window);
        }
        let (page, has_more) = log.page(log.len(), log.len() + 1, window);
        prop_assert_eq!(history.has_more(), has_more);
        prop_assert_eq!(history.into_newest_first().collect::<Vec<_>>(), page);
    }

    #[test]
    fn forward_keeps_the_newest(log in log(80), window in 0..12_usize) {
        let mut history = History::new(window);
        let mut full = 0;
        for event in &log.0 {
            event.apply(&mut history);
            consistent(&history);
            let truth = log.at(event.version);
            newest_part_of(&history, &truth);
            prop_assert!(history.len() <= window);
            full = if event.change == Change::Deleted { history.len().min(full) } else { full.max(history.len()) };
            prop_assert!(history.len() >= full, "nothing leaves without need");
        }
    }

    /// With a window in every order: the newest of the truth it can still know, and never what was withdrawn.
    #[test]
    fn shuffled_into_a_window(
        (log, shuffled) in log(60).prop_flat_map(|log| (Just(log.clone()), Just(log.0).prop_shuffle())),
        window in 0..12_usize,
    ) {
        let mut history = History::new(window);
        for event in &shuffled {
            event.apply(&mut history);
            consistent(&history);
            prop_assert!(history.len() <= window);
        }
        newest_part_of(&history, &log.at(log.len()));
    }

    /// The state at a position holds everything up to it: what came before changes nothing, whatever the order.
    #[test]
    fn a_reset_knows_what_came_before(
        (log, shuffled) in log(60).prop_flat_map(|log| (Just(log.clone()), Just(log.0).prop_shuffle())),
        (at, limit, window) in (any::<Index>(), 0..12_usize, 0..12_usize),
        noise in vec(any::<Index>(), 0..10),
    ) {
        let at = at.index(log.len() + 1);
        let mut history = History::new(window);
        for which in &noise {
            which.get(&log.0).apply(&mut history);
        }
        let (page, has_more) = log.page(at, log.len() + 1, limit);
        history.reset(seq(at), page, has_more);
        let state = shown(&history);
        prop_assert_eq!(&state, &newest_first(&log.at(at))[..state.len()]);
        for event in shuffled.iter().filter(|event| event.version <= at) {
            prop_assert!(!event.changes(&mut history));
        }
        prop_assert_eq!(shown(&history), state);
        for event in &log.0[at..] {
            event.apply(&mut history);
            consistent(&history);
            newest_part_of(&history, &log.at(event.version));
            prop_assert!(history.len() <= window.max(limit));
        }
    }

    /// A client joins, hears what follows, and asks for older pages. Each is exact at a position that may lie behind
    /// or ahead of what the client has heard when the answer comes.
    #[test]
    fn pages_while_the_room_goes_on(
        log in log(120),
        (start, first, window) in (any::<Index>(), 0..6_usize, 0..12_usize),
        pages in vec((0..20_usize, 0..10_usize, any::<Index>(), 0..6_usize, 0..10_u8), 0..8),
    ) {
        let mut client = Client::join(&log, start.index(log.len() + 1), first, window);
        for (before_it, during_it, exact, limit, fate) in pages {
            client.hear(before_it);
            client.history.begin_page();
            let (asked, oldest) = (client.heard, client.history.oldest().map(number));
            let before = oldest.unwrap_or(log.len() + 1);
            // A room answers no earlier than what it has told already.
            let told = client.heard.max(client.told);
            let exact = told + exact.index(log.len() + 1 - told);
            let page = log.page(exact, before, limit);
            client.hear(during_it);
            if fate == 0 {
                client.history.abandon_page();
                prop_assert!(!client.history.merge_page(seq(exact), page.0, page.1), "an answer after all");
            } else {
                // What was told ahead of what is heard may leave room for posts between the window and its oldest.
                client.merge(exact, oldest.filter(|oldest| *oldest <= asked), page);
            }
            client.check();
        }
        client.hear(log.len());
    }
}

#[derive(Debug)]
struct Client<'a> {
    log: &'a Log,
    history: History<usize>,
    heard: usize,
    /// The highest position of an answer.
    told: usize,
    /// Places whose message the client knows to be withdrawn.
    withdrawn: BTreeSet<usize>,
}

impl<'a> Client<'a> {
    fn join(log: &'a Log, at: usize, limit: usize, window: usize) -> Self {
        let mut history = History::new(window);
        let (page, has_more) = log.page(at, log.len() + 1, limit);
        history.reset(seq(at), page, has_more);
        Self {
            log,
            history,
            heard: at,
            told: at,
            withdrawn: BTreeSet::new(),
        }
    }

    fn hear(&mut self, count: usize) {
        for event in self.log.0[self.heard..].iter().take(count) {
            event.apply(&mut self.history);
            self.heard = event.version;
            if event.change == Change::Deleted {
                self.withdrawn.insert(event.place);
            }
            self.check();
        }
    }

    fn merge(&mut self, exact: usize, oldest: Option<usize>, (page, has_more): (Vec<(Seq, usize)>, bool)) {
        let lowest = if has_more {
            page.last().map(|(place, _)| number(*place))
        } else {
            Some(1)
        };
        if let (Some(lowest), Some(oldest)) = (lowest, oldest) {
            // What the page does not hold was withdrawn, or no message ever.
            let standing = self.log.at(exact);
            self.withdrawn
                .extend((lowest..oldest).filter(|place| !standing.contains_key(place)));
        }
        self.told = self.told.max(exact);
        let held = self.history.len();
        assert!(self.history.merge_page(seq(exact), page, has_more));
        assert!(
            self.history.len() >= held || self.heard < self.told,
            "a page takes nothing away"
        );
        assert_eq!(self.history.has_more(), has_more);
    }

    fn check(&self) {
        consistent(&self.history);
        assert!(
            self.withdrawn
                .iter()
                .all(|place| self.history.get(seq(*place)).is_none()),
            "withdrawn for good"
        );
        if self.heard >= self.told {
            newest_part_of(&self.history, &self.log.at(self.heard));
        }
    }
}
