//! What a page keeps: its sends until they have an outcome, over reloads, and a state to enter a room with.

use readrealm_protocol::client::ClientEvent;
use readrealm_protocol::codec::decode_client;
use readrealm_protocol::history::History;
use readrealm_protocol::ids::{BookId, ClientMessageId};
use readrealm_sdk::client::Client;

use crate::cases::{ALL, cut, settled};
use crate::server::usize_of;
use crate::world::{BOOKS, Seen, Step, Wire, World, book, options};

/// Something that was sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) book: BookId,
    pub(crate) key: ClientMessageId,
    change: ClientEvent,
    /// Whether the page that there is now has handed it to its client.
    held: bool,
}

impl World {
    pub(crate) fn enter(&mut self, number: u32, seeded: bool) {
        let book = book(number);
        if self.seen.contains_key(&book) {
            return;
        }
        let state = seeded.then(|| self.server.state(book));
        let at = state
            .is_some()
            .then(|| (self.server.epoch, usize_of(self.server.position(book))));
        let (joined, loading) = (false, 0);
        self.seen.insert(book, Seen { joined, at, loading });
        self.client.join(self.now, book, state);
        let kept = self.sent.iter_mut().filter(|sent| sent.book == book && !sent.held);
        for sent in kept {
            if !self.outcomes.contains_key(&sent.key) && !self.withdrawn.contains(&sent.key) {
                sent.held = true;
                self.client
                    .send(self.now, book, sent.key.clone(), sent.change.clone(), true);
            }
        }
    }

    pub(crate) fn send(&mut self, book: BookId, key: ClientMessageId, change: ClientEvent) {
        self.sent.push(Sent {
            book,
            key: key.clone(),
            change: change.clone(),
            held: true,
        });
        self.client.send(self.now, book, key, change, false);
    }

    pub(crate) fn withdraw(&mut self, index: usize) {
        let open = |sent: &&Sent| !self.outcomes.contains_key(&sent.key) && !self.withdrawn.contains(&sent.key);
        let open: Vec<&Sent> = self.sent.iter().filter(open).collect();
        if let Some(sent) = open.get(index % open.len().max(1)) {
            self.withdrawn.insert(sent.key.clone());
            self.client.withdraw(self.now, sent.book, &sent.key);
        }
    }

    /// The rooms are entered again, in the state they have.
    pub(crate) fn reload(&mut self) {
        self.drop_wire();
        self.wire = Wire::Closed;
        self.awaited = None;
        self.client = Client::new(self.options.clone());
        self.client.connect(self.now);
        self.sent.iter_mut().for_each(|sent| sent.held = false);
        let entered: Vec<BookId> = std::mem::take(&mut self.seen).into_keys().collect();
        for number in (0..BOOKS).filter(|number| entered.contains(&book(*number))) {
            self.enter(number, false);
        }
    }

    /// The room lets nobody in: what is on its way there waits until it is entered again.
    pub(crate) fn dropped(&mut self, book: BookId) {
        if self.keeps_refused {
            return;
        }
        self.client.leave(self.now, book);
        for sent in self.sent.iter_mut().filter(|sent| sent.book == book) {
            sent.held = false;
        }
    }

    /// A change goes out.
    pub(crate) fn note_key(&mut self, text: &str) {
        let frame = decode_client(text).expect("a frame");
        let key = match frame.event {
            ClientEvent::Message(post) => post.client_message_id,
            ClientEvent::EditMessage(edit) => edit.client_message_id,
            ClientEvent::DeleteMessage(delete) => delete.client_message_id,
            _ => return,
        };
        let key = key.expect("every change has a key");
        assert!(!self.withdrawn.contains(&key), "{key} was withdrawn, and is sent");
        self.gone_out.insert(key);
    }
}

/// Three sends, the first of them on record without an answer.
fn cut_off() -> World {
    let mut world = settled(options());
    (0..3).for_each(|_| world.step(&Step::Post(0)));
    world.step(&Step::Serve(ALL));
    world
}

