//! What a client does of its own accord.

use readrealm_protocol::client::{ClientEvent, DeleteMessage, EditMessage, PostMessage};
use readrealm_protocol::{BookId, MessageId};
use tokio::time::{Duration, Instant};

use super::{Reader, Room, Sending, Standing};
use crate::chaos::ledger::Ask;
use crate::client::valid;

/// The newest of its messages that a client still changes.
const CHANGEABLE: usize = 20;

impl Reader {
    /// One thing, by chance.
    pub(super) async fn act(&mut self) -> Option<()> {
        let chance = self.dice.between(1, 1_000);
        let forgets = self.habits.forgets;
        match chance {
            _ if self.habits.steady => {}
            1..=3 => {
                self.lost("dropped");
                return None;
            }
            4..=6 => {
                self.lost("dropped");
                self.next_turn = Instant::now() + self.dice.millis(3_000, 15_000);
                return None;
            }
            7..=9 => {
                self.naps_until = Instant::now() + self.dice.millis(500, 4_000);
                return None;
            }
            10..=29 => {
                let index = self.dice.below(self.rooms.len());
                return self.load_older(index).await;
            }
            _ if chance > 1_000 - forgets => {
                self.lost("dropped");
                self.next_turn = Instant::now() + self.dice.millis(500, 5_000);
                for room in &mut self.rooms {
                    *room = Room::new(room.book);
                }
                return None;
            }
            _ => {}
        }
        let open = |room: &&Room| room.standing == Standing::In;
        let open: Vec<BookId> = self.rooms.iter().filter(open).map(|room| room.book).collect();
        if open.is_empty() || self.outbox.len() >= self.habits.window {
            return Some(());
        }
        let book = self.dice.pick(&open);
        self.change(book);
        self.send_again().await
    }

    /// A new post, or a change to one of its own.
    fn change(&mut self, book: BookId) {
        self.keys += 1;
        let words = format!(
            "{} says {} of {:08x}",
            self.user,
            self.keys,
            self.dice.between(0, 0xffff_ffff)
        );
        let (kind, what) = (self.dice.between(1, 100), self.pick_own(book));
        match what {
            Some(message) if !self.habits.steady && kind > 85 => {
                if let Some(room) = self.rooms.iter_mut().find(|room| room.book == book) {
                    room.mine.retain(|mine| *mine != message);
                }
                self.push(book, "delete", Some(message), None);
            }
            Some(message) if !self.habits.steady && kind > 65 => self.push(book, "edit", Some(message), Some(words)),
            _ => self.push(book, "post", None, Some(words)),
        }
    }

    fn pick_own(&mut self, book: BookId) -> Option<MessageId> {
        let room = self.rooms.iter().find(|room| room.book == book)?;
        let newest = &room.mine[room.mine.len().saturating_sub(CHANGEABLE)..];
        (!newest.is_empty()).then(|| self.dice.pick(newest))
    }

    fn push(&mut self, book_id: BookId, kind: &str, message: Option<MessageId>, words: Option<String>) {
        let key = format!("{}-{}", self.user, self.keys);
        let client_message_id = Some(valid(&*key));
        let content = words.as_deref().map(valid);
        let event = match (message, content) {
            (Some(message_id), Some(content)) => ClientEvent::EditMessage(EditMessage {
                book_id,
                message_id,
                content,
                client_message_id,
            }),
            (Some(message_id), None) => ClientEvent::DeleteMessage(DeleteMessage {
                book_id,
                message_id,
                client_message_id,
            }),
            (None, Some(content)) => ClientEvent::Message(PostMessage {
                book_id,
                content,
                client_message_id,
            }),
            (None, None) => return,
        };
        let id = format!("{book_id}/{kind}/{key}/{}", self.user);
        let ask = Ask {
            book: book_id,
            user: self.user.clone(),
            place: message.map(|message| message.place),
            content: words,
            first_sent: Instant::now(),
            outcome: None,
        };
        self.ledger.open().asked(&id, ask);
        self.outbox.push(Sending {
            id,
            book: book_id,
            event,
            request: None,
            due: Instant::now() - Duration::from_millis(1),
        });
    }
}
