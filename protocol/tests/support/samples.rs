//! One frame of every kind, and of every kind of its optional fields.
#![allow(clippy::too_many_lines, reason = "lists")]

use readrealm_protocol::client::{
    Authenticate, ClientFrame, DeleteMessage, EditMessage, JoinRoom, LeaveRoom, LoadPrevious, PageLimit, PostMessage,
    SetTyping,
};
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{
    Ack, Appended, Authenticated, ErrorReply, Members, MessageDeleted, MessagesPage, Occupancy, PreviousMessages,
    Resumed, SequencedFrame, ServerFrame, User, UserMoved, UserTyping,
};
use readrealm_protocol::{
    BookId, ClientEvent as C, ClientMessageId, Content, Epoch, ErrorCode, Message, MessageId, Seq, ServerEvent as S,
    Timestamp, UserId, Username,
};

const SAID: &str = "The Cheshire Cat scene is my favourite!";
const EDITED: &str = "The Cheshire Cat scene is my favourite! “We’re all mad here.” 🐱";

fn book() -> BookId {
    BookId::try_from(28520_u64).unwrap()
}

fn seq(position: u64) -> Seq {
    Seq::try_from(position).unwrap()
}

fn id(place: u64) -> MessageId {
    MessageId {
        book_id: book(),
        place: seq(place),
    }
}

fn user_id() -> UserId {
    UserId::try_from("64a1f3c2e4b0a1234567890a").unwrap()
}

fn username() -> Username {
    Username::try_from("alice").unwrap()
}

fn epoch() -> Epoch {
    Epoch::try_from("018e4269-6c00-7000-8000-000000000001").unwrap()
}

fn key() -> ClientMessageId {
    ClientMessageId::try_from("Zm9vYmFy_-1").unwrap()
}

fn content(text: &str) -> Content {
    Content::try_from(text).unwrap()
}

/// Seconds after the time of the first example.
fn time(seconds: i64) -> Timestamp {
    Timestamp::from_millis(1_710_513_120_000 + seconds * 1_000)
}

fn message(place: u64) -> Message {
    Message {
        id: id(place),
        seq: seq(place),
        book_id: book(),
        user_id: user_id(),
        username: username(),
        content: content(SAID),
        created_at: time(0),
        updated_at: time(0),
        client_message_id: None,
    }
}

fn keyed(place: u64) -> Message {
    Message {
        client_message_id: Some(key()),
        ..message(place)
    }
}

fn edited(place: u64) -> Message {
    Message {
        content: content(EDITED),
        updated_at: time(61),
        ..message(place)
    }
}

fn deleted(place: u64) -> S {
    S::MessageDeleted(MessageDeleted {
        book_id: book(),
        message_id: id(place),
    })
}

fn members() -> Members {
    Members {
        count: 1,
        users: vec![User {
            user_id: user_id(),
            username: username(),
        }],
    }
}

/// The variant's name in its file, and the frame.
pub(crate) fn client() -> Vec<(&'static str, ClientFrame)> {
    let request = |event| ClientFrame {
        id: Some(RequestId::try_from(7_u64).unwrap()),
        event,
    };
    let join = JoinRoom {
        book_id: book(),
        user_id: None,
        username: None,
        after: None,
        epoch: None,
    };
    let named = JoinRoom {
        user_id: Some(user_id()),
        username: Some(username()),
        ..join.clone()
    };
    let resume = JoinRoom {
        after: Some(seq(42)),
        epoch: Some(epoch()),
        ..named.clone()
    };
    let start = JoinRoom {
        after: Some(Seq::ZERO),
        epoch: Some(epoch()),
        ..join.clone()
    };
    let post = PostMessage {
        book_id: book(),
        content: content(SAID),
        client_message_id: None,
    };
    let edit = EditMessage {
        book_id: book(),
        message_id: id(42),
        content: content(EDITED),
        client_message_id: None,
    };
    let delete = DeleteMessage {
        book_id: book(),
        message_id: id(42),
        client_message_id: None,
    };
    let ten = PageLimit::try_from(10).unwrap();
    let page = |limit| {
        C::LoadPrevious(LoadPrevious {
            book_id: book(),
            before: seq(42),
            limit,
        })
    };
    let typing = |typing| {
        C::Typing(SetTyping {
            book_id: book(),
            typing,
        })
    };
    vec![
        (
            "",
            request(C::Authenticate(Authenticate {
                token: "header.payload.signature".into(),
            })),
        ),
        ("", request(C::JoinRoom(named))),
        ("token", request(C::JoinRoom(join))),
        ("resume", request(C::JoinRoom(resume))),
        ("resumeFromStart", request(C::JoinRoom(start))),
        ("", request(C::LeaveRoom(LeaveRoom { book_id: book() }))),
        (
            "",
            request(C::Message(PostMessage {
                client_message_id: Some(key()),
                ..post.clone()
            })),
        ),
        ("keyless", request(C::Message(post.clone()))),
        (
            "unanswered",
            ClientFrame {
                id: None,
                event: C::Message(post),
            },
        ),
        (
            "",
            request(C::EditMessage(EditMessage {
                client_message_id: Some(key()),
                ..edit.clone()
            })),
        ),
        ("keyless", request(C::EditMessage(edit))),
        (
            "",
            request(C::DeleteMessage(DeleteMessage {
                client_message_id: Some(key()),
                ..delete.clone()
            })),
        ),
        ("keyless", request(C::DeleteMessage(delete))),
        ("", request(page(ten))),
        ("default", request(page(PageLimit::default()))),
        (
            "",
            ClientFrame {
                id: None,
                event: typing(true),
            },
        ),
        (
            "stopped",
            ClientFrame {
                id: None,
                event: typing(false),
            },
        ),
    ]
}

