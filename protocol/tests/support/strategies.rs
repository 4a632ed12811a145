//! Arbitrary valid frames of every kind.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use readrealm_protocol::client::{
    Authenticate, ClientFrame, DeleteMessage, EditMessage, JoinRoom, LeaveRoom, LoadPrevious, PageLimit, PostMessage,
    SetTyping,
};
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::limits::{
    CLIENT_MESSAGE_ID_CHARS, CONTENT_CHARS, MAX_SAFE_INTEGER, PAGE_MAX, USER_ID_CHARS, USERNAME_CHARS,
};
use readrealm_protocol::server::{
    Ack, Appended, Authenticated, ErrorReply, Members, MessageDeleted, MessagesPage, Occupancy, PreviousMessages,
    Resumed, SequencedFrame, ServerFrame, User, UserMoved, UserTyping,
};
use readrealm_protocol::{
    BookId, ClientEvent as C, ClientMessageId, Content, Epoch, ErrorCode, Message, MessageId, Seq, ServerEvent as S,
    Timestamp, UserId, Username,
};

fn integer() -> impl Strategy<Value = u64> {
    prop_oneof![8 => 0..100_u64, 4 => 0..=MAX_SAFE_INTEGER, 1 => Just(0), 1 => Just(MAX_SAFE_INTEGER)]
}

/// Texts of 1 to `most` characters of any script, those of exactly `most` among them.
fn text(most: usize) -> impl Strategy<Value = String> {
    prop_oneof![
        8 => vec(any::<char>(), 1..=most.min(40)).prop_map(String::from_iter),
        4 => "[ -~]{1,40}",
        1 => prop_oneof![Just('x'), Just('é'), Just('🐱'), Just('"'), Just('\\')]
            .prop_map(move |character| character.to_string().repeat(most)),
    ]
}

fn book() -> impl Strategy<Value = BookId> {
    integer().prop_map(|value| BookId::try_from(value).unwrap())
}

fn seq() -> impl Strategy<Value = Seq> {
    integer().prop_map(|value| Seq::try_from(value).unwrap())
}

fn request() -> impl Strategy<Value = Option<RequestId>> {
    option::of(integer().prop_map(|value| RequestId::try_from(value).unwrap()))
}

fn id() -> impl Strategy<Value = MessageId> {
    (book(), seq().prop_map(|place| place.max(Seq::ZERO.next())))
        .prop_map(|(book_id, place)| MessageId { book_id, place })
}

fn user_id() -> impl Strategy<Value = UserId> {
    text(USER_ID_CHARS).prop_filter_map("control characters", |text| UserId::try_from(&*text).ok())
}

fn username() -> impl Strategy<Value = Username> {
    text(USERNAME_CHARS).prop_filter_map("control characters or blank", |text| Username::try_from(&*text).ok())
}

fn content() -> impl Strategy<Value = Content> {
    text(CONTENT_CHARS).prop_filter_map("blank", |text| Content::try_from(&*text).ok())
}

fn key() -> impl Strategy<Value = Option<ClientMessageId>> {
    let allowed = proptest::char::ranges(vec!['A'..='Z', 'a'..='z', '0'..='9', '_'..='_', '-'..='-'].into());
    let text = vec(allowed, 1..=CLIENT_MESSAGE_ID_CHARS).prop_map(String::from_iter);
    option::of(text.prop_map(|text| ClientMessageId::try_from(&*text).unwrap()))
}

fn epoch() -> impl Strategy<Value = Epoch> {
    any::<String>().prop_map(|text| Epoch::try_from(&*text).unwrap())
}

fn time() -> impl Strategy<Value = Timestamp> {
    prop_oneof![
        any::<i64>(),
        -1_000..1_000_i64,
        1_700_000_000_000..1_800_000_000_000_i64
    ]
    .prop_map(Timestamp::from_millis)
}

prop_compose! {
    fn message()(
        (id, seq, book_id) in (id(), seq(), book()),
        (user_id, username, content) in (user_id(), username(), content()),
        (created_at, updated_at, client_message_id) in (time(), time(), key()),
    ) -> Message {
        Message { id, seq, book_id, user_id, username, content, created_at, updated_at, client_message_id }
    }
}

prop_compose! {
    fn members()(
        count in 0..1_000_usize,
        users in vec((user_id(), username()).prop_map(|(user_id, username)| User { user_id, username }), 0..3),
    ) -> Members {
        Members { count, users }
    }
}

prop_compose! {
    fn join()(
        (book_id, user_id, username) in (book(), option::of(user_id()), option::of(username())),
        (after, epoch) in (option::of(seq()), option::of(epoch())),
    ) -> JoinRoom {
        JoinRoom { book_id, user_id, username, after, epoch }
    }
}

fn deleted() -> impl Strategy<Value = S> {
    (book(), id()).prop_map(|(book_id, message_id)| S::MessageDeleted(MessageDeleted { book_id, message_id }))
}

