//! The text of a client's frames, byte for byte what the protocol's own codec writes, without its weight.

use std::fmt::Write;

use readrealm_protocol::client::{ClientEvent, ClientFrame};
use readrealm_protocol::ids::{ClientMessageId, Epoch, UserId, Username};

/// The text of `frame`.
pub fn encode(frame: &ClientFrame) -> String {
    let mut text = Text(String::with_capacity(128));
    text.0.push_str("{\"event\":");
    text.string(frame.event.name());
    if let Some(id) = frame.id {
        text.field("id").number(id.get());
    }
    text.0.push_str(",\"data\":{");
    match &frame.event {
        ClientEvent::Authenticate(data) => text.first("token").string(&data.token),
        ClientEvent::JoinRoom(data) => {
            text.first("bookId").number(data.book_id.get());
            text.optional("userId", data.user_id.as_ref().map(UserId::as_str));
            text.optional("username", data.username.as_ref().map(Username::as_str));
            if let Some(after) = data.after {
                text.field("after").number(after.get());
            }
            text.optional("epoch", data.epoch.as_ref().map(Epoch::as_str));
        }
        ClientEvent::LeaveRoom(data) => text.first("bookId").number(data.book_id.get()),
        ClientEvent::Message(data) => {
            text.first("bookId").number(data.book_id.get());
            text.field("content").string(data.content.as_str());
            text.optional("clientMessageId", data.client_message_id.as_ref().map(ClientMessageId::as_str));
        }
        ClientEvent::EditMessage(data) => {
            text.first("bookId").number(data.book_id.get());
            text.field("messageId").string(&data.message_id.to_string());
            text.field("content").string(data.content.as_str());
            text.optional("clientMessageId", data.client_message_id.as_ref().map(ClientMessageId::as_str));
        }
        ClientEvent::DeleteMessage(data) => {
            text.first("bookId").number(data.book_id.get());
            text.field("messageId").string(&data.message_id.to_string());
            text.optional("clientMessageId", data.client_message_id.as_ref().map(ClientMessageId::as_str));
        }
        ClientEvent::LoadPrevious(data) => {
            text.first("bookId").number(data.book_id.get());
            text.field("before").number(data.before.get());
            text.field("limit").number(data.limit.get() as u64);
        }
        ClientEvent::Typing(data) => {
            text.first("bookId").number(data.book_id.get());
            text.field("typing").0.push_str(if data.typing { "true" } else { "false" });
        }
    }
    text.0.push_str("}}");
    text.0
}

struct Text(String);

impl Text {
    /// The name of an object's first field; its value comes next.
    fn first(&mut self, name: &str) -> &mut Self {
        self.0.push('"');
        self.0.push_str(name);
        self.0.push_str("\":");
        self
    }

    /// The name of a further field.
    fn field(&mut self, name: &str) -> &mut Self {
        self.0.push(',');
        self.first(name)
    }

    fn optional(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.field(name).string(value);
        }
    }

    fn number(&mut self, value: u64) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{value}");
    }

    fn string(&mut self, value: &str) {
        self.0.push('"');
        for char in value.chars() {
            match char {
                '"' => self.0.push_str("\\\""),
                '\\' => self.0.push_str("\\\\"),
                '\n' => self.0.push_str("\\n"),
                '\r' => self.0.push_str("\\r"),
                '\t' => self.0.push_str("\\t"),
                '\u{8}' => self.0.push_str("\\b"),
                '\u{c}' => self.0.push_str("\\f"),
                '\0'..='\u{1f}' => {
                    let _ = write!(self.0, "\\u{:04x}", char as u32);
                }
                _ => self.0.push(char),
            }
        }
        self.0.push('"');
    }
}
