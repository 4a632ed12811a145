//! From the frames of the protocol to the events that ReadRealm's apps know.

use std::collections::VecDeque;

use engineioxide::Str;
use readrealm_protocol::server::Members;
use readrealm_protocol::server::{Authenticated, ErrorReply, MessagesPage, PreviousMessages, User, UserMoved};
use readrealm_protocol::{BookId, Epoch, ErrorCode, Seq, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::asked::{Asked, Part, Question};
use super::packet::{ack, event, json};

/// A frame of this server.
#[derive(Deserialize)]
struct Native<'a> {
    event: &'a str,
    #[serde(borrow)]
    data: &'a RawValue,
}

/// What is told unasked: the same for every client of the room.
pub(super) fn unasked(frame: &str) -> Str {
    let Some(Native { event: name, data }) = read(frame) else {
        return Str::default();
    };
    match name {
        "message" => event("newMessage", &message(data)),
        "messageEdited" => event(name, &message(data)),
        "messageDeleted" => event(name, &deleted(data)),
        "error" => event("exception", &exception(data, None)),
        _ => event(name, data.get()),
    }
}

/// What one client is answered: an event, its callback called, or both.
pub(super) fn answer(frame: &str, question: Option<Question>, asked: &Asked, into: &mut VecDeque<Str>) {
    let Some(Native { event: name, data }) = read(frame) else {
        return;
    };
    if name == "error" {
        // As today: a callback is called when what was asked is done, and not where it is refused.
        return into.extend(refused(data, question.as_ref(), asked));
    }
    if let Some(Part::Passing | Part::Leaving) = question.as_ref().map(|question| &question.part) {
        return;
    }
    let callback = question.as_ref().and_then(|question| question.ack);
    let done = match name {
        "previousMessages" => {
            let joins = match question.map(|question| question.part) {
                Some(Part::Join(user) | Part::Entering(user)) => user,
                _ => None,
            };
            entered(data, joins, asked, into)
        }
        "messagesPage" => {
            let page = page(data);
            into.push_back(event(name, &page));
            Some(page)
        }
        "authenticated" => {
            if let Ok(answer) = serde_json::from_str::<Authenticated>(data.get()) {
                let Authenticated { user_id, username, .. } = answer;
                asked.known(User { user_id, username });
                answer.left_rooms.into_iter().for_each(|book| asked.left(book));
            }
            into.push_back(event(name, data.get()));
            Some(data.get().to_owned())
        }
        _ => Some(data.get().to_owned()),
    };
    into.extend(callback.zip(done).map(|(id, done)| ack(id, &done)));
}

/// A refusal, once for what the app asked.
fn refused(data: &RawValue, question: Option<&Question>, asked: &Asked) -> Option<Str> {
    match question.map(|question| &question.part) {
        Some(Part::Entering(_) | Part::Passing) => {
            if let Ok(why) = serde_json::from_str(data.get()) {
                asked.refuse(why);
            }
            None
        }
        Some(Part::Leaving) => None,
        Some(Part::Post) if let Some(why) = asked.refused() => Some(event("exception", &refusal(&why, question))),
        _ => Some(event("exception", &exception(data, question))),
    }
}

/// Why the server ends a connection, in the same shape as any other refusal.
pub(super) fn ending(code: ErrorCode, why: &str) -> Str {
    event("exception", &refusal(&ErrorReply::new(code, why), None))
}

fn read(frame: &str) -> Option<Native<'_>> {
    serde_json::from_str(frame).ok()
}

/// The history, as the bare array that the apps know; and that the joiner is in, which it hears itself.
fn entered(data: &RawValue, joins: Option<User>, asked: &Asked, into: &mut VecDeque<Str>) -> Option<String> {
    let state: PreviousMessages<&RawValue> = serde_json::from_str(data.get()).ok()?;
    into.push_back(event("previousMessages", &messages(&state.messages)));
    if let Some(user) = asked.entered(state.book_id, joins) {
        let moved = UserMoved {
            book_id: state.book_id,
            user_id: user.user_id,
            username: user.username,
            timestamp: Timestamp::now(),
        };
        into.push_back(event("userJoined", &json(&moved)));
    }
    Some(json(&Entered {
        book_id: state.book_id,
        epoch: state.epoch,
        seq: state.seq,
        has_more: state.has_more,
        members: state.members,
    }))
}

/// What `previousMessages` has beside the messages, for which the array has no place.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entered {
    book_id: BookId,
    epoch: Epoch,
    seq: Seq,
    has_more: bool,
    members: Members,
}

fn page(data: &RawValue) -> String {
    let Ok(page) = serde_json::from_str::<MessagesPage<&RawValue>>(data.get()) else {
        return data.get().to_owned();
    };
    let messages = RawValue::from_string(messages(&page.messages)).ok();
    json(&Page {
        book_id: page.book_id,
        seq: page.seq,
        messages,
        has_more: page.has_more,
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    book_id: BookId,
    seq: Seq,
    messages: Option<Box<RawValue>>,
    has_more: bool,
}

fn messages(messages: &[&RawValue]) -> String {
    let objects: Vec<_> = messages.iter().map(|one| message(one)).collect();
    format!("[{}]", objects.join(","))
}

/// A message object as Mongoose gives it out: the same fields, and `_id` and `__v`.
fn message(object: &RawValue) -> String {
    #[derive(Deserialize)]
    struct Named<'a> {
        id: &'a str,
    }

    match serde_json::from_str::<Named<'_>>(object.get()) {
        Ok(Named { id }) => with(&["{\"_id\":\"", id, "\",\"__v\":0,"], object),
        Err(_) => object.get().to_owned(),
    }
}

fn deleted(object: &RawValue) -> String {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named<'a> {
        message_id: &'a str,
    }

    match serde_json::from_str::<Named<'_>>(object.get()) {
        Ok(Named { message_id }) => with(&["{\"_id\":\"", message_id, "\","], object),
        Err(_) => object.get().to_owned(),
    }
}

/// The object with more fields in front. None of those here is empty.
fn with(fields: &[&str], object: &RawValue) -> String {
    let rest = object.get().strip_prefix('{').unwrap_or_default();
    [&fields.concat(), rest].concat()
}

fn exception(error: &RawValue, question: Option<&Question>) -> String {
    match serde_json::from_str::<ErrorReply>(error.get()) {
        Ok(reply) => refusal(&reply, question),
        Err(_) => error.get().to_owned(),
    }
}

/// As `BaseWsExceptionFilter` of NestJS answers, and the code and the time to wait beside it.
fn refusal(reply: &ErrorReply, question: Option<&Question>) -> String {
    #[derive(Serialize)]
    struct Exception<'a> {
        status: &'static str,
        #[serde(flatten)]
        reply: &'a ErrorReply,
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<Cause<'a>>,
    }

    #[derive(Serialize)]
    struct Cause<'a> {
        pattern: &'a str,
    }

    json(&Exception {
        status: "error",
        reply,
        cause: question.map(|question| Cause {
            pattern: &question.event,
        }),
    })
}
