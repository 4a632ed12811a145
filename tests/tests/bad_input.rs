//! Whatever a client sends, it gets an `error` that names its request, and nobody is disturbed. What closes a
//! connection is a frame over 64 KiB, a binary frame, or too many malformed ones; nothing else does.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::client::Client;
use e2e::{Server, Store};
use readrealm_protocol::ErrorCode::{self, InvalidData, MalformedFrame, NotJoined, UnknownEvent};
use readrealm_protocol::{ServerEvent, limits};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::frame::{Frame, coding::Data, coding::OpCode};

const BOOK: u32 = 84;
const UNLIMITED: [&str; 6] = [
    "--messages-per-second",
    "0",
    "--user-messages-per-second",
    "0",
    "--joins-per-second",
    "0",
];

/// Two in a room: one misbehaves, the other must not notice.
struct Pair {
    bad: Client,
    other: Client,
    exchanged: u32,
}

impl Pair {
    async fn new(server: &Server) -> Self {
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
    async fn refused(&mut self, text: &str, code: ErrorCode, id: Option<u32>) {
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

    async fn talk(&mut self, after: &str) {
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

fn request(event: &str, data: &str) -> String {
    format!(r#"{{"event":"{event}","id":7,"data":{data}}}"#)
}

/// A request of the room with those further fields.
fn in_room(event: &str, fields: &str) -> String {
    request(event, &format!(r#"{{"bookId":{BOOK},{fields}}}"#))
}

#[tokio::test]
async fn what_is_no_frame_is_answered_and_borne() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let mut pair = Pair::new(&server).await;
    let deep = format!(
        r#"{{"event":"typing","id":7,"data":{}1{}}}"#,
        "[".repeat(20_000),
        "]".repeat(20_000)
    );
    let deep_objects = format!(
        r#"{{"event":"typing","id":7,"data":{}1{}}}"#,
        r#"{"a":"#.repeat(8_000),
        "}".repeat(8_000)
    );
    let unclosed = "[".repeat(limits::FRAME_BYTES);
    for text in [
        "",
        " ",
        "nonsense",
        "null",
        "7",
        "\"message\"",
        "[]",
        "{}",
        "{",
        "\u{0}",
        "\u{feff}{}",
        "{'event':'message'}",
        r#"{"event":5}"#,
        r#"{"event":null,"id":7}"#,
        r#"{"id":7,"data":{}}"#,
        r#"["message",{"bookId":84}]"#,
        r#"{"event":"message","id":"7","data":{}}"#,
        r#"{"event":"message","id":-1,"data":{}}"#,
        r#"{"event":"message","id":1.5,"data":{}}"#,
        r#"{"event":"message","id":9007199254740992,"data":{}}"#,
        r#"{"event":"message","id":1e999,"data":{}}"#,
        r#"{"event":"message","id":7,"data":{}"#,
        r#"{"event":"message","id":7,"data":{}} {}"#,
        r#"{"event":"message","id":7,"data":}"#,
        r#"{"event":"\ud800","id":7}"#,
        "2probe",
        "40",
        r#"42["message",{}]"#,
        &deep,
        &deep_objects,
        &unclosed,
    ] {
        pair.refused(text, MalformedFrame, None).await;
    }
}

#[tokio::test]
async fn unknown_events_are_answered_by_name() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let mut pair = Pair::new(&server).await;
    let long = "x".repeat(60_000);
    for event in [
        "",
        "nonsense",
        "Message",
        "message ",
        "previousMessages",
        "ack",
        "__proto__",
        "\\u0000",
        "é",
        &long,
    ] {
        pair.refused(
            &format!(r#"{{"event":"{event}","id":7,"data":{{}}}}"#),
            UnknownEvent,
            Some(7),
        )
        .await;
    }
    pair.refused(r#"{"event":"nonsense"}"#, UnknownEvent, None).await;
    pair.refused(r#"{"event":"nonsense","id":0,"data":[1]}"#, UnknownEvent, Some(0))
        .await;
}

#[tokio::test]
async fn data_out_of_its_bounds_is_answered() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let mut pair = Pair::new(&server).await;
    for book in [
        "-1",
        "9007199254740992",
        "1.5",
        "\"84\"",
        "null",
        "true",
        "[84]",
        "{}",
        "1e30",
    ] {
        for event in ["joinRoom", "leaveRoom", "message", "loadPrevious", "typing"] {
            let rest = r#""userId":"u","content":"c","before":1,"typing":true"#;
            pair.refused(
                &request(event, &format!(r#"{{"bookId":{book},{rest}}}"#)),
                InvalidData,
                Some(7),
            )
            .await;
        }
    }
    let text = |field: &str, length: usize| format!(r#""{field}":"{}""#, "x".repeat(length));
    let other_room = format!(r#""messageId":"{}-1""#, BOOK + 1);
    let astral = format!(r#""content":"{}""#, "\u{1f408}".repeat(4_001));
    for (event, fields) in [
        ("message", r#""content":"""#),
        ("message", r#""content":" \n\t ""#),
        ("message", r#""content":5"#),
        ("message", r#""content":null"#),
        ("message", r#""content":["a"]"#),
        ("message", r#""text":"a""#),
        ("message", &text("content", 4_001)),
        ("message", &astral),
        ("message", r#""content":"\ud800 alone""#),
        ("message", r#""content":"\udc00""#),
        ("message", r#""content":"a","clientMessageId":"""#),
        ("message", r#""content":"a","clientMessageId":"a/b""#),
        ("message", r#""content":"a","clientMessageId":"a b""#),
        ("message", r#""content":"a","clientMessageId":7"#),
        ("message", &format!(r#""content":"a",{}"#, text("clientMessageId", 65))),
        ("joinRoom", r#""username":"u""#),
        ("joinRoom", r#""userId":"""#),
        ("joinRoom", r#""userId":5"#),
        ("joinRoom", r#""userId":"a\u0000b""#),
        ("joinRoom", r#""userId":"a\nb""#),
        ("joinRoom", &text("userId", 129)),
        ("joinRoom", r#""userId":"u","username":"""#),
        ("joinRoom", r#""userId":"u","username":"   ""#),
        ("joinRoom", r#""userId":"u","username":"a\u001b[1m""#),
        ("joinRoom", &format!(r#""userId":"u",{}"#, text("username", 65))),
        ("joinRoom", r#""userId":"u","after":-1,"epoch":"e""#),
        ("joinRoom", r#""userId":"u","after":"1","epoch":"e""#),
        ("joinRoom", r#""userId":"u","after":1,"epoch":5"#),
        ("loadPrevious", r#""limit":5"#),
        ("loadPrevious", r#""before":-1"#),
        ("loadPrevious", r#""before":"9""#),
        ("loadPrevious", r#""before":9,"limit":0"#),
        ("loadPrevious", r#""before":9,"limit":101"#),
        ("loadPrevious", r#""before":9,"limit":1.5"#),
        ("loadPrevious", r#""before":9,"limit":-5"#),
        ("editMessage", r#""content":"a""#),
        ("editMessage", r#""messageId":"84-1""#),
        ("editMessage", r#""messageId":"84","content":"a""#),
        ("editMessage", r#""messageId":"84-0","content":"a""#),
        ("editMessage", r#""messageId":84,"content":"a""#),
        ("editMessage", r#""messageId":"84-01","content":"a""#),
        ("editMessage", &format!(r#"{other_room},"content":"a""#)),
        ("deleteMessage", &other_room),
        ("deleteMessage", r#""messageId":"x-y""#),
        ("deleteMessage", r#""messageId":null"#),
        ("typing", r#""typing":"yes""#),
        ("typing", r#""typing":1"#),
        ("typing", r#""is":true"#),
        ("authenticate", r#""token":5"#),
        ("authenticate", r#""jwt":"x""#),
    ] {
        pair.refused(&in_room(event, fields), InvalidData, Some(7)).await;
    }
    for data in ["null", "[]", "[84]", "7", "\"x\"", "true"] {
        pair.refused(&request("message", data), InvalidData, Some(7)).await;
    }
    pair.refused(r#"{"event":"message","id":7}"#, InvalidData, Some(7))
        .await;
    pair.refused(
        r#"{"event":"message","data":{"bookId":84,"content":""}}"#,
        InvalidData,
        None,
    )
    .await;
    pair.refused(
        &in_room("authenticate", r#""token":"x""#),
        ErrorCode::Unsupported,
        Some(7),
    )
    .await;
}

#[tokio::test]
async fn what_is_at_its_bounds_is_taken() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let mut pair = Pair::new(&server).await;
    let cats = "\u{1f408}".repeat(4_000);
    let spaced = format!("{}{}{}", " ".repeat(3_000), "x".repeat(4_000), "\n".repeat(3_000));
    for content in [&*cats, &spaced, "x", "\\u0000", "\\ud83d\\ude00"] {
        let spaced = content.replace('\n', "\\n");
        pair.bad
            .send_text(&in_room(
                "message",
                &format!(r#""content":"{spaced}","unknown":{{"a":[1]}}"#),
            ))
            .await;
        pair.bad.answer(7.into()).await.unwrap();
        for client in [&mut pair.bad, &mut pair.other] {
            assert!(client.next_message().await.content.as_str().chars().count() <= 4_000);
        }
    }
    let longest = "é".repeat(128);
    for (n, (book, user)) in [("0", "u"), ("9007199254740991", "u"), ("1", &*longest)]
        .into_iter()
        .enumerate()
    {
        let mut client = Client::connect(&server, user).await;
        client
            .send_text(&request(
                "joinRoom",
                &format!(r#"{{"bookId":{book},"userId":"{user}"}}"#),
            ))
            .await;
        let joined = client.answer(7.into()).await;
        assert!(
            matches!(joined, Ok(ServerEvent::PreviousMessages(_))),
            "{n}: {joined:?}"
        );
    }
    // Sixteen levels are no more than sixteen: the frame, its data, and fourteen within.
    let nested = format!(r#""content":"a","x":{}{}"#, "[".repeat(14), "]".repeat(14));
    pair.bad.send_text(&in_room("message", &nested)).await;
    pair.bad.answer(7.into()).await.unwrap();
    let nested = format!(r#""content":"a","x":{}{}"#, "[".repeat(15), "]".repeat(15));
    for client in [&mut pair.bad, &mut pair.other] {
        client.next_message().await;
    }
    pair.refused(&in_room("message", &nested), MalformedFrame, None).await;
}

#[tokio::test]
async fn requests_in_rooms_not_joined_are_answered() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let mut pair = Pair::new(&server).await;
    for (event, fields) in [
        ("leaveRoom", r#""x":1"#),
        ("message", r#""content":"a""#),
        ("loadPrevious", r#""before":9"#),
        ("editMessage", r#""messageId":"85-1","content":"a""#),
        ("deleteMessage", r#""messageId":"85-1""#),
        ("typing", r#""typing":true"#),
        ("typing", r#""typing":false"#),
        ("typing", r#""typing":true"#),
        ("typing", r#""typing":true"#),
    ] {
        pair.refused(
            &request(event, &format!(r#"{{"bookId":85,{fields}}}"#)),
            NotJoined,
            Some(7),
        )
        .await;
    }
    for (event, fields) in [
        ("editMessage", r#""messageId":"84-999","content":"a""#),
        ("deleteMessage", r#""messageId":"84-999""#),
    ] {
        pair.refused(&in_room(event, fields), ErrorCode::MessageNotFound, Some(7))
            .await;
    }
}

#[tokio::test]
async fn a_connection_is_in_64_rooms_and_no_more() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let mut pair = Pair::new(&server).await;
    for book in 1_000..1_063 {
        pair.bad.join(book).await;
    }
    pair.refused(
        &request("joinRoom", r#"{"bookId":2000,"userId":"mallory"}"#),
        ErrorCode::TooManyRooms,
        Some(7),
    )
    .await;
    pair.bad.join(1_000).await;
    pair.bad.leave(1_000).await;
    pair.bad.join(2_000).await;
    pair.talk("64 rooms").await;
}

#[tokio::test]
async fn a_hundred_malformed_frames_are_borne_and_one_more_closes_with_4100() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let mut pair = Pair::new(&server).await;
    for _ in 0..100 {
        pair.bad.send_text("nonsense").await;
    }
    for _ in 0..100 {
        let answer = pair.bad.next().await;
        assert!(
            matches!(&answer.event, ServerEvent::Error(reply) if reply.code == MalformedFrame),
            "{answer:?}"
        );
    }
    pair.talk("a hundred malformed frames").await;
    pair.bad.send_text("nonsense").await;
    assert_eq!(pair.bad.closed().await.0, 4100);
    pair.other.post(BOOK, "still here").await;
}

#[tokio::test]
async fn a_binary_frame_closes_with_4100() {
    let server = Server::start(&Store::memory()).await;
    let mut pair = Pair::new(&server).await;
    pair.bad
        .send_raw(Message::binary(r#"{"event":"leaveRoom","data":{"bookId":84}}"#))
        .await;
    assert_eq!(pair.bad.closed().await.0, 4100);
    pair.other.post(BOOK, "still here").await;
}

#[tokio::test]
async fn a_frame_of_64_kib_is_read_and_a_larger_one_closes_with_1009() {
    let server = Server::start_with(&Store::memory(), &UNLIMITED).await;
    let frame = |bytes: usize| {
        let bare = in_room("message", r#""content":"a","padding":"""#);
        let padding = "x".repeat(bytes - bare.len());
        in_room("message", &format!(r#""content":"a","padding":"{padding}""#))
    };
    let mut pair = Pair::new(&server).await;
    let largest = frame(limits::FRAME_BYTES);
    assert_eq!(largest.len(), 65_536);
    pair.bad.send_text(&largest).await;
    pair.bad.answer(7.into()).await.unwrap();
    pair.bad.send_text(&frame(limits::FRAME_BYTES + 1)).await;
    assert_eq!(pair.bad.closed().await.0, 1009);

    // In pieces, each of them small.
    for (bytes, fine) in [(limits::FRAME_BYTES, true), (limits::FRAME_BYTES + 1, false)] {
        let mut pair = Pair::new(&server).await;
        let text = frame(bytes);
        let pieces: Vec<&[u8]> = text.as_bytes().chunks(1_000).collect();
        for (n, piece) in pieces.iter().enumerate() {
            let kind = if n == 0 { Data::Text } else { Data::Continue };
            let piece = Frame::message(piece.to_vec(), OpCode::Data(kind), n + 1 == pieces.len());
            if pair.bad.try_send_raw(Message::Frame(piece)).await.is_err() {
                break;
            }
        }
        if fine {
            pair.bad.answer(7.into()).await.unwrap();
        } else {
            assert_eq!(pair.bad.closed().await.0, 1009);
        }
        pair.other.post(BOOK, "still here").await;
    }

    // A megabyte in one go, of which the server reads no more than it must to say why.
    let mut pair = Pair::new(&server).await;
    let _ = pair.bad.try_send_raw(Message::text("x".repeat(1024 * 1024))).await;
    assert_eq!(pair.bad.closed().await.0, 1009);
    pair.other.post(BOOK, "still here").await;
}

/// RFC 6455, 8.1: such a frame fails the connection, whatever the protocol on top of it says.
#[tokio::test]
async fn text_that_is_not_utf8_closes_that_connection_with_1007_and_no_other() {
    let server = Server::start(&Store::memory()).await;
    for bytes in [
        &b"\xff"[..],
        b"\"\xc3\x28\"",
        b"\xed\xa0\x80",
        b"{\"event\":\"\xf0\x9f\"}",
    ] {
        let mut pair = Pair::new(&server).await;
        let frame = Frame::message(bytes.to_vec(), OpCode::Data(Data::Text), true);
        pair.bad.send_raw(Message::Frame(frame)).await;
        let (code, reason) = pair.bad.closed().await;
        assert_eq!(code, 1007, "{reason}");
        pair.other.post(BOOK, "still here").await;
    }
}
