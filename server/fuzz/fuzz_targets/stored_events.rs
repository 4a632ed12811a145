//! Whatever the log holds is read through the upcasters, or refused with an error; what is read is stored again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readrealm_protocol::Timestamp;
use readrealm_server::log::record::Record;
use serde_json::{Value, json};

const TYPES: [&str; 4] = ["MessagePosted", "MessageEdited", "MessageDeleted", "MessagePinned"];

fuzz_target!(|input: (u8, u8, i64, u64, &str, &str)| {
    let (kind, v, at, seq, name, text) = input;
    check(text);
    // Random text is hardly ever a record: so here is one around it.
    let data = serde_json::from_str(text).unwrap_or_else(|_| {
        let mut data = json!({ "username": name, "content": text });
        if v & 0x80 != 0 {
            data["userId"] = name.into();
            data["createdAt"] = "2024-03-15T14:32:00.000Z".into();
            data["revision"] = at.into();
            data["clientMessageId"] = text.into();
        }
        data
    });
    let at = serde_json::to_value(Timestamp::from_millis(at)).unwrap_or(Value::Null);
    let kind = TYPES.get(usize::from(kind % 5)).copied().unwrap_or(name);
    let record = json!({
        "_id": name, "bookId": seq % 7, "seq": seq, "place": seq, "type": kind, "v": v & 3, "at": at, "by": name, "data": data
    });
    check(&record.to_string());
});

fn check(line: &str) {
    let Ok(record) = serde_json::from_str::<Record<Timestamp>>(line) else {
        return;
    };
    let Ok(event) = record.read() else { return };
    let stored = Record::<Timestamp>::new(&event);
    let line = serde_json::to_string(&stored).expect("a record is JSON");
    let again: Record<Timestamp> = serde_json::from_str(&line).expect("a record that was written can be read");
    assert_eq!(again, stored);
    assert_eq!(again.read().expect("what was read is read again"), event);
    let _ = (event.change(), event.weight(), event.message_id());
}
