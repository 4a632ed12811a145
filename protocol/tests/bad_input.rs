//! Bad input, each with the code it is answered with and the request it answers; and beside it the nearest good one.
#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, reason = "a test")]

use readrealm_protocol::ErrorCode::{self, InvalidData, MalformedFrame, UnknownEvent};
use readrealm_protocol::codec::decode_client;
use readrealm_protocol::{ClientEvent, ids::RequestId, limits::MAX_SAFE_INTEGER};

const UNSAFE: u64 = MAX_SAFE_INTEGER + 1;

fn refused(text: &str, code: ErrorCode, id: Option<u64>) {
    let shown: String = text.chars().take(160).collect();
    let error = decode_client(text)
        .map(|frame| panic!("{shown} was read as {frame:?}"))
        .unwrap_err();
    assert_eq!(error.reply.code, code, "{shown}: {error}");
    assert_eq!(error.id.map(RequestId::get), id, "{shown}: {error}");
    assert!(
        !error.reply.message.is_empty() && error.reply.message.len() < 400,
        "{shown}: {error}"
    );
}

#[track_caller]
fn read(text: &str) -> ClientEvent {
    decode_client(text)
        .unwrap_or_else(|error| panic!("{text}: {error}"))
        .event
}

/// A request numbered 7 with that data.
fn request(event: &str, data: &str) -> String {
    format!(r#"{{"event":"{event}","id":7,"data":{data}}}"#)
}

#[test]
fn not_a_frame() {
    for text in [
        "",
        " ",
        "nonsense",
        "null",
        "true",
        "7",
        r#""joinRoom""#,
        "[]",
        "{}",
        "{",
        r#"{"event":"leaveRoom""#,
        r#"{"event":"leaveRoom","data":{"bookId":1}} x"#,
        r#"{"event":"leaveRoom","data":{"bookId":1}}{"event":"leaveRoom","data":{"bookId":1}}"#,
        r#"{"event":"leaveRoom","data":{"bookId":1},}"#,
        "{'event':'leaveRoom'}",
        "\u{feff}{\"event\":\"leaveRoom\",\"data\":{\"bookId\":1}}",
        // The fields in their order are no frame.
        r#"["leaveRoom",7,null,{"bookId":1}]"#,
        r#"[["leaveRoom",7,null,{"bookId":1}]]"#,
        r#"{"id":7,"data":{"bookId":1}}"#,
        r#"{"event":null,"id":7}"#,
        r#"{"event":5,"id":7}"#,
        r#"{"event":["leaveRoom"],"id":7}"#,
        r#"{"event":"\ud800","id":7}"#,
        r#"{"event":"leaveRoom","event":"leaveRoom","id":7,"data":{"bookId":1}}"#,
        r#"{"event":"leaveRoom","id":7,"id":8,"data":{"bookId":1}}"#,
        r#"{"event":"leaveRoom","id":7,"data":{"bookId":1},"data":{"bookId":2}}"#,
    ] {
        refused(text, MalformedFrame, None);
    }
}

#[test]
fn ids_that_are_no_request_number() {
    for id in [
        r#""7""#,
        "-1",
        "-0",
        "0.5",
        "7.0",
        "7e0",
        "1e999",
        "true",
        "[7]",
        "{}",
        &UNSAFE.to_string(),
    ] {
        let text = format!(r#"{{"event":"leaveRoom","id":{id},"data":{{"bookId":1}}}}"#);
        refused(&text, MalformedFrame, None);
        refused(&text.replace("leaveRoom", "nonsense"), MalformedFrame, None);
    }
    for (id, number) in [
        ("0", Some(0)),
        (" 7 ", Some(7)),
        ("null", None),
        ("9007199254740991", Some(MAX_SAFE_INTEGER)),
    ] {
        let text = format!(r#"{{"event":"leaveRoom","id":{id},"data":{{"bookId":1}}}}"#);
        assert_eq!(decode_client(&text).unwrap().id.map(RequestId::get), number, "{id}");
    }
}

#[test]
fn events_without_a_meaning() {
    for event in [
        "",
        "join",
        "JoinRoom",
        "joinRoom ",
        "previousMessages",
        "ack",
        "\\u0000",
        "joinRoom\\u0000",
        "__proto__",
    ] {
        refused(&request(event, "{}"), UnknownEvent, Some(7));
        refused(&format!(r#"{{"event":"{event}"}}"#), UnknownEvent, None);
    }
    refused(&request(&"x".repeat(60_000), "[]"), UnknownEvent, Some(7));
    refused(&request(&"\u{7f}\u{202e}".repeat(9_000), "[]"), UnknownEvent, Some(7));
}

#[test]
fn data_that_is_no_object() {
    for event in [
        "authenticate",
        "joinRoom",
        "leaveRoom",
        "message",
        "editMessage",
        "deleteMessage",
        "loadPrevious",
        "typing",
    ] {
        for data in [
            "null",
            "[]",
            "[1]",
            r#"[1,"x"]"#,
            "[1,true]",
            r#"["x"]"#,
            "{}",
            "7",
            r#""28520""#,
            "true",
            "[{}]",
        ] {
            refused(&request(event, data), InvalidData, Some(7));
        }
        refused(&format!(r#"{{"event":"{event}","id":7}}"#), InvalidData, Some(7));
        refused(&format!(r#"{{"event":"{event}"}}"#), InvalidData, None);
    }
}

#[test]
fn book_ids() {
    let long = format!(r#""{}""#, "\\u0001\u{7f}, expected at line ".repeat(2_000));
    let control = format!(r#""{}""#, "\u{7f}".repeat(60_000));
    for book in [
        r#""28520""#,
        "-1",
        "-0",
        "1.5",
        "28520.0",
        "1e3",
        "1E3",
        "1e999",
        "null",
        "true",
        "[1]",
        "{}",
        "01",
        "+1",
        "NaN",
        &UNSAFE.to_string(),
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        &long,
        &control,
    ] {
        for event in ["leaveRoom", "joinRoom"] {
            let text = request(event, &format!(r#"{{"bookId":{book}}}"#));
            // What is no JSON at all is not known to belong to a request.
            let json = !["01", "+1", "NaN"].contains(&book);
            let (code, id) = if json {
                (InvalidData, Some(7))
            } else {
                (MalformedFrame, None)
            };
            refused(&text, code, id);
        }
    }
    for book in ["0", "28520", "9007199254740991"] {
        read(&request("leaveRoom", &format!(r#"{{"bookId":{book}}}"#)));
    }
}

#[test]
fn fields_missing_or_of_another_type() {
    let bad = [
        ("authenticate", r#"{"token":5}"#),
        ("joinRoom", r#"{"userId":"u1"}"#),
        ("joinRoom", r#"{"bookId":1,"userId":5}"#),
        ("joinRoom", r#"{"bookId":1,"after":"1"}"#),
        ("joinRoom", r#"{"bookId":1,"after":-1,"epoch":"e"}"#),
        ("joinRoom", r#"{"bookId":1,"after":1.5}"#),
        ("joinRoom", r#"{"bookId":1,"after":9007199254740992}"#),
        ("joinRoom", r#"{"bookId":1,"epoch":5}"#),
        ("joinRoom", r#"{"book_id":1}"#),
        ("joinRoom", r#"{"bookId":1,"bookId":1}"#),
        ("message", r#"{"bookId":1}"#),
        ("message", r#"{"content":"x"}"#),
        ("message", r#"{"bookId":1,"content":null}"#),
        ("message", r#"{"bookId":1,"content":5}"#),
        ("message", r#"{"bookId":1,"content":["x"]}"#),
        ("message", r#"{"bookId":1,"content":"x","content":"y"}"#),
        ("message", r#"{"bookId":1,"content":"x","clientMessageId":5}"#),
        ("editMessage", r#"{"bookId":1,"messageId":"1-1"}"#),
        ("editMessage", r#"{"bookId":1,"messageId":1,"content":"x"}"#),
        ("deleteMessage", r#"{"bookId":1}"#),
        ("loadPrevious", r#"{"bookId":1}"#),
        ("loadPrevious", r#"{"bookId":1,"before":null}"#),
        ("loadPrevious", r#"{"bookId":1,"before":5,"limit":0}"#),
        ("loadPrevious", r#"{"bookId":1,"before":5,"limit":101}"#),
        ("loadPrevious", r#"{"bookId":1,"before":5,"limit":-1}"#),
        ("loadPrevious", r#"{"bookId":1,"before":5,"limit":"50"}"#),
        ("loadPrevious", r#"{"bookId":1,"before":5,"limit":null}"#),
        ("typing", r#"{"bookId":1}"#),
        ("typing", r#"{"bookId":1,"typing":"true"}"#),
        ("typing", r#"{"bookId":1,"typing":1}"#),
    ];
    for (event, data) in bad {
        refused(&request(event, data), InvalidData, Some(7));
    }
    for limit in ["", r#","limit":1"#, r#","limit":100"#] {
        read(&request(
            "loadPrevious",
            &format!(r#"{{"bookId":1,"before":0{limit}}}"#),
        ));
    }
}

/// The text tells a program's author which field it is, and repeats nothing of what was sent.
#[test]
fn the_answer_names_the_value() {
    for (event, data, named) in [
        ("leaveRoom", "{}", "bookId"),
        ("leaveRoom", r#"{"bookId":"secret"}"#, "bookId"),
        ("message", r#"{"bookId":1,"content":{"secret":1}}"#, "content"),
        ("message", r#"{"bookId":1,"content":5}"#, "content"),
        (
            "message",
            r#"{"bookId":1,"content":"x","clientMessageId":"secret/"}"#,
            "clientMessageId",
        ),
        ("joinRoom", r#"{"bookId":1,"username":"\nsecret\n\u0001"}"#, "username"),
        ("deleteMessage", r#"{"bookId":1,"messageId":"secret"}"#, "messageId"),
        ("loadPrevious", r#"{"bookId":1,"before":5,"limit":true}"#, "limit"),
    ] {
        let message = decode_client(&request(event, data)).unwrap_err().reply.message;
        assert!(
            message.starts_with(event) && message.contains(named) && !message.contains("secret"),
            "{message}"
        );
    }
}

#[test]
fn contents() {
    let post = |content: &str| request("message", &format!(r#"{{"bookId":1,"content":"{content}"}}"#));
    for content in [
        "",
        "   ",
        r"\n\t \u2003\u00a0",
        r"\ud800",
        r"\udc00x",
        r"\ud83d\ud83d",
        r"\x",
        &"x".repeat(4_001),
        &"🐱".repeat(4_001),
        &format!("{}a", r"\ud83d\udc31".repeat(4_000)),
    ] {
        // An escape that JSON does not know is no JSON; a lone surrogate is JSON, and no text.
        let (code, id) = if content == r"\x" {
            (MalformedFrame, None)
        } else {
            (InvalidData, Some(7))
        };
        refused(&post(content), code, id);
    }
    for (content, held) in [
        ("x", "x".to_owned()),
        (r"  \n two words \t", "two words".to_owned()),
        (r"\ud83d\udc31", "🐱".to_owned()),
        (&"🐱".repeat(4_000), "🐱".repeat(4_000)),
        (&format!("  {}  ", "é".repeat(4_000)), "é".repeat(4_000)),
    ] {
        let ClientEvent::Message(post) = read(&post(content)) else {
            panic!("a post")
        };
        assert_eq!(post.content.as_str(), held);
    }
}

#[test]
fn nesting() {
    // The frame and its data are two levels of the sixteen.
    let nested = |levels: usize| {
        let (open, close) = ("[".repeat(levels), "]".repeat(levels));
        request("leaveRoom", &format!(r#"{{"bookId":1,"x":{open}{close}}}"#))
    };
    read(&nested(14));
    refused(&nested(15), MalformedFrame, None);
    refused(&nested(30_000), MalformedFrame, None);
    refused(&"[".repeat(60_000), MalformedFrame, None);
    refused(&r#"{"a":"#.repeat(10_000), MalformedFrame, None);
    let wide = "[],".repeat(5_000);
    read(&request("leaveRoom", &format!(r#"{{"bookId":1,"x":[{wide}[]]}}"#)));
    for said in [
        "[".repeat(100),
        "{".repeat(100),
        r#"\"["#.repeat(100),
        r"\\".repeat(99) + &"[".repeat(99),
        r"\u005b[".repeat(99),
    ] {
        read(&request("message", &format!(r#"{{"bookId":1,"content":"{said}"}}"#)));
    }
    // A quote that is escaped does not end the string, and one that is not does.
    refused(
        &request(
            "message",
            &format!(r#"{{"bookId":1,"content":"\\","x":{}}}"#, "[".repeat(99)),
        ),
        MalformedFrame,
        None,
    );
}

#[test]
fn what_is_unknown_is_ignored() {
    let plain = read(r#"{"event":"leaveRoom","data":{"bookId":1}}"#);
    for text in [
        r#"{"event":"leaveRoom","data":{"bookId":1,"later":{"a":[1,"x",null]},"later":2,"y":1e999,"z":"\ud800"}}"#,
        r#"{"later":1,"event":"leaveRoom","later":[2],"data":{"bookId":1},"seq":null}"#,
        r#"{"event":"leaveRoom","seq":"1","data":{"bookId":1}}"#,
        r#"{"data":{"bookId":1},"event":"leaveRoom"}"#,
        r#"{"event":"leave\u0052oom","d\u0061ta":{"b\u006fokId":1}}"#,
        " {\n\t\"event\" : \"leaveRoom\" ,\r\n \"data\" : { \"bookId\" : 1 } } \n",
    ] {
        assert_eq!(read(text), plain, "{text}");
    }
    read(r#"{"event":"joinRoom","data":{"bookId":1,"userId":null,"username":null,"after":null,"epoch":null}}"#);
}