fn sequenced() -> impl Strategy<Value = S> {
    prop_oneof![
        message().prop_map(S::Message),
        message().prop_map(S::MessageEdited),
        deleted()
    ]
}

fn previous() -> impl Strategy<Value = S> {
    (book(), epoch(), seq(), vec(message(), 0..3), any::<bool>(), members()).prop_map(
        |(book_id, epoch, seq, messages, has_more, members)| {
            S::PreviousMessages(PreviousMessages {
                book_id,
                epoch,
                seq,
                messages,
                has_more,
                members,
            })
        },
    )
}

fn resumed() -> impl Strategy<Value = S> {
    let events = vec(
        (seq(), sequenced()).prop_map(|(seq, event)| SequencedFrame { seq, event }),
        0..3,
    );
    (book(), epoch(), seq(), events, any::<bool>(), members()).prop_map(
        |(book_id, epoch, seq, events, complete, members)| {
            S::Resumed(Resumed {
                book_id,
                epoch,
                seq,
                events,
                complete,
                members,
            })
        },
    )
}

fn page() -> impl Strategy<Value = S> {
    (book(), seq(), vec(message(), 0..3), any::<bool>()).prop_map(|(book_id, seq, messages, has_more)| {
        S::MessagesPage(MessagesPage {
            book_id,
            seq,
            messages,
            has_more,
        })
    })
}

fn ack() -> impl Strategy<Value = S> {
    let appended = (id(), seq(), time(), any::<bool>()).prop_map(|(message_id, seq, created_at, duplicate)| {
        Ack::Appended(Appended {
            message_id,
            seq,
            created_at,
            duplicate,
        })
    });
    prop_oneof![appended, Just(Ack::Done {})].prop_map(S::Ack)
}

fn error() -> impl Strategy<Value = S> {
    let code = proptest::sample::select(ErrorCode::ALL);
    (code, any::<String>(), option::of(any::<u64>())).prop_map(|(code, message, retry_after_ms)| {
        S::Error(ErrorReply {
            code,
            message,
            retry_after_ms,
        })
    })
}

fn moved() -> impl Strategy<Value = UserMoved> {
    (book(), user_id(), username(), time()).prop_map(|(book_id, user_id, username, timestamp)| UserMoved {
        book_id,
        user_id,
        username,
        timestamp,
    })
}

fn client_event() -> impl Strategy<Value = C> {
    prop_oneof![
        any::<String>().prop_map(|token| C::Authenticate(Authenticate { token })),
        join().prop_map(C::JoinRoom),
        book().prop_map(|book_id| C::LeaveRoom(LeaveRoom { book_id })),
        (book(), content(), key()).prop_map(|(book_id, content, client_message_id)| {
            C::Message(PostMessage {
                book_id,
                content,
                client_message_id,
            })
        }),
        (book(), id(), content(), key()).prop_map(|(book_id, message_id, content, client_message_id)| {
            C::EditMessage(EditMessage {
                book_id,
                message_id,
                content,
                client_message_id,
            })
        }),
        (book(), id(), key()).prop_map(|(book_id, message_id, client_message_id)| {
            C::DeleteMessage(DeleteMessage {
                book_id,
                message_id,
                client_message_id,
            })
        }),
        (book(), seq(), 1..=PAGE_MAX as u64).prop_map(|(book_id, before, limit)| {
            C::LoadPrevious(LoadPrevious {
                book_id,
                before,
                limit: PageLimit::try_from(limit).unwrap(),
            })
        }),
        (book(), any::<bool>()).prop_map(|(book_id, typing)| C::Typing(SetTyping { book_id, typing })),
    ]
}

fn server_event() -> impl Strategy<Value = S> {
    prop_oneof![
        (user_id(), username(), time(), vec(book(), 0..4)).prop_map(|(user_id, username, expires_at, left_rooms)| {
            S::Authenticated(Authenticated {
                user_id,
                username,
                expires_at,
                left_rooms,
            })
        }),
        previous(),
        resumed(),
        page(),
        ack(),
        sequenced(),
        moved().prop_map(S::UserJoined),
        moved().prop_map(S::UserLeft),
        (book(), any::<u32>()).prop_map(|(book_id, count)| S::Occupancy(Occupancy {
            book_id,
            count: count as usize
        })),
        (book(), user_id(), username(), any::<bool>()).prop_map(|(book_id, user_id, username, typing)| {
            S::Typing(UserTyping {
                book_id,
                user_id,
                username,
                typing,
            })
        }),
        error(),
    ]
}

pub(crate) fn client_frame() -> impl Strategy<Value = ClientFrame> {
    (request(), client_event()).prop_map(|(id, event)| ClientFrame { id, event })
}

pub(crate) fn server_frame() -> impl Strategy<Value = ServerFrame> {
    (request(), option::of(seq()), server_event()).prop_map(|(id, seq, event)| ServerFrame { id, seq, event })
}
