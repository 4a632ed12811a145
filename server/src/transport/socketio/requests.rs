//! From the events of ReadRealm's apps to requests of the protocol.
//!
//! The words differ and the rules are the same: an event is written as the frame it means, and read as any other.

use std::collections::VecDeque;

use readrealm_protocol::client::{ClientEvent, JoinRoom};
use readrealm_protocol::codec::{self, DecodeError};
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::limits::MAX_SAFE_INTEGER;
use readrealm_protocol::server::{ErrorReply, User};
use readrealm_protocol::{ClientFrame, ErrorCode, Username};
use serde_json::Value;

use super::asked::{Asked, Part, Question};
use super::packet::{Call, json as text};
use super::posts;
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
            return posts::read(
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
