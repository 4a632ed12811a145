//! The tiny encoder writes the bytes that the protocol's own codec writes, for every frame there can be.

#![cfg(not(target_arch = "wasm32"))]

use proptest::prelude::*;
use readrealm_protocol::client::{
    Authenticate, ClientEvent, ClientFrame, DeleteMessage, EditMessage, JoinRoom, LeaveRoom, LoadPrevious, PageLimit,
    PostMessage, SetTyping,
};
use readrealm_protocol::codec::{decode_client, encode_client};
use readrealm_protocol::ids::{BookId, ClientMessageId, Content, Epoch, MessageId, RequestId, Seq, UserId, Username};
use readrealm_protocol::limits::MAX_SAFE_INTEGER;
use readrealm_sdk::encode::encode;

fn number<T: TryFrom<u64> + std::fmt::Debug>() -> impl Strategy<Value = T> {
    prop_oneof![0..=MAX_SAFE_INTEGER, 0..=20_u64, Just(MAX_SAFE_INTEGER)]
        .prop_filter_map("in range", |number| T::try_from(number).ok())
}

fn text<T: for<'a> TryFrom<&'a str> + std::fmt::Debug>(pattern: &'static str) -> impl Strategy<Value = T> {
    pattern.prop_filter_map("valid", |text| T::try_from(text.as_str()).ok())
}

fn content() -> impl Strategy<Value = Content> {
    // Control characters, quotes and what needs more than one UTF-16 unit, beside any others.
    prop_oneof![
        text("[\u{0}-\u{20}\"\\\\/\u{7f}\u{2028}é漢😀a-c]{1,40}"),
        text("\\PC{1,80}"),
        text("(?s).{1,80}")
    ]
}

fn key() -> impl Strategy<Value = Option<ClientMessageId>> {
    prop::option::of(text("[A-Za-z0-9_-]{1,64}"))
}

fn message_id() -> impl Strategy<Value = MessageId> {
    let place = number::<Seq>().prop_filter("from 1 on", |place| *place > Seq::ZERO);
    (number::<BookId>(), place).prop_map(|(book_id, place)| MessageId { book_id, place })
}

fn event() -> impl Strategy<Value = ClientEvent> {
    let book = number::<BookId>;
    let user = || prop::option::of(text::<UserId>("\\PC{1,20}"));
    let name = || prop::option::of(text::<Username>("\\PC{1,20}"));
    let epoch = || prop::option::of(text::<Epoch>("(?s).{0,20}"));
    prop_oneof![
        "(?s).{0,40}".prop_map(|token| ClientEvent::Authenticate(Authenticate { token })),
        (book(), user(), name(), prop::option::of(number()), epoch()).prop_map(
            |(book_id, user_id, username, after, epoch)| {
                ClientEvent::JoinRoom(JoinRoom {
                    book_id,
                    user_id,
                    username,
                    after,
                    epoch,
                })
            }
        ),
        book().prop_map(|book_id| ClientEvent::LeaveRoom(LeaveRoom { book_id })),
        (book(), content(), key()).prop_map(|(book_id, content, client_message_id)| {
            ClientEvent::Message(PostMessage {
                book_id,
                content,
                client_message_id,
            })
        }),
        (book(), message_id(), content(), key()).prop_map(|(book_id, message_id, content, client_message_id)| {
            ClientEvent::EditMessage(EditMessage {
                book_id,
                message_id,
                content,
                client_message_id,
            })
        }),
        (book(), message_id(), key()).prop_map(|(book_id, message_id, client_message_id)| {
            ClientEvent::DeleteMessage(DeleteMessage {
                book_id,
                message_id,
                client_message_id,
            })
        }),
        (book(), number(), number::<PageLimit>()).prop_map(|(book_id, before, limit)| {
            ClientEvent::LoadPrevious(LoadPrevious { book_id, before, limit })
        }),
        (book(), any::<bool>()).prop_map(|(book_id, typing)| ClientEvent::Typing(SetTyping { book_id, typing })),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2048, ..ProptestConfig::default() })]

    #[test]
    fn the_bytes_are_those_of_the_codec(id in prop::option::of(number::<RequestId>()), event in event()) {
        let text = encode(id, &event);
        let frame = ClientFrame { id, event };
        prop_assert_eq!(&text, &encode_client(&frame));
        prop_assert_eq!(decode_client(&text), Ok(frame));
    }
}
