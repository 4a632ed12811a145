//! A server's frame as the browser's own JSON parser made it, read field by field.
//!
//! What is not as the protocol says reads as `None`, and the frame is dropped. A message that is posted or edited does not
//! come this way: the facade hands in its few numbers, which is what makes it cheap.

use js_sys::Array;
use readrealm_protocol::history::Change;
use readrealm_protocol::ids::{BookId, Epoch, MessageId, RequestId, Seq};
use wasm_bindgen::prelude::*;

use crate::frame::{Event, Failure, Frame, Incoming, Page, Replay, Snapshot};

#[wasm_bindgen]
extern "C" {
    /// Any object of a frame. Absent numbers read as `NaN`, absent booleans as `false`.
    #[derive(Clone)]
    pub(crate) type Fields;
    #[wasm_bindgen(method, getter)]
    fn event(this: &Fields) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn id(this: &Fields) -> f64;
    #[wasm_bindgen(method, getter)]
    fn seq(this: &Fields) -> f64;
    #[wasm_bindgen(method, getter)]
    fn data(this: &Fields) -> Fields;
    #[wasm_bindgen(method, getter, js_name = bookId)]
    fn book_id(this: &Fields) -> f64;
    #[wasm_bindgen(method, getter, js_name = messageId)]
    fn message_id(this: &Fields) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = userId)]
    pub(crate) fn user_id(this: &Fields) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = clientMessageId)]
    pub(crate) fn client_message_id(this: &Fields) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = expiresAt)]
    fn expires_at(this: &Fields) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn epoch(this: &Fields) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn messages(this: &Fields) -> Option<Array>;
    #[wasm_bindgen(method, getter)]
    fn events(this: &Fields) -> Option<Array>;
    #[wasm_bindgen(method, getter, js_name = hasMore)]
    fn has_more(this: &Fields) -> bool;
    #[wasm_bindgen(method, getter)]
    fn complete(this: &Fields) -> bool;
    #[wasm_bindgen(method, getter)]
    fn members(this: &Fields) -> JsValue;
    #[wasm_bindgen(method, getter)]
    fn code(this: &Fields) -> Option<String>;
    #[wasm_bindgen(method, getter)]
    fn message(this: &Fields) -> Option<String>;
    #[wasm_bindgen(method, getter, js_name = retryAfterMs)]
    fn retry_after_ms(this: &Fields) -> f64;
    #[wasm_bindgen(method, getter)]
    fn iat(this: &Fields) -> f64;
    #[wasm_bindgen(method, getter)]
    fn exp(this: &Fields) -> f64;
    #[wasm_bindgen(method, setter)]
    fn set_status(this: &Fields, status: &JsValue);

    #[wasm_bindgen(js_namespace = Date, js_name = parse)]
    fn parse_date(text: &str) -> f64;
    #[wasm_bindgen(js_namespace = Date, js_name = now)]
    fn date_now() -> f64;
    #[wasm_bindgen(catch)]
    fn atob(text: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_namespace = JSON, js_name = parse, catch)]
    fn parse_json(text: &JsValue) -> Result<Fields, JsValue>;
}

thread_local! {
    /// Made once: a text that crosses costs more than the rest of a message.
    static SENT: JsValue = "sent".into();
}

/// What that frame says.
pub(crate) fn decode(frame: &Fields) -> Option<Frame<JsValue>> {
    let data = Some(frame.data()).filter(|data| data.is_object())?;
    let name = frame.event()?;
    let event = match name.as_str() {
        "messageDeleted" => Incoming::Event(sequenced(&name, frame.seq(), &data)?),
        "userJoined" | "userLeft" | "occupancy" | "typing" => {
            Incoming::Presence(book_id(data.book_id())?, JsValue::from(&name), data.into())
        }
        "ack" => Incoming::Ack(data.into()),
        "error" => Incoming::Error(Failure {
            code: data.code()?,
            message: data.message().unwrap_or_default(),
            retry_after_ms: Some(data.retry_after_ms()).filter(|millis| *millis >= 0.0),
        }),
        "previousMessages" => Incoming::Previous(snapshot(&data, false)?),
        "resumed" => Incoming::Resumed(Replay {
            epoch: epoch(&data)?,
            seq: seq(data.seq())?,
            events: data
                .events()?
                .iter()
                .map(|event| resumed(event.unchecked_ref()))
                .collect::<Option<_>>()?,
            complete: data.complete(),
            members: data.members(),
        }),
        "messagesPage" => Incoming::Page(Page {
            seq: seq(data.seq())?,
            messages: messages(&data, false)?,
            has_more: data.has_more(),
        }),
        "authenticated" => Incoming::Authenticated {
            user_id: data.user_id()?,
            life_ms: life_ms(&data),
            user: data.into(),
        },
        _ => return None,
    };
    Some(Frame {
        id: integer(frame.id()).and_then(|id| RequestId::try_from(id).ok()),
        event,
    })
}

