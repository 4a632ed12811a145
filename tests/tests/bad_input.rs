//! Whatever a client sends, it gets an `error` that names its request, and nobody is disturbed.
#![allow(clippy::unwrap_used, reason = "a test")]

use e2e::pair::{BOOK, Pair, UNLIMITED, in_room, request};
use e2e::{Client, Server, Store};
use readrealm_protocol::ErrorCode::{self, InvalidData, MalformedFrame, NotJoined, UnknownEvent};
use readrealm_protocol::{ServerEvent, limits};

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