#[test]
fn a_page_loaded_anew_sends_what_had_no_outcome_once() {
    let mut world = cut_off();
    assert!(world.outcomes.is_empty());
    world.step(&Step::Reload);
    world.heal();
    world.check_all();
    assert_eq!(world.outcomes.len(), 3);
}

#[test]
fn what_an_earlier_page_sent_is_recognised_in_the_first_state() {
    let mut world = cut_off();
    world.step(&Step::Reload);
    world.step(&Step::Deliver(ALL));
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
    assert_eq!(world.outcomes.len(), 1, "before anything was sent: {:?}", world.up);
    assert_eq!(world.gone_out.len(), 2, "the second is next");
}

#[test]
fn what_an_earlier_page_sent_is_recognised_in_a_room_that_is_there_already() {
    let mut world = cut_off();
    let kept: Vec<(ClientMessageId, ClientEvent)> = world
        .sent
        .iter()
        .map(|sent| (sent.key.clone(), sent.change.clone()))
        .collect();
    world.sent.clear();
    world.step(&Step::Reload);
    world.step(&Step::Deliver(ALL));
    world.step(&Step::Serve(ALL));
    world.step(&Step::Deliver(ALL));
    for (key, change) in kept {
        world.client.send(world.now, book(0), key, change, true);
        world.perform();
    }
    assert_eq!(world.outcomes.len(), 1, "{:?}", world.outcomes);
    world.heal();
    assert_eq!(world.outcomes.len(), 3);
}

#[test]
fn a_send_withdrawn_before_it_went_out_never_does() {
    let mut world = settled(options());
    (0..3).for_each(|_| world.step(&Step::Post(0)));
    world.step(&Step::Withdraw(1));
    let never = world.sent[1].key.clone();
    world.heal();
    world.check_all();
    assert!(!world.gone_out.contains(&never));
    assert_eq!(world.outcomes.len(), 2);
}

#[test]
fn a_send_withdrawn_under_way_is_not_repeated_and_holds_nothing_up() {
    let mut world = settled(options());
    (0..2).for_each(|_| world.step(&Step::Post(0)));
    world.step(&Step::Withdraw(0));
    assert_eq!(world.up.len(), 2, "the next one goes out: {:?}", world.up);
    cut(&mut world, 1006);
    world.heal();
    world.check_all();
    assert_eq!(world.outcomes.len(), 1);
}

#[test]
fn what_has_not_gone_out_is_taken_back_and_what_has_is_not() {
    let mut world = settled(options());
    (0..2).for_each(|_| world.step(&Step::Post(0)));
    let [under_way, waiting] = [0, 1].map(|index| world.sent[index].key.clone());
    assert!(!world.client.take_back(book(0), &under_way), "the server may have it");
    assert!(world.client.take_back(book(0), &waiting));
    assert!(world.client.take_back(book(0), &waiting), "it is not there any more");
    world.withdrawn.insert(waiting.clone());
    world.heal();
    world.check_all();
    assert!(!world.gone_out.contains(&waiting));
    assert_eq!(world.outcomes.keys().collect::<Vec<_>>(), [&under_way]);
}

#[test]
fn a_room_entered_with_a_state_goes_on_from_it() {
    let mut world = settled(options());
    world.step(&Step::Leave(0));
    world.step(&Step::Serve(ALL));
    world.step(&Step::OtherPosts(0, 2));
    world.step(&Step::Enter(0, true));
    assert_eq!(world.client.history(book(0)).map(History::len), Some(2));
    assert!(world.up[0].contains(r#""after":2,"epoch":"1""#), "{:?}", world.up);
    world.step(&Step::OtherPosts(0, 2));
    world.heal();
    world.check_all();
}

#[test]
fn a_state_of_another_log_is_replaced_and_the_room_is_entered_once() {
    let mut world = settled(options());
    world.step(&Step::Leave(0));
    world.step(&Step::OtherPosts(0, 4));
    world.step(&Step::Enter(0, true));
    world.step(&Step::Restore);
    world.heal();
    world.check_all();
}
