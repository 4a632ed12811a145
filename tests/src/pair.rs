//! Two in a room, one of whom misbehaves.

use readrealm_protocol::{ErrorCode, ServerEvent};

use crate::{Client, Server};

/// Their room.
pub const BOOK: u32 = 84;

/// The flags of a server on which nobody is too fast.
pub const UNLIMITED: [&str; 6] = [
    "--messages-per-second",
    "0",
    "--user-messages-per-second",
    "0",
    "--joins-per-second",
    "0",
];

/// Two in a room: one misbehaves, the other must not notice.
#[derive(Debug)]
pub struct Pair {
    /// Sends what it should not.
    pub bad: Client,
    /// Minds its own business.
    pub other: Client,
    exchanged: u32,
}

impl Pair {
    /// Both have joined.
    pub async fn new(server: &Server) -> Self {
        let mut bad = Client::connect(server, "mallory").await;
        let mut other = Client::connect(server, "bob").await;
        bad.join(BOOK).await;
        other.join(BOOK).await;
        bad.drain().await;
        Self {
            bad,
            other,
            exchanged: 0,
        }
    }

    /// The frame is answered with that error, and then both still talk to each other.
    pub async fn refused(&mut self, text: &str, code: ErrorCode, id: Option<u32>) {
        let shown: String = text.chars().take(120).collect();
        self.bad.send_text(text).await;
        let answer = self.bad.next().await;
        let ServerEvent::Error(reply) = answer.event else {
            panic!("{shown} was answered with {answer:?}")
        };
        assert_eq!(reply.code, code, "{shown}: {reply}");
        assert_eq!(answer.id, id.map(Into::into), "{shown}: {reply}");
        assert!(
            !reply.message.is_empty() && reply.message.len() < 400,
            "{shown}: {reply}"
        );
        self.talk(&shown).await;
    }

    /// Both hear what one of them says.
    pub async fn talk(&mut self, after: &str) {
        self.exchanged += 1;
        let content = format!("{}", self.exchanged);
        let (bad, other) = (&mut self.bad, &mut self.other);
        let (from, to) = if self.exchanged.is_multiple_of(2) {
            (bad, other)
        } else {
            (other, bad)
        };
        from.post(BOOK, &content).await;
        for client in [from, to] {
            assert_eq!(client.next_message().await.content.as_str(), content, "after {after}");
            assert_eq!(client.drain().await, [], "after {after}");
        }
    }
}

/// A request numbered 7 with that data.
pub fn request(event: &str, data: &str) -> String {
    format!(r#"{{"event":"{event}","id":7,"data":{data}}}"#)
}

/// The same in the room of the pair, with further fields.
pub fn in_room(event: &str, fields: &str) -> String {
    request(event, &format!(r#"{{"bookId":{BOOK},{fields}}}"#))
}
