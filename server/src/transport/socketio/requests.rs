//! From the events of ReadRealm's apps to requests of the protocol.
//!
//! The words differ and the rules are the same: an event is written as the frame it means, and read as any other.

use std::collections::VecDeque;
use std::sync::Arc;

use readrealm_protocol::client::{ClientEvent, JoinRoom, LeaveRoom};
use readrealm_protocol::codec::{self, DecodeError};
use readrealm_protocol::ids::{Invalid, RequestId};
use readrealm_protocol::limits::MAX_SAFE_INTEGER;
use readrealm_protocol::server::{ErrorReply, User};
use readrealm_protocol::{BookId, ClientFrame, ErrorCode, UserId, Username};
use serde_json::Value;

use super::asked::{Asked, Part, Question, Standing};
use super::packet::{Call, json as text};
use crate::connection::Inbound;

/// Characters of an event's name that are told back.
const NAME_CHARS: usize = 32;

/// Milliseconds after which an app may ask again that has asked too much at once.
const RETRY_AFTER: u64 = 1_000;

/// Reads an event into the requests it means: one, or a post with what it needs before and after it; none where the event
/// does not exist, and that was told.
pub(super) fn read(call: &Call<'_>, ack: Option<u64>, asked: &Asked, into: &mut VecDeque<Inbound>) {
    let data = call.data.map_or("{}", |data| data.get());
    let Ok(mut data) = serde_json::from_str(data) else {
        // It is JSON: there is nothing else that could be wrong with it.
        return into.push_back(malformed("the data nests too deep"));
    };
    if !asked.has_room() {
        let why = "too many requests wait for their answer";
        let reply = ErrorReply::retry_after(ErrorCode::RateLimited, why, RETRY_AFTER);
        return into.push_back(Inbound::Frame(Err(DecodeError { id: None, reply })));
    }
    tidy(&mut data);
    let event: Box<str> = call.event.chars().take(NAME_CHARS).collect();
    let name = if &*event == "chatMessage" {
        "message"
    } else {
        &*call.event
    };
    let id = match name {
        "typing" => Asked::typing(),
        _ => asked.number(),
    };
    let frame = decode(name, id, &data).map_err(|error| renamed(error, name, &event));
    if let Err(error) = &frame
        && error.reply.code == ErrorCode::UnknownEvent
        && !asked.is_strange(&event)
    {
        return;
    }
    let part = match &frame {
        Ok(ClientFrame {
            event: ClientEvent::Message(post),
            ..
        }) => {
            let book = post.book_id;
            return self::post(
                book,
                Question {
                    event,
                    ack,
                    part: Part::Post,
                },
                id,
                frame,
                &data,
                asked,
                into,
            );
        }
        Ok(ClientFrame {
            event: ClientEvent::JoinRoom(join),
            ..
        }) => Part::Join(claimed(join)),
        Ok(ClientFrame {
            event: ClientEvent::LeaveRoom(leave),
            ..
        }) => {
            asked.left(leave.book_id);
            Part::Whole
        }
        _ => Part::Whole,
    };
    if id != Asked::typing() {
        asked.ask(id, Question { event, ack, part });
    }
    into.push_back(Inbound::Frame(frame));
}

/// A post. The gateway of today takes it in rooms that were not joined, too: an app that joins when a page opens, and not when
/// its connection is back, sends such, and is brought in, where it also hears its own message. One that has left says a last
/// word, and stays out.
fn post(
    book: BookId,
    question: Question,
    id: RequestId,
    frame: Result<ClientFrame, DecodeError>,
    data: &Value,
    asked: &Asked,
    into: &mut VecDeque<Inbound>,
) {
    let standing = asked.standing(book);
    let joined = match &standing {
        Standing::In(user) => Some(user),
        Standing::Left | Standing::Out => None,
    };
    let around = |part| Question {
        event: question.event.clone(),
        ack: None,
        part,
    };
    let author = match author(data, joined) {
        Ok(author) => author,
        Err(rule) => {
            let reply = ErrorReply::new(ErrorCode::InvalidData, format!("{}: {rule}", question.event));
            asked.ask(id, question);
            return into.push_back(Inbound::Frame(Err(DecodeError { id: Some(id), reply })));
        }
    };
    match standing {
        Standing::In(_) => {}
        Standing::Left => into.push_back(join(book, author.as_ref(), around(Part::Passing), asked)),
        Standing::Out => {
            let entering = around(Part::Entering(author.clone()));
            into.push_back(join(book, author.as_ref(), entering, asked));
        }
    }
    let leaving = (standing == Standing::Left).then(|| around(Part::Leaving));
    asked.ask(id, question);
    into.push_back(by(author, frame));
    if let Some(leaving) = leaving {
        let id = asked.number();
        asked.ask(id, leaving);
        let event = ClientEvent::LeaveRoom(LeaveRoom { book_id: book });
        into.push_back(Inbound::Frame(Ok(ClientFrame { id: Some(id), event })));
    }
}