/// A server that names no time has the token live for ever.
fn life_ms(data: &Fields) -> f64 {
    let end = data.expires_at().map_or(f64::NAN, |text| parse_date(&text));
    if end.is_nan() { f64::INFINITY } else { end - date_now() }
}

/// The milliseconds that a JSON Web Token was made for; `None` where it does not say, or is none.
pub(crate) fn lasts_ms(token: &str) -> Option<f64> {
    // By hand: `split` and `replace` would be a fiftieth of the module.
    let (mut claims, mut dots) = (String::with_capacity(token.len()), 0);
    for byte in token.bytes() {
        match byte {
            b'.' => dots += 1,
            _ if dots != 1 => {}
            b'-' => claims.push('+'),
            b'_' => claims.push('/'),
            byte => claims.push(char::from(byte)),
        }
    }
    let claims = parse_json(&atob(&claims).ok()?)
        .ok()
        .filter(|claims| claims.is_object())?;
    Some((claims.exp() - claims.iat()) * 1_000.0).filter(|millis| *millis > 0.0)
}

/// A room's state, from the server or (`marked` already) from the page; `None` where it is none.
pub(crate) fn snapshot(data: &Fields, marked: bool) -> Option<Snapshot<JsValue>> {
    Some(Snapshot {
        epoch: epoch(data)?,
        seq: seq(data.seq())?,
        messages: messages(data, marked)?,
        has_more: data.has_more(),
        members: data.members(),
    })
}

fn resumed(frame: &Fields) -> Option<Event<JsValue>> {
    sequenced(&frame.event()?, frame.seq(), &frame.data())
}

fn sequenced(name: &str, position: f64, data: &Fields) -> Option<Event<JsValue>> {
    if name == "messageDeleted" {
        let (seq, message) = (seq(position)?, data.message_id()?.parse().ok()?);
        let change = Change::Deleted;
        return Some(Event { seq, message, change });
    }
    SENT.with(|sent| data.set_status(sent));
    written(name == "message", data.book_id(), position, data.seq(), data.into())
}

/// The event of a message posted, or edited.
pub(crate) fn written(posted: bool, book: f64, position: f64, place: f64, message: JsValue) -> Option<Event<JsValue>> {
    let id = MessageId {
        book_id: book_id(book)?,
        place: seq(place)?,
    };
    let change = if posted {
        Change::Posted(message)
    } else {
        Change::Edited(message)
    };
    Some(Event {
        seq: seq(position)?,
        message: id,
        change,
    })
}

/// The messages with their places, marked as on record.
fn messages(data: &Fields, marked: bool) -> Option<Vec<(Seq, JsValue)>> {
    let placed = |message: JsValue| {
        let fields: &Fields = Some(message.unchecked_ref()).filter(|fields: &&Fields| fields.is_object())?;
        if !marked {
            SENT.with(|sent| fields.set_status(sent));
        }
        Some((seq(fields.seq())?, message))
    };
    data.messages()?.iter().map(placed).collect()
}

fn epoch(data: &Fields) -> Option<Epoch> {
    Epoch::try_from(data.epoch()?.as_str()).ok()
}

fn seq(number: f64) -> Option<Seq> {
    Seq::try_from(integer(number)?).ok()
}

pub(crate) fn book_id(number: f64) -> Option<BookId> {
    BookId::try_from(integer(number)?).ok()
}

/// The integer that `number` is; each newtype has its own bounds.
#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked to be a whole number from 0 on"
)]
fn integer(number: f64) -> Option<u64> {
    (number >= 0.0 && number.fract() == 0.0).then_some(number as u64)
}
