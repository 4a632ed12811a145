//! What the facade calls.
//!
//! Numbers cross as `f64`, never as 64-bit integers.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::Function;
use readrealm_protocol::client::{ClientEvent, DeleteMessage, EditMessage, PageLimit, PostMessage};
use readrealm_protocol::history::History;
use readrealm_protocol::ids::{BookId, ClientMessageId, Content, Invalid, MessageId, UserId, Username};
use wasm_bindgen::prelude::*;

use crate::client::{Client, Sign};
use crate::decode::{Fields, book_id, decode, lasts_ms, snapshot, written};
use crate::io::Options;
use crate::shell::{Host, Shell};
use crate::socket::{now, random};
use crate::value::Messages;

/// Messages in a room's window, where the page does not say.
const WINDOW: u32 = 500;

/// Events of a gap that are replayed, where the page does not want all of them; a page of them holds no more than half.
const REPLAYED: usize = 1_000;

thread_local! {
    static HEARS_PANICS: RefCell<Option<Function>> = const { RefCell::new(None) };
    /// From then on no handler comes in here: what it would find is broken.
    static PANICKED: Cell<bool> = const { Cell::new(false) };
}

/// Has `hear` called with what went wrong when this module fails in a way it cannot go on from.
#[wasm_bindgen(js_name = onPanic)]
pub fn on_panic(hear: Function) {
    HEARS_PANICS.set(Some(hear));
    std::panic::set_hook(Box::new(|info| {
        PANICKED.set(true);
        if let Some(hear) = HEARS_PANICS.take() {
            let place = info.location().map_or("", |place| place.file());
            let _ = hear.call1(&JsValue::NULL, &place.into());
        }
    }));
}

pub(crate) fn has_panicked() -> bool {
    PANICKED.get()
}

/// One client.
#[wasm_bindgen]
#[allow(missing_debug_implementations, reason = "a handle of the facade's")]
pub struct Core(Rc<Shell>);

#[wasm_bindgen]
impl Core {
    /// A client that has not begun. Throws the text of what is wrong with the arguments.
    #[wasm_bindgen(constructor)]
    pub fn new(
        host: Host,
        user_id: Option<String>,
        username: Option<String>,
        authenticates: bool,
        window: Option<u32>,
        replays_all: bool,
    ) -> Result<Core, JsValue> {
        let user_id = user_id
            .map(|text| UserId::try_from(text.as_str()))
            .transpose()
            .map_err(|error| text(&error))?;
        let username = username
            .map(|text| Username::try_from(text.as_str()))
            .transpose()
            .map_err(|error| text(&error))?;
        let window = window.unwrap_or(WINDOW) as usize;
        let options = Options {
            user_id,
            username,
            authenticates,
            window,
            replayed: if replays_all { usize::MAX } else { REPLAYED },
            random,
        };
        Ok(Self(Shell::new(host, options)))
    }

    /// Begins.
    pub fn connect(&self) {
        self.0.drive(Client::connect);
    }

    /// A frame came, but for those of [`event`](Self::event).
    pub fn frame(&self, frame: &JsValue) {
        if let Some(frame) = decode(frame.unchecked_ref::<Fields>()) {
            self.0.drive(|client, now| client.frame(now, frame));
        }
    }

    /// A message was posted, or edited: in which room, at which position, at which place.
    pub fn event(&self, posted: bool, book: f64, position: f64, place: f64, message: JsValue) {
        if let Some(event) = written(posted, book, position, place, message) {
            self.0.client.borrow_mut().event(now, event);
            self.0.run();
        }
    }

    /// The token that was asked for as `number`.
    pub fn token(&self, number: u32, token: String) {
        let lasts = lasts_ms(&token);
        self.0.drive(|client, now| client.token(now, number, token, lasts));
    }

    /// There is no token for `number`.
    #[wasm_bindgen(js_name = tokenFailed)]
    pub fn token_failed(&self, number: u32) {
        self.0.drive(|client, now| client.token_failed(now, number));
    }

    /// The page woke, by a sign that `wake.ts` counts.
    pub fn wake(&self, sign: u8) {
        let sign = match sign {
            0 => Sign::Awake,
            1 => Sign::Slept,
            _ => Sign::Offline,
        };
        self.0.drive(|client, now| client.wake(now, sign));
    }

