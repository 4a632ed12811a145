//! What passes between a client and its surroundings: frames, the time, and what it wants done.

use readrealm_protocol::history::Change;
use readrealm_protocol::ids::ClientMessageId;
use readrealm_sdk::effect::Effect;
use readrealm_sdk::frame::{Failure, Incoming};

use crate::page::read;
use crate::world::{Wire, World};

impl World {
    pub(super) fn serve(&mut self, count: usize) {
        if self.wire == Wire::Open {
            for text in self.up.drain(..count.min(self.up.len())).collect::<Vec<_>>() {
                self.server.serve(&text);
            }
        }
    }

    pub(super) fn deliver(&mut self, count: usize) {
        if self.wire == Wire::Opening {
            self.wire = Wire::Open;
            self.client.opened(self.now);
            self.perform();
        }
        for _ in 0..count {
            if self.wire != Wire::Open || self.server.out.is_empty() {
                return;
            }
            let frame = self.server.out.remove(0);
            self.hear(&frame);
            self.perform();
        }
    }

    /// As the facade hands it in.
    fn hear(&mut self, text: &str) {
        let frame = read(text);
        match frame.event {
            Incoming::Event(event) if event.change != Change::Deleted => self.client.event(|| self.now, event),
            _ => self.client.frame(self.now, frame),
        }
    }

    pub(super) fn wait(&mut self, millis: f64) {
        let end = self.now + millis;
        for _ in 0..1_000 {
            let Some(deadline) = self.client.deadline().filter(|deadline| *deadline <= end) else {
                break;
            };
            self.now = self.now.max(deadline);
            self.client.timer(self.now);
            self.perform();
            assert!(
                self.client.deadline() > Some(self.now) || self.client.deadline().is_none(),
                "a timer that is over at once: {:?}",
                self.client
            );
        }
        self.now = end;
    }

    pub(super) fn cut(&mut self, code: u16) {
        if self.wire != Wire::Closed {
            self.drop_wire();
            self.client
                .closed(self.now, code, if code == 4001 { "retry in 1500 ms" } else { "" });
            self.perform();
        }
    }

    pub(crate) fn drop_wire(&mut self) {
        self.wire = Wire::Closed;
        self.up.clear();
        self.server.disconnect();
    }

    pub(crate) fn perform(&mut self) {
        while let Some(effect) = self.client.poll() {
            match effect {
                Effect::Open => {
                    self.drop_wire();
                    self.wire = Wire::Opening;
                    self.opened += 1;
                }
                Effect::Close => self.drop_wire(),
                Effect::Send(text) => {
                    assert!(
                        matches!(self.wire, Wire::Open | Wire::Unplugged),
                        "sent on no connection: {text}"
                    );
                    self.note_key(&text);
                    self.up.push(text);
                }
                Effect::State(state) => self.state = Some(state),
                Effect::Posted(key, message) => {
                    assert_eq!(message.message().client_message_id.as_ref(), Some(&key));
                    self.settled(key, Ok(()));
                }
                Effect::Acked(key, _) => self.settled(key, Ok(())),
                Effect::Refused(key, failure) => self.settled(key, Err(failure)),
                Effect::Room(book, effect) => {
                    self.heard(book, &effect);
                    self.told.push(effect);
                }
                Effect::Token(number) => {
                    self.tokens.push(number);
                    self.awaited = Some(number);
                }
                Effect::Identified(_) => {}
            }
        }
    }

    fn settled(&mut self, key: ClientMessageId, outcome: Result<(), Failure>) {
        assert!(!self.withdrawn.contains(&key), "{key} was withdrawn, and ended");
        let before = self.outcomes.insert(key, outcome);
        assert_eq!(before, None, "a send that ended twice");
    }
}
