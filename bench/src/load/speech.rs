//! What is said to a server, and what it means by its answers: told by how a text begins.

/// How a server is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Speech {
    /// The protocol of this project.
    Native,
    /// Socket.IO 5 over Engine.IO 4, by WebSocket alone.
    SocketIo,
    /// Whatever is sent is delivered: a path per room, no join, no ack.
    Raw,
}

/// What a connection is there for. All but `Raw` let a member write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    Member,
    /// Writes and is told nothing.
    Publisher,
}

/// What a text says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    /// A message of the room.
    Delivery,
    /// The answer to the send of this number.
    Ack(u32),
    /// The connection is in its room.
    Joined,
    /// It may join now.
    Opened,
    /// It wants an answer, to stay.
    Ping,
    /// A request was not served.
    Refused,
    /// Nothing a load waits for.
    Other,
}

/// What is said in every message: 100 bytes.
const WORDS: &str =
    "The Cheshire Cat scene is my favourite, and I have read it more than once since I was a child of six";

impl Speech {
    /// Whether sends are acknowledged.
    pub(crate) fn acknowledges(self) -> bool {
        self != Self::Raw
    }

    /// Whether who writes in a room is a connection beside its members.
    pub(crate) fn publishes_apart(self) -> bool {
        self == Self::Raw
    }

    /// The path of the upgrade.
    pub(crate) fn path(self, role: Role, room: u32) -> String {
        match (self, role) {
            (Self::Native, _) => "/ws".into(),
            (Self::SocketIo, _) => "/socket.io/?EIO=4&transport=websocket".into(),
            (Self::Raw, Role::Member) => format!("/sub/{room}"),
            (Self::Raw, Role::Publisher) => format!("/pub/{room}"),
        }
    }

    /// What is said right after the upgrade; where it is nothing, the connection is in its room already.
    pub(crate) fn greeting(self, room: u32, user: u32) -> Option<String> {
        match self {
            Self::Native => Some(self.join(room, user)),
            Self::SocketIo => Some("40".into()),
            Self::Raw => None,
        }
    }

