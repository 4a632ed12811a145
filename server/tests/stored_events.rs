//! Golden files: what is stored today is read as long as there are logs, and a server writes what it reads.

#![allow(clippy::unwrap_used)]

use std::{collections::BTreeSet, fs, path::Path};

use readrealm_protocol::Timestamp;
use readrealm_server::log::Payload;
use readrealm_server::log::record::Record as AnyRecord;

/// A line of an export.
type Record = AnyRecord<Timestamp>;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/golden/events"))
}

#[test]
fn golden_events_decode_and_encode_to_the_same() {
    let mut seen = BTreeSet::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let record: Record = serde_json::from_str(&text).unwrap();
        let name = format!("{}.v{}.json", record.kind, record.v);
        assert_eq!(path.file_name().unwrap().to_str(), Some(name.as_str()));
        let event = record.read().unwrap();
        assert!(
            !matches!(event.payload, Payload::Unknown { .. }),
            "{name} is not known any more"
        );
        let again = serde_json::to_string_pretty(&Record::new(&event)).unwrap();
        assert_eq!(again, text.trim_end(), "{name}");
        seen.insert(name);
    }
    let all = [
        "MessageDeleted.v1.json",
        "MessageEdited.v1.json",
        "MessagePosted.v1.json",
    ];
    assert!(
        all.iter().all(|name| seen.contains(*name)),
        "one file for every type and version: {seen:?}"
    );
}

#[test]
fn what_a_newer_server_stored_is_kept() {
    let text = fs::read_to_string(folder().join("MessagePosted.v1.json")).unwrap();
    for newer in [
        text.replace("MessagePosted", "MessagePinned"),
        text.replace("\"v\": 1", "\"v\": 2"),
    ] {
        let event = serde_json::from_str::<Record>(&newer).unwrap().read().unwrap();
        assert!(matches!(event.payload, Payload::Unknown { .. }));
        assert_eq!(event.change(), None);
        assert_eq!(
            serde_json::to_string_pretty(&Record::new(&event)).unwrap(),
            newer.trim_end()
        );
    }
}

#[test]
fn what_is_no_event_is_an_error() {
    let text = fs::read_to_string(folder().join("MessagePosted.v1.json")).unwrap();
    for (part, other) in [
        ("\"seq\": 1", "\"seq\": -1"),
        ("\"by\": \"u1\"", "\"by\": \"\""),
        ("\"v\": 1,", ""),
    ] {
        assert!(
            serde_json::from_str::<Record>(&text.replace(part, other)).is_err(),
            "{other}"
        );
    }
    let wordless = text.replace("\"content\"", "\"contents\"");
    let error = serde_json::from_str::<Record>(&wordless).unwrap().read().unwrap_err();
    assert!(
        error
            .to_string()
            .contains("MessagePosted version 1: missing field `content`"),
        "{error}"
    );
}