    /// Leaves every room, and closes for good.
    pub fn close(&self) {
        self.0.drive(|client, _| client.close());
    }

    /// Enters a room, from the state `state` on where that is an object with one.
    pub fn join(&self, book: f64, state: &JsValue) {
        let state = state
            .is_object()
            .then(|| snapshot(state.unchecked_ref(), true))
            .flatten();
        self.0
            .with_book(book, |client, now, book| client.join(now, book, state));
    }

    /// Leaves a room.
    pub fn leave(&self, book: f64) {
        self.0.with_book(book, Client::leave);
    }

    /// Takes back what was sent under that key.
    pub fn withdraw(&self, book: f64, key: &str) {
        if let Ok(key) = ClientMessageId::try_from(key) {
            self.0
                .with_book(book, |client, now, book| client.withdraw(now, book, &key));
        }
    }

    /// Takes back what was sent under that key where it has not gone out; returns whether it never goes out.
    #[wasm_bindgen(js_name = takeBack)]
    pub fn take_back(&self, book: f64, key: &str) -> bool {
        let (Some(book), Ok(key)) = (book_id(book), ClientMessageId::try_from(key)) else {
            return true;
        };
        self.0.client.borrow_mut().take_back(book, &key)
    }

    /// Posts `content`, gives the message of that id `content` as its new words, or withdraws it where there is none.
    /// `tried` says that an earlier page may have sent it. Returns what is wrong with the arguments, where something is.
    #[allow(clippy::needless_pass_by_value, reason = "so an optional text crosses")]
    pub fn send(
        &self,
        book: f64,
        key: &str,
        message_id: Option<String>,
        content: Option<String>,
        tried: bool,
    ) -> Option<&'static str> {
        let book = book_id(book)?;
        match change(book, key, message_id.as_deref(), content.as_deref()) {
            Ok((key, event)) => self.0.drive(|client, now| client.send(now, book, key, event, tried)),
            Err(error) => return Some(error.0),
        }
        None
    }

    /// Asks for older messages of a room.
    #[wasm_bindgen(js_name = loadPrevious)]
    pub fn load_previous(&self, book: f64, limit: u32) {
        let limit = PageLimit::try_from(u64::from(limit)).unwrap_or_default();
        self.0
            .with_book(book, |client, now, book| client.load_previous(now, book, limit));
    }

    /// Tells a room that the user is writing, or has stopped. Returns whether it was sent.
    pub fn typing(&self, book: f64, typing: bool) -> bool {
        let mut sent = false;
        self.0
            .with_book(book, |client, _, book| sent = client.typing(book, typing));
        sent
    }

    /// The messages on record in the room's window, newest first: an array of the page's own.
    pub fn messages(&self, book: f64) -> Option<Messages> {
        let mut client = self.0.client.borrow_mut();
        book_id(book).and_then(|book| client.messages(book))
    }

    /// Whether the room has messages older than those.
    #[wasm_bindgen(js_name = hasMore)]
    pub fn has_more(&self, book: f64) -> bool {
        let client = self.0.client.borrow();
        book_id(book)
            .and_then(|book| client.history(book))
            .is_some_and(History::has_more)
    }
}

fn text(error: &Invalid) -> JsValue {
    error.0.into()
}

fn change(
    book_id: BookId,
    key: &str,
    message_id: Option<&str>,
    content: Option<&str>,
) -> Result<(ClientMessageId, ClientEvent), Invalid> {
    let key = ClientMessageId::try_from(key)?;
    let client_message_id = Some(key.clone());
    let message_id: Option<MessageId> = message_id.map(str::parse).transpose()?;
    if message_id.is_some_and(|id| id.book_id != book_id) {
        return Err(Invalid("messageId must be of this room"));
    }
    let content = content.map(Content::try_from).transpose()?;
    let event = match (message_id, content) {
        (None, Some(content)) => ClientEvent::Message(PostMessage {
            book_id,
            content,
            client_message_id,
        }),
        (Some(message_id), Some(content)) => ClientEvent::EditMessage(EditMessage {
            book_id,
            message_id,
            content,
            client_message_id,
        }),
        (Some(message_id), None) => ClientEvent::DeleteMessage(DeleteMessage {
            book_id,
            message_id,
            client_message_id,
        }),
        (None, None) => return Err(Invalid("there is nothing to send")),
    };
    Ok((key, event))
}
