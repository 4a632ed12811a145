//! Any text is read, or refused with an answer of a bounded size; what is read goes out and comes back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use readrealm_protocol::ServerEvent;
use readrealm_protocol::codec::{decode_client, decode_server, encode_client, encode_server};
use readrealm_protocol::server::ServerFrame;

fuzz_target!(|text: &str| {
    match decode_client(text) {
        Ok(frame) => assert_eq!(decode_client(&encode_client(&frame)).as_ref(), Ok(&frame)),
        Err(error) => {
            let answer = ServerFrame {
                id: error.id,
                seq: None,
                event: ServerEvent::Error(error.reply),
            };
            let encoded = encode_server(&answer);
            assert!(encoded.len() < 1_024);
            assert_eq!(decode_server(&encoded).ok(), Some(answer));
        }
    }
    // Answers are read by clients: no server's frame may bring one down either.
    let _ = decode_server(text);
});
