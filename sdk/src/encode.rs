//! The text of a client's frames, byte for byte what the protocol's own codec writes, without its weight.

use readrealm_protocol::client::ClientEvent;
use readrealm_protocol::ids::{ClientMessageId, Epoch, MessageId, RequestId, UserId, Username};

/// The text of a frame with that event.
pub fn encode(id: Option<RequestId>, event: &ClientEvent) -> String {
    let mut text = Text(String::with_capacity(128));
    text.0.push_str("{\"event\":");
    text.string(event.name());
    if let Some(id) = id {
        text.field("id").number(id.get());
    }
    text.0.push_str(",\"data\":{");
    match event {
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
            text.optional(
                "clientMessageId",
                data.client_message_id.as_ref().map(ClientMessageId::as_str),
            );
        }
        ClientEvent::EditMessage(data) => {
            text.first("bookId").number(data.book_id.get());
            text.field("messageId").string(&id_text(data.message_id));
            text.field("content").string(data.content.as_str());
            text.optional(
                "clientMessageId",
                data.client_message_id.as_ref().map(ClientMessageId::as_str),
            );
        }
        ClientEvent::DeleteMessage(data) => {
            text.first("bookId").number(data.book_id.get());
            text.field("messageId").string(&id_text(data.message_id));
            text.optional(
                "clientMessageId",
                data.client_message_id.as_ref().map(ClientMessageId::as_str),
            );
        }
        ClientEvent::LoadPrevious(data) => {
            text.first("bookId").number(data.book_id.get());
            text.field("before").number(data.before.get());
            text.field("limit").number(data.limit.get() as u64);
        }
        ClientEvent::Typing(data) => {
            text.first("bookId").number(data.book_id.get());
            text.field("typing")
                .0
                .push_str(if data.typing { "true" } else { "false" });
        }
    }
    text.0.push_str("}}");
    text.0
}

/// The text of a message's id. As that of numbers it is put together here: `std`'s formatting would be a tenth of the
/// whole module.
pub(crate) fn id_text(id: MessageId) -> String {
    let mut text = String::new();
    push_decimal(&mut text, id.book_id.get());
    text.push('-');
    push_decimal(&mut text, id.place.get());
    text
}

fn push_decimal(text: &mut String, value: u64) {
    if value >= 10 {
        push_decimal(text, value / 10);
    }
    text.extend(char::from_digit((value % 10) as u32, 10));
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
        push_decimal(&mut self.0, value);
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
                    self.0.push_str(if char < '\u{10}' { "\\u000" } else { "\\u001" });
                    self.0.extend(char::from_digit(char as u32 % 16, 16));
                }
                _ => self.0.push(char),
            }
        }
        self.0.push('"');
    }
}
