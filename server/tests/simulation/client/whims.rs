//! What a client does of its own accord.

use readrealm_protocol::client::{
    ClientEvent, DeleteMessage, EditMessage, LeaveRoom, LoadPrevious, PageLimit, PostMessage,
};
use readrealm_protocol::{BookId, ClientMessageId, Content, MessageId};

use super::Client;
use crate::view::Standing;

impl Client {
    pub(super) fn act(&mut self) {
        let book = self.any_book();
        match self.dice.between(0, 99) {
            0..60 => (0..self.dice.pick(&[1, 1, 2, 5])).for_each(|_| self.post(book)),
            60..74 => self.edit(book),
            74..84 => self.delete(book),
            84..91 => self.load_previous(book),
            91..95 if self.rooms[&book].standing == Standing::In => {
                // Nothing more is heard of the room once this is said; what is unanswered is sent after the next join.
                self.ask(ClientEvent::LeaveRoom(LeaveRoom { book_id: book }));
                self.room(book).disconnected();
            }
            // Once more, in a room it is in already.
            _ if self.rooms[&book].standing == Standing::In => self.join(book),
            _ => self.post(book),
        }
    }

    fn key(&mut self) -> ClientMessageId {
        self.keys += 1;
        ClientMessageId::try_from(format!("c{}-{}", self.index, self.keys).as_str()).unwrap()
    }

    fn words(&self, key: &ClientMessageId) -> Content {
        let many = self.dice.pick(&[0, 0, 0, 300]);
        Content::try_from(format!("{key} {}", "w".repeat(many)).as_str()).unwrap()
    }

    pub(super) fn post(&mut self, book: BookId) {
        let key = self.key();
        let content = self.words(&key);
        let client_message_id = Some(key);
        self.send(
            book,
            ClientEvent::Message(PostMessage {
                book_id: book,
                content,
                client_message_id,
            }),
        );
    }

    fn edit(&mut self, book: BookId) {
        let Some(message_id) = self.one_of_mine(book) else {
            return;
        };
        let key = self.key();
        let content = self.words(&key);
        let client_message_id = Some(key);
        self.send(
            book,
            ClientEvent::EditMessage(EditMessage {
                book_id: book,
                message_id,
                content,
                client_message_id,
            }),
        );
    }

    fn delete(&mut self, book: BookId) {
        let Some(message_id) = self.one_of_mine(book) else {
            return;
        };
        let client_message_id = Some(self.key());
        self.send(
            book,
            ClientEvent::DeleteMessage(DeleteMessage {
                book_id: book,
                message_id,
                client_message_id,
            }),
        );
    }

    fn one_of_mine(&self, book: BookId) -> Option<MessageId> {
        let mine = &self.rooms[&book].mine;
        (!mine.is_empty()).then(|| self.dice.pick(mine))
    }

    fn load_previous(&mut self, book: BookId) {
        let view = &self.rooms[&book];
        let Some(before) = view
            .history
            .oldest()
            .filter(|_| view.page.is_none() && view.standing == Standing::In)
        else {
            return;
        };
        let limit = PageLimit::try_from(self.dice.pick(&[1, 7, 50])).unwrap();
        self.room(book).history.begin_page();
        let asked = self.ask(ClientEvent::LoadPrevious(LoadPrevious {
            book_id: book,
            before,
            limit,
        }));
        self.room(book).page = asked;
    }
}