    /// The join of a room.
    pub(crate) fn join(self, room: u32, user: u32) -> String {
        let data = format!(r#"{{"bookId":{room},"userId":"u{user}","username":"Reader {user}"}}"#);
        match self {
            Self::Native => format!(r#"{{"event":"joinRoom","id":0,"data":{data}}}"#),
            Self::SocketIo => format!(r#"42["joinRoom",{data}]"#),
            Self::Raw => String::new(),
        }
    }

    /// The end of a join, to be acknowledged.
    pub(crate) fn leave(self, room: u32) -> String {
        match self {
            Self::Native => format!(r#"{{"event":"leaveRoom","id":0,"data":{{"bookId":{room}}}}}"#),
            Self::SocketIo => format!(r#"420["leaveRoom",{{"bookId":{room}}}]"#),
            Self::Raw => String::new(),
        }
    }

    /// The `nth` message of a user, to be acknowledged by `number`.
    pub(crate) fn message(self, room: u32, user: u32, nth: u64, number: u32) -> String {
        let key = key(user, nth);
        let key = str::from_utf8(&key).unwrap_or_default();
        match self {
            Self::Native => format!(
                r#"{{"event":"message","id":{number},"data":{{"bookId":{room},"content":"{WORDS}","clientMessageId":"{key}"}}}}"#
            ),
            Self::SocketIo => format!(
                r#"42{number}["message",{{"bookId":{room},"userId":"u{user}","username":"Reader {user}","content":"{WORDS}"}}]"#
            ),
            // What the native server makes of it, so that as many bytes are delivered.
            Self::Raw => format!(
                r#"{{"event":"message","seq":{nth},"data":{{"id":"{room}-{nth}","seq":{nth},"bookId":{room},"userId":"u{user}","username":"Reader {user}","content":"{WORDS}","createdAt":"2026-01-01T00:00:00.000Z","updatedAt":"2026-01-01T00:00:00.000Z","clientMessageId":"{key}"}}}}"#
            ),
        }
    }

    /// What a text means.
    pub(crate) fn hear(self, text: &[u8]) -> Heard {
        match self {
            Self::Raw if text.starts_with(br#"{"event""#) => Heard::Delivery,
            Self::Raw => Heard::Other,
            Self::Native => native(text),
            Self::SocketIo => socket_io(text),
        }
    }
}

/// The `clientMessageId` of a user's `nth` message: 22 characters in no order, as the SDK draws them, though always the same.
fn key(user: u32, nth: u64) -> [u8; 22] {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (first, second) = (
        mixed(nth ^ (u64::from(user) << 40)),
        mixed(!nth ^ (u64::from(user) << 40)),
    );
    let bits = (u128::from(first) << 64) | u128::from(second);
    // Six bits each, from the left; the last has two.
    std::array::from_fn(|at| LETTERS[((bits << (6 * at)) >> 122) as usize])
}

/// The `SplitMix64` of a number.
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

fn native(text: &[u8]) -> Heard {
    let Some(event) = text.strip_prefix(br#"{"event":""#) else {
        return Heard::Other;
    };
    if event.starts_with(br#"message","#) {
        Heard::Delivery
    } else if let Some(rest) = event.strip_prefix(br#"ack","id":"#) {
        Heard::Ack(number(rest))
    } else if event.starts_with(br#"previousMessages""#) {
        Heard::Joined
    } else if event.starts_with(br#"error""#) {
        Heard::Refused
    } else {
        Heard::Other
    }
}

fn socket_io(text: &[u8]) -> Heard {
    if text.starts_with(br#"42["newMessage""#) {
        Heard::Delivery
    } else if let Some(rest) = text.strip_prefix(b"43") {
        Heard::Ack(number(rest))
    } else if text.starts_with(br#"42["previousMessages""#) {
        Heard::Joined
    } else if text.starts_with(b"40") {
        Heard::Opened
    } else if text == b"2" {
        Heard::Ping
    } else if text.starts_with(br#"42["exception""#) || text.starts_with(b"44") {
        Heard::Refused
    } else {
        Heard::Other
    }
}

/// The digits that a text begins with.
fn number(text: &[u8]) -> u32 {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number: u32, digit| {
        number.wrapping_mul(10).wrapping_add(u32::from(digit - b'0'))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_the_sdk_draws_them() {
        let keys: Vec<_> = (0..100)
            .flat_map(|user| (1..=100).map(move |nth| key(user, nth)))
            .collect();
        let letter = |letter: &u8| letter.is_ascii_alphanumeric() || b"-_".contains(letter);
        assert!(
            keys.iter()
                .all(|key| key.iter().all(letter) && b"AQgw".contains(&key[21]))
        );
        assert!(!keys.is_sorted());
        assert_eq!(keys.iter().collect::<std::collections::HashSet<_>>().len(), keys.len());
    }

    #[test]
    fn texts_are_told_apart_by_how_they_begin() {
        let cases: [(Speech, &[u8], Heard); 10] = [
            (
                Speech::Native,
                br#"{"event":"message","seq":1,"data":{}}"#,
                Heard::Delivery,
            ),
            (
                Speech::Native,
                br#"{"event":"messageEdited","seq":1,"data":{}}"#,
                Heard::Other,
            ),
            (
                Speech::Native,
                br#"{"event":"ack","id":307,"data":{}}"#,
                Heard::Ack(307),
            ),
            (Speech::Native, br#"{"event":"previousMessages","id":0}"#, Heard::Joined),
            (Speech::Native, br#"{"event":"error","id":1}"#, Heard::Refused),
            (Speech::SocketIo, br#"42["newMessage",{}]"#, Heard::Delivery),
            (Speech::SocketIo, br"4312[{}]", Heard::Ack(12)),
            (Speech::SocketIo, br#"42["previousMessages",[]]"#, Heard::Joined),
            (Speech::SocketIo, br#"42["exception",{}]"#, Heard::Refused),
            (Speech::Raw, br#"{"event":"message"}"#, Heard::Delivery),
        ];
        for (speech, text, heard) in cases {
            assert_eq!(speech.hear(text), heard, "{}", String::from_utf8_lossy(text));
        }
        assert_eq!(WORDS.len(), 100);
    }
}