/// The variant's name in its file, and the frame.
pub(crate) fn server() -> Vec<(&'static str, ServerFrame)> {
    let answer = |event| ServerFrame {
        id: Some(RequestId::try_from(7_u64).unwrap()),
        seq: None,
        event,
    };
    let told = |event| ServerFrame {
        id: None,
        seq: None,
        event,
    };
    let at = |position, event| ServerFrame {
        id: None,
        seq: Some(seq(position)),
        event,
    };
    let ack = |position, duplicate| {
        let created_at = time(0);
        answer(S::Ack(Ack::Appended(Appended {
            message_id: id(42),
            seq: seq(position),
            created_at,
            duplicate,
        })))
    };
    let moved = UserMoved {
        book_id: book(),
        user_id: user_id(),
        username: username(),
        timestamp: time(0),
    };
    let typing = |typing| {
        S::Typing(UserTyping {
            book_id: book(),
            user_id: user_id(),
            username: username(),
            typing,
        })
    };
    vec![
        (
            "",
            answer(S::Authenticated(Authenticated {
                user_id: user_id(),
                username: username(),
                expires_at: time(3_600),
                left_rooms: vec![],
            })),
        ),
        (
            "fewerRooms",
            answer(S::Authenticated(Authenticated {
                user_id: user_id(),
                username: username(),
                expires_at: time(3_600),
                left_rooms: vec![11_u32.into(), 28520_u32.into()],
            })),
        ),
        ("", answer(previous(44, vec![keyed(43), edited(42)], true))),
        ("empty", answer(previous(0, vec![], false))),
        (
            "",
            answer(resumed(
                46,
                true,
                vec![
                    (44, S::Message(keyed(44))),
                    (45, S::MessageEdited(edited(44))),
                    (46, deleted(43)),
                ],
            )),
        ),
        // What is deleted by now comes as such at the place of its post.
        ("partial", answer(resumed(44, false, vec![(44, deleted(44))]))),
        ("nothing", answer(resumed(44, true, vec![]))),
        ("", answer(page(vec![keyed(41), edited(40)], true))),
        ("empty", answer(page(vec![], false))),
        ("", ack(42, false)),
        ("duplicate", ack(42, true)),
        ("edit", ack(44, false)),
        ("empty", answer(S::Ack(Ack::Done {}))),
        ("", at(42, S::Message(message(42)))),
        ("keyed", at(43, S::Message(keyed(43)))),
        ("", at(44, S::MessageEdited(edited(42)))),
        ("", at(45, deleted(42))),
        ("", told(S::UserJoined(moved.clone()))),
        ("", told(S::UserLeft(moved))),
        (
            "",
            told(S::Occupancy(Occupancy {
                book_id: book(),
                count: 101,
            })),
        ),
        ("", told(typing(true))),
        ("stopped", told(typing(false))),
        (
            "",
            answer(S::Error(ErrorReply::new(ErrorCode::NotJoined, "join room 28520 first"))),
        ),
        (
            "retry",
            answer(S::Error(ErrorReply::retry_after(
                ErrorCode::RateLimited,
                "too many messages",
                1_500,
            ))),
        ),
        (
            "unasked",
            told(S::Error(ErrorReply::new(ErrorCode::MalformedFrame, "not a frame"))),
        ),
    ]
}

fn previous(position: u64, messages: Vec<Message>, has_more: bool) -> S {
    let (book_id, seq) = (book(), seq(position));
    S::PreviousMessages(PreviousMessages {
        book_id,
        epoch: epoch(),
        seq,
        messages,
        has_more,
        members: members(),
    })
}

fn resumed(position: u64, complete: bool, events: Vec<(u64, S)>) -> S {
    let events = events
        .into_iter()
        .map(|(position, event)| SequencedFrame {
            seq: seq(position),
            event,
        })
        .collect();
    let (book_id, seq) = (book(), seq(position));
    S::Resumed(Resumed {
        book_id,
        epoch: epoch(),
        seq,
        events,
        complete,
        members: members(),
    })
}

fn page(messages: Vec<Message>, has_more: bool) -> S {
    S::MessagesPage(MessagesPage {
        book_id: book(),
        seq: seq(44),
        messages,
        has_more,
    })
}