/// An event that cannot be read, or has no meaning here.
pub(super) fn malformed(why: &str) -> Inbound {
    Inbound::Frame(Err(DecodeError {
        id: None,
        reply: ErrorReply::new(ErrorCode::MalformedFrame, why),
    }))
}

fn decode(name: &str, id: RequestId, data: &Value) -> Result<ClientFrame, DecodeError> {
    codec::decode_client(&text(&codec::Frame {
        event: name,
        id: Some(id),
        seq: None,
        data,
    }))
}

/// What the apps send as they may, and a database casts today: a book's number as text, a user's id as a number.
fn tidy(data: &mut Value) {
    let Some(fields) = data.as_object_mut() else { return };
    // They mean a resume, whose answer these clients cannot read.
    fields.remove("after");
    fields.remove("epoch");
    if let Some(book) = fields.get_mut("bookId")
        && let Some(number) = as_integer(book)
    {
        *book = number.into();
    }
    for name in ["userId", "username"] {
        if let Some(value) = fields.get_mut(name)
            && value.is_number()
        {
            *value = value.to_string().into();
        }
    }
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "judged before"
)]
fn as_integer(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => {
            let digits = text.trim();
            let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
            plain.then(|| digits.parse().ok()).flatten()
        }
        // A language whose only numbers have fractions writes them.
        Value::Number(number) if number.is_f64() => {
            let number = number.as_f64()?;
            (number.fract() == 0.0 && (0.0..=MAX_SAFE_INTEGER as f64).contains(&number)).then_some(number as u64)
        }
        _ => None,
    }
}

/// Whose a message says it is; `None` where it does not say so, or it is who joined.
fn author(data: &Value, joined: Option<&User>) -> Result<Option<User>, Invalid> {
    let field = |name| data.get(name).and_then(Value::as_str);
    let user_id = field("userId").map(UserId::try_from).transpose()?;
    let username = field("username").map(Username::try_from).transpose()?;
    let named = match (user_id, username, joined) {
        (Some(user_id), Some(username), _) => Some(User { user_id, username }),
        (Some(user_id), None, Some(joined)) if joined.user_id == user_id => None,
        (Some(user_id), None, _) => Some(User {
            username: Username::from_user_id(&user_id),
            user_id,
        }),
        (None, Some(username), Some(joined)) => Some(User {
            user_id: joined.user_id.clone(),
            username,
        }),
        (None, _, _) => None,
    };
    Ok(named.filter(|named| joined != Some(named)))
}

fn by(author: Option<User>, frame: Result<ClientFrame, DecodeError>) -> Inbound {
    match (author, frame) {
        (Some(author), Ok(frame)) => Inbound::By(Arc::new(author), frame),
        (_, frame) => Inbound::Frame(frame),
    }
}

fn join(book: BookId, user: Option<&User>, question: Question, asked: &Asked) -> Inbound {
    let id = asked.number();
    asked.ask(id, question);
    let event = ClientEvent::JoinRoom(JoinRoom {
        book_id: book,
        user_id: user.map(|user| user.user_id.clone()),
        username: user.map(|user| user.username.clone()),
        after: None,
        epoch: None,
    });
    Inbound::Frame(Ok(ClientFrame { id: Some(id), event }))
}

fn claimed(join: &JoinRoom) -> Option<User> {
    let user_id = join.user_id.clone()?;
    let username = join.username.clone();
    Some(User {
        username: username.unwrap_or_else(|| Username::from_user_id(&user_id)),
        user_id,
    })
}

