//! The page's side: frames read by `serde_json`, as the browser's parser would.

use readrealm_protocol::codec::decode_server;
use readrealm_protocol::history::Change;
use readrealm_protocol::ids::MessageId;
use readrealm_protocol::message::Message;
use readrealm_protocol::server::ServerEvent;
use readrealm_sdk::frame::{Event, Failure, Frame, Incoming, Page, Replay, Snapshot, Value};
use readrealm_sdk::view::List;
use serde_json::{Value as Json, from_value, to_value};

/// A value of the page.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Val(pub(crate) Json);

impl Val {
    pub(crate) fn new(value: &impl serde::Serialize) -> Self {
        Self(to_value(value).expect("JSON"))
    }

    pub(crate) fn message(&self) -> Message {
        from_value(self.0.clone()).expect("a message")
    }
}

impl Value for Val {
    type List = Vec<Self>;

    fn is_post_of(&self, user_id: &str, client_message_id: &str) -> bool {
        self.0["userId"] == user_id && self.0["clientMessageId"] == client_message_id
    }
}

/// As a page's array has it.
impl List<Val> for Vec<Val> {
    fn push(&mut self, message: &Val) {
        Self::push(self, message.clone());
    }

    fn before(self, older: &Self) -> Self {
        [&self[..], older].concat()
    }

    fn replace(&mut self, index: usize, message: &Val) {
        self[index] = message.clone();
    }

    fn remove(&mut self, index: usize) {
        Self::remove(self, index);
    }

    fn keep(&mut self, count: usize) {
        assert!(count <= self.len());
        self.truncate(count);
    }
}

pub(crate) fn read(text: &str) -> Frame<Val> {
    let frame = decode_server(text).expect("the server writes what the protocol reads");
    let event = match frame.event {
        ServerEvent::Message(_) | ServerEvent::MessageEdited(_) | ServerEvent::MessageDeleted(_) => {
            let (message, change) = change(frame.event);
            Incoming::Event(Event {
                seq: frame.seq.expect("sequenced"),
                message,
                change,
            })
        }
        ServerEvent::PreviousMessages(state) => Incoming::Previous(Snapshot {
            epoch: state.epoch,
            seq: state.seq,
            messages: state
                .messages
                .iter()
                .map(|message| (message.seq, Val::new(message)))
                .collect(),
            has_more: state.has_more,
            members: Val::new(&state.members),
        }),
        ServerEvent::Resumed(page) => Incoming::Resumed(Replay {
            epoch: page.epoch,
            seq: page.seq,
            events: page
                .events
                .into_iter()
                .map(|frame| {
                    let (message, change) = change(frame.event);
                    Event {
                        seq: frame.seq,
                        message,
                        change,
                    }
                })
                .collect(),
            complete: page.complete,
            members: Val::new(&page.members),
        }),
        ServerEvent::MessagesPage(page) => Incoming::Page(Page {
            seq: page.seq,
            messages: page
                .messages
                .iter()
                .map(|message| (message.seq, Val::new(message)))
                .collect(),
            has_more: page.has_more,
        }),
        // The clock on the wall stands at 0 here.
        #[allow(clippy::cast_precision_loss, reason = "milliseconds")]
        ServerEvent::Authenticated(user) => Incoming::Authenticated {
            user_id: user.user_id.to_string(),
            life_ms: user.expires_at.as_millis() as f64,
            user: Val::new(&user),
        },
        ServerEvent::Ack(ack) => Incoming::Ack(Val::new(&ack)),
        #[allow(clippy::cast_precision_loss, reason = "milliseconds")]
        ServerEvent::Error(error) => Incoming::Error(Failure {
            code: error.code.to_string(),
            message: error.message,
            retry_after_ms: error.retry_after_ms.map(|millis| millis as f64),
        }),
        other => panic!("not of this test: {other:?}"),
    };
    Frame { id: frame.id, event }
}

fn change(event: ServerEvent) -> (MessageId, Change<Val>) {
    match event {
        ServerEvent::Message(message) => (message.id, Change::Posted(Val::new(&message))),
        ServerEvent::MessageEdited(message) => (message.id, Change::Edited(Val::new(&message))),
        ServerEvent::MessageDeleted(data) => (data.message_id, Change::Deleted),
        other => panic!("not sequenced: {other:?}"),
    }
}
