//! What must hold of everything that is told, and of how it all ends.

use readrealm_protocol::history::History;
use readrealm_protocol::ids::{BookId, ClientMessageId};
use readrealm_protocol::message::Message;
use readrealm_sdk::effect::{RoomEffect, State};

use crate::page::Val;
use crate::server::{Kind, ME, usize_of};
use crate::world::{BOOKS, World, book};

impl World {
    pub(crate) fn heard(&mut self, book: BookId, effect: &RoomEffect<Val>) {
        self.remember_log();
        if let RoomEffect::Dropped(failure) = effect {
            assert_eq!(failure.code, "forbidden");
            self.seen.remove(&book);
            return self.dropped(book);
        }
        let seen = self.seen.get_mut(&book).expect("told of a room that was left");
        let (kind, id) = match effect {
            RoomEffect::Joined(members) => {
                assert!(!std::mem::replace(&mut seen.joined, true), "joined twice");
                seen.at = Some(position_in(members));
                return;
            }
            RoomEffect::Reset(members) => {
                assert!(seen.joined, "reset before it was joined");
                seen.at = Some(position_in(members));
                return;
            }
            RoomEffect::Page => {
                assert_eq!(std::mem::take(&mut seen.loading), 1, "a page nobody asked for");
                return;
            }
            RoomEffect::Resumed(_) => return,
            RoomEffect::Message(message) => (Kind::Posted, message.message().id),
            RoomEffect::Edited(message) => (Kind::Edited, message.message().id),
            RoomEffect::Deleted(id) => (Kind::Deleted, *id),
            other => panic!("{other:?}"),
        };
        let (epoch, position) = seen.at.as_mut().expect("joined");
        let log = &self.epochs[epoch][&book];
        let (stored, stored_id) = log[*position];
        *position += 1;
        assert_eq!(id, stored_id, "lost, doubled or out of order");
        let withdrawn = kind == Kind::Deleted && log.contains(&(Kind::Deleted, id));
        assert!(kind == stored || withdrawn, "{kind:?} for {stored:?}");
    }

    /// What the page is handed to read is the history. Looking has it kept from then on, change by change.
    pub(crate) fn look(&mut self) {
        for book in (0..BOOKS).map(book) {
            let handed = self.client.messages(book).unwrap_or_default();
            let history = self.client.history(book);
            let shown = history.into_iter().flat_map(History::newest_first);
            assert!(shown.eq(&handed), "{handed:?}\n{history:?}");
        }
    }

    /// After [`heal`](Self::heal): everything arrived.
    pub(crate) fn check_all(&self) {
        assert_eq!(self.state, Some(State::Connected));
        for sent in &self.sent {
            let key = &sent.key;
            let ended = self.outcomes.contains_key(key) || self.withdrawn.contains(key);
            assert!(ended, "{key} never ended: {:?}", self.client);
        }
        for number in 0..BOOKS {
            self.check_room(book(number));
        }
    }

    fn check_room(&self, book: BookId) {
        let seen = &self.seen[&book];
        let position = usize_of(self.server.position(book));
        assert_eq!(seen.at, Some((self.server.epoch, position)), "not all was told");
        assert_eq!(seen.loading, 0, "a page never came");
        let truth = self.server.history(book);
        let truth: Vec<&Message> = truth.newest_first().collect();
        let history = self.client.history(book).expect("joined");
        let shown: Vec<Message> = history.newest_first().map(Val::message).collect();
        assert!(shown.len() <= truth.len());
        assert!(
            shown.iter().eq(truth[..shown.len()].iter().copied()),
            "{shown:?}\n{truth:?}"
        );
        // With nothing left below it may still say that there is: a message out of sight was withdrawn.
        assert!(history.has_more() || shown.len() == truth.len());
        if self.server.epoch == 1 {
            self.check_sends(book);
        }
    }

    /// What was sent stands in the log once, in the order it was sent. (A restored log has lost some of it.)
    fn check_sends(&self, book: BookId) {
        let empty = Vec::new();
        let log = self.server.logs.get(&book).unwrap_or(&empty);
        let found: Vec<&ClientMessageId> = log
            .iter()
            .filter_map(|event| event.key.as_ref().filter(|(user, _)| user == ME))
            .map(|(_, key)| key)
            .collect();
        // Where it was withdrawn after it went out, either may be.
        let accepted = |key: &&ClientMessageId| match self.outcomes.get(*key) {
            Some(outcome) => outcome.is_ok(),
            None => self.gone_out.contains(*key) && found.contains(key),
        };
        let wanted: Vec<&ClientMessageId> = self
            .sent
            .iter()
            .filter(|sent| sent.book == book)
            .map(|sent| &sent.key)
            .filter(accepted)
            .collect();
        assert_eq!(found, wanted);
        for failure in self.outcomes.values().filter_map(|outcome| outcome.as_ref().err()) {
            assert_eq!(failure.code, "message_not_found");
        }
    }
}

fn position_in(members: &Val) -> (u32, usize) {
    let number = |value: &serde_json::Value| value.as_str().and_then(|text| text.parse().ok());
    let epoch = number(&members.0["users"][0]["userId"]).expect("an epoch");
    let position = members.0["count"]
        .as_u64()
        .and_then(|count| usize::try_from(count).ok());
    let position = position.expect("a position");
    (epoch, position)
}
