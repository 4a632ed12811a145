//! Frames go out and come back the same; whatever else comes in is answered with an error, and never a panic.
#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/strategies.rs"]
mod strategies;

use proptest::prelude::*;
use proptest::sample::Index;
use readrealm_protocol::codec::{decode_client, decode_server, encode_client, encode_server};
use readrealm_protocol::server::ServerFrame;
use readrealm_protocol::{ErrorCode, ServerEvent, Timestamp};
use strategies::{client_frame, server_frame};

/// The text is read, or refused with an answer that is itself a frame of a bounded size.
fn read_or_refused(text: &str) {
    match decode_client(text) {
        Ok(frame) => assert_eq!(decode_client(&encode_client(&frame)).unwrap(), frame),
        Err(error) => {
            let codes = [
                ErrorCode::MalformedFrame,
                ErrorCode::UnknownEvent,
                ErrorCode::InvalidData,
            ];
            assert!(codes.contains(&error.reply.code), "{error}");
            assert_eq!(error.is_malformed(), error.reply.code == ErrorCode::MalformedFrame);
            assert!(!error.is_malformed() || error.id.is_none());
            let answer = ServerFrame {
                id: error.id,
                seq: None,
                event: ServerEvent::Error(error.reply),
            };
            let encoded = encode_server(&answer);
            assert!(encoded.len() < 1_024, "{encoded}");
            assert_eq!(decode_server(&encoded).unwrap(), answer);
        }
    }
    let _ = decode_server(text);
}

/// JSON of any shape under the names the protocol uses.
fn json() -> impl Strategy<Value = String> {
    let name = proptest::sample::select(vec![
        "event", "id", "seq", "data", "bookId", "content", "typing", "limit", "x",
    ]);
    let leaf = prop_oneof![
        Just("null".to_owned()),
        any::<bool>().prop_map(|value| value.to_string()),
        any::<i64>().prop_map(|value| value.to_string()),
        any::<f64>()
            .prop_filter("finite", |value| value.is_finite())
            .prop_map(|value| value.to_string()),
        proptest::sample::select(vec!["joinRoom", "message", "typing", "loadPrevious"])
            .prop_map(|text| format!("{text:?}")),
        "[ -!#-\\[\\]-~]{0,12}".prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(20, 64, 4, move |inner| {
        let fields = proptest::collection::vec((name.clone(), inner.clone()), 0..5);
        prop_oneof![
            proptest::collection::vec(inner, 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            fields.prop_map(|fields| {
                let fields = fields.into_iter().map(|(name, value)| format!("{name:?}:{value}"));
                format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn client_frames_come_back_the_same(frame in client_frame()) {
        let text = encode_client(&frame);
        prop_assert_eq!(decode_client(&text).unwrap(), frame);
    }

    #[test]
    fn server_frames_come_back_the_same(frame in server_frame()) {
        let text = encode_server(&frame);
        prop_assert_eq!(decode_server(&text).unwrap(), frame);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        read_or_refused(&text);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        read_or_refused(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn any_json_is_read_or_refused(text in json()) {
        read_or_refused(&text);
    }

    #[test]
    fn any_data_of_a_known_event_is_read_or_refused(
        event in proptest::sample::select(vec!["joinRoom", "leaveRoom", "message", "editMessage", "loadPrevious", "typing"]),
        data in json(),
    ) {
        read_or_refused(&format!(r#"{{"event":"{event}","id":7,"data":{data}}}"#));
    }

    #[test]
    fn damaged_frames_are_read_or_refused(
        frame in client_frame(),
        damage in proptest::collection::vec((any::<Index>(), any::<u8>(), 0..4_u8), 1..6),
    ) {
        let mut bytes = encode_client(&frame).into_bytes();
        for (at, byte, kind) in damage {
            let at = at.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                2 => bytes.truncate(at.max(1)),
                _ => bytes.extend_from_within(at..),
            }
        }
        read_or_refused(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn times_come_back_the_same(millis in any::<i64>()) {
        let time = Timestamp::from_millis(millis);
        prop_assert_eq!(time.to_string().parse::<Timestamp>().unwrap(), time);
    }
}

#[test]
fn times_are_read_from_any_offset_and_held_in_four_digits_of_a_year() {
    for (text, shown) in [
        ("2024-03-15T14:32:00.000Z", "2024-03-15T14:32:00.000Z"),
        ("2024-03-15T15:32:00+01:00", "2024-03-15T14:32:00.000Z"),
        ("2024-03-15T14:32:00.9999Z", "2024-03-15T14:32:00.999Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("9999-12-31T23:59:59.999-23:59", "9999-12-31T23:59:59.999Z"),
        ("0000-01-01T00:00:00+23:59", "0000-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), shown, "{text}");
    }
    assert_eq!(Timestamp::from_millis(i64::MAX), Timestamp::MAX);
    assert_eq!(Timestamp::from_millis(i64::MIN), Timestamp::MIN);
    for text in [
        "",
        "2024-03-15",
        "2024-03-15T14:32:00",
        "1710513120000",
        "+10000-01-01T00:00:00Z",
    ] {
        assert!(text.parse::<Timestamp>().is_err(), "{text}");
    }
}
