//! The exact bytes of every event. A change of these files is a change of the protocol: clients in the field read
//! them as they stand. `READREALM_BLESS=1 cargo test -p readrealm-protocol --test golden` rewrites them.
#![cfg(feature = "json")]
#![allow(clippy::unwrap_used, reason = "a test")]

#[path = "support/samples.rs"]
mod samples;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use readrealm_protocol::codec::{decode_client, decode_server, encode_client, encode_server};
use readrealm_protocol::{ClientEvent, ErrorCode, ServerEvent};

/// Names every variant: one that is new does not compile until it stands here, and then wants a file.
macro_rules! names {
    ($const:ident, $event:ident: $($variant:ident)+) => {
        const $const: &[&str] = {
            const fn _every_variant_is_listed(event: &$event) {
                match event { $($event::$variant(_) => (),)+ }
            }
            &[$(stringify!($variant)),+]
        };
    };
}

names!(CLIENT, ClientEvent: Authenticate JoinRoom LeaveRoom Message EditMessage DeleteMessage LoadPrevious Typing);
names!(SERVER, ServerEvent: Authenticated PreviousMessages Resumed MessagesPage Ack Message MessageEdited
    MessageDeleted UserJoined UserLeft Occupancy Typing Error);

fn directory() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The bytes each file must hold.
fn expected() -> Vec<(String, String)> {
    let client = samples::client().into_iter();
    let client = client.map(|(variant, frame)| (file("client", frame.event.name(), variant), encode_client(&frame)));
    let server = samples::server().into_iter();
    let server = server.map(|(variant, frame)| (file("server", frame.event.name(), variant), encode_server(&frame)));
    client.chain(server).collect()
}

/// `client.joinRoom.json`, and `client.joinRoom.resume.json` for a variant.
fn file(side: &str, event: &str, variant: &str) -> String {
    let dot = if variant.is_empty() { "" } else { "." };
    format!("{side}.{event}{dot}{variant}.json")
}

/// What the file holds; `text` is written to it first where that was asked for.
fn golden(name: &str, text: &str) -> String {
    let path = directory().join(name);
    if std::env::var_os("READREALM_BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, text).unwrap();
        return text.to_owned();
    }
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{name}: {error}"))
}

#[test]
fn every_file_holds_the_exact_bytes() {
    for (name, text) in expected() {
        assert_eq!(golden(&name, &text), text, "{name}");
    }
}

#[test]
fn no_file_is_without_its_sample() {
    let expected: BTreeSet<String> = expected().into_iter().map(|(name, _)| name).collect();
    let found = fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let found: BTreeSet<String> = found.collect();
    let extra: Vec<_> = found.difference(&expected).collect();
    assert!(extra.is_empty(), "no sample makes {extra:?}");
}

#[test]
fn every_file_decodes_and_encodes_back_to_the_same_bytes() {
    for (variant, frame) in samples::client() {
        let name = file("client", frame.event.name(), variant);
        let golden = golden(&name, &encode_client(&frame));
        let decoded = decode_client(&golden).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(decoded, frame, "{name}");
        assert_eq!(encode_client(&decoded), golden, "{name}");
    }
    for (variant, frame) in samples::server() {
        let name = file("server", frame.event.name(), variant);
        let golden = golden(&name, &encode_server(&frame));
        let decoded = decode_server(&golden).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(decoded, frame, "{name}");
        assert_eq!(encode_server(&decoded), golden, "{name}");
    }
}

#[test]
fn every_event_has_a_file() {
    let expected = expected();
    for (side, variants) in [("client", CLIENT), ("server", SERVER)] {
        for variant in variants {
            let event = variant[..1].to_lowercase() + &variant[1..];
            let files = expected
                .iter()
                .filter(|(name, _)| name.starts_with(&format!("{side}.{event}.")))
                .count();
            assert!(files > 0, "no golden file of {side}.{event}");
        }
    }
}

#[test]
fn every_error_code_is_read_by_its_name() {
    for code in ErrorCode::ALL {
        let text = format!(r#"{{"event":"error","data":{{"code":"{code}","message":"…"}}}}"#);
        let frame = decode_server(&text).unwrap();
        assert!(
            matches!(&frame.event, ServerEvent::Error(reply) if reply.code == *code),
            "{code}"
        );
        assert_eq!(encode_server(&frame), text);
    }
}

/// The message of the feature's first description, word for word, beside the fields that came since.
#[test]
fn the_first_example_still_stands() {
    let golden = fs::read_to_string(directory().join("server.message.json")).unwrap();
    for field in [
        r#""bookId":28520"#,
        r#""userId":"64a1f3c2e4b0a1234567890a""#,
        r#""username":"alice""#,
        r#""content":"The Cheshire Cat scene is my favourite!""#,
        r#""createdAt":"2024-03-15T14:32:00.000Z""#,
        r#""updatedAt":"2024-03-15T14:32:00.000Z""#,
    ] {
        assert!(golden.contains(field), "{field}");
    }
}