/// The rule that was broken, by the name that the client knows.
fn renamed(mut error: DecodeError, from: &str, to: &str) -> DecodeError {
    if let Some(rule) = error.reply.message.strip_prefix(&format!("{from}: ")) {
        error.reply.message = format!("{to}: {rule}");
    }
    error
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn user(id: &str, name: &str) -> User {
        User {
            user_id: id.try_into().unwrap(),
            username: name.try_into().unwrap(),
        }
    }

    #[test]
    fn a_message_is_by_whom_it_names_and_else_by_who_joined() {
        let alice = user("u1", "alice");
        for (data, joined, by) in [
            (json!({}), Some(&alice), None),
            (json!({"userId": "u1"}), Some(&alice), None),
            (json!({"userId": "u1", "username": "alice"}), Some(&alice), None),
            (
                json!({"userId": "u1", "username": "al"}),
                Some(&alice),
                Some(user("u1", "al")),
            ),
            (json!({"username": "al"}), Some(&alice), Some(user("u1", "al"))),
            (json!({"userId": "u2"}), Some(&alice), Some(user("u2", "u2"))),
            (
                json!({"userId": "u2", "username": "bob"}),
                None,
                Some(user("u2", "bob")),
            ),
            (json!({"username": "bob"}), None, None),
            (json!({"userId": null, "username": null}), Some(&alice), None),
        ] {
            assert_eq!(author(&data, joined).unwrap(), by, "{data} {joined:?}");
        }
        assert!(author(&json!({"userId": ""}), Some(&alice)).is_err());
        assert!(author(&json!({"userId": "u2", "username": " "}), None).is_err());
    }

    #[test]
    fn numbers_come_as_a_database_would_take_them() {
        for (sent, read) in [
            (json!("28520"), json!(28520)),
            (json!(" 28520 "), json!(28520)),
            (json!("028520"), json!(28520)),
            (json!(28520.0), json!(28520)),
            (json!(28520), json!(28520)),
        ] {
            let mut data = json!({"bookId": sent});
            tidy(&mut data);
            assert_eq!(data["bookId"], read);
        }
        for sent in [
            json!(""),
            json!("+1"),
            json!("-1"),
            json!("1e3"),
            json!("٣"),
            json!(1.5),
            json!(-1.0),
            json!(1e300),
        ] {
            let mut data = json!({"bookId": sent});
            tidy(&mut data);
            assert_eq!(data["bookId"], sent);
        }
        let mut data = json!({"userId": 5, "username": 7, "after": 3, "epoch": "e"});
        tidy(&mut data);
        assert_eq!(data, json!({"userId": "5", "username": "7"}));
    }

    #[test]
    fn a_post_in_a_room_not_joined_joins_it_first_and_once() {
        let (asked, mut read) = (Asked::default(), VecDeque::new());
        let call: Call<'_> =
            serde_json::from_str(r#"["chatMessage",{"bookId":"7","userId":"u1","content":"x"}]"#).unwrap();
        super::read(&call, None, &asked, &mut read);
        let [Inbound::Frame(Ok(join)), Inbound::By(author, post)] = read.make_contiguous() else {
            panic!("{read:?}")
        };
        assert!(matches!(&join.event, ClientEvent::JoinRoom(join) if join.book_id == BookId::from(7)));
        assert!(matches!(post.event, ClientEvent::Message(_)));
        assert_eq!(**author, user("u1", "u1"));
        asked.entered(BookId::from(7), Some(user("u1", "u1")));
        read.clear();
        super::read(&call, None, &asked, &mut read);
        assert!(matches!(read.make_contiguous(), [Inbound::Frame(Ok(_))]), "{read:?}");
    }

    #[test]
    fn a_post_in_a_room_that_was_left_stays_out_of_it() {
        let (asked, mut read) = (Asked::default(), VecDeque::new());
        asked.entered(BookId::from(7), Some(user("u1", "u1")));
        asked.left(BookId::from(7));
        let call: Call<'_> =
            serde_json::from_str(r#"["chatMessage",{"bookId":"7","userId":"u1","content":"x"}]"#).unwrap();
        super::read(&call, None, &asked, &mut read);
        let [
            Inbound::Frame(Ok(join)),
            Inbound::By(_, post),
            Inbound::Frame(Ok(leave)),
        ] = read.make_contiguous()
        else {
            panic!("{read:?}")
        };
        let part = |frame: &ClientFrame| asked.answered(frame.id.unwrap()).unwrap().part;
        assert_eq!(
            [part(join), part(post), part(leave)],
            [Part::Passing, Part::Post, Part::Leaving]
        );
    }

    #[test]
    fn what_is_never_answered_is_not_kept_and_what_is_asked_beyond_the_bound_is_refused() {
        let (asked, mut inbound) = (Asked::default(), VecDeque::new());
        let typing: Call<'_> = serde_json::from_str(r#"["typing",{"bookId":7,"typing":true}]"#).unwrap();
        for _ in 0..10_000 {
            super::read(&typing, None, &asked, &mut inbound);
        }
        assert!(inbound.iter().all(|one| matches!(one, Inbound::Frame(Ok(_)))));
        assert_eq!(
            &*asked.answered(Asked::typing()).unwrap().event,
            "typing",
            "a refusal names it"
        );

        inbound.clear();
        let leave: Call<'_> = serde_json::from_str(r#"["leaveRoom",{"bookId":7}]"#).unwrap();
        let served = |one: &Inbound| matches!(one, Inbound::Frame(Ok(_)));
        while inbound.back().is_none_or(served) {
            super::read(&leave, Some(1), &asked, &mut inbound);
            assert!(inbound.len() < 5_000, "there is a bound");
        }
        let Some(Inbound::Frame(Err(error))) = inbound.back() else {
            panic!("{inbound:?}")
        };
        assert_eq!(error.reply.code, ErrorCode::RateLimited);
        let Some(Inbound::Frame(Ok(first))) = inbound.front() else {
            panic!("{inbound:?}")
        };
        asked.answered(first.id.unwrap()).unwrap();
        super::read(&leave, Some(1), &asked, &mut inbound);
        assert!(inbound.back().is_some_and(served), "an answer makes room");
    }
}
