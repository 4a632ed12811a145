//! What the facade calls, and what it is called with.
//!
//! No borrow of the client is held while JavaScript runs, so whatever a callback does (send from within an event, leave,
//! close) is an ordinary call. Numbers cross as `f64`, never as 64-bit integers.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use js_sys::{Array, Function};
use readrealm_protocol::client::{ClientEvent, DeleteMessage, EditMessage, PageLimit, PostMessage};
use readrealm_protocol::history::History;
use readrealm_protocol::ids::{BookId, ClientMessageId, Content, Invalid, MessageId, UserId, Username};
use wasm_bindgen::prelude::*;

use crate::client::Client;
use crate::decode::{Fields, book_id, decode, written};
use crate::effect::{Effect, RoomEffect, State};
use crate::encode::id_text;
use crate::io::Options;
use crate::socket::{Connection, Handlers, SocketEvent, WebSocket, now, random};

/// Messages in a room's window, where the page does not say.
const WINDOW: u32 = 500;

#[wasm_bindgen]
extern "C" {
    /// The facade's side: `js/core.ts` says what each of these is for. None of them throws but `open`.
    pub type Host;
    #[wasm_bindgen(method, catch)]
    fn open(this: &Host) -> Result<WebSocket, JsValue>;
    #[wasm_bindgen(method)]
    fn token(this: &Host, attempt: u32);
    #[wasm_bindgen(method)]
    fn moved(this: &Host, status: &str, attempt: u32, retry_in_ms: f64, reason: &str);
    #[wasm_bindgen(method)]
    fn identified(this: &Host, user: &JsValue);
    #[wasm_bindgen(method)]
    fn joined(this: &Host, book: f64, members: &JsValue);
    #[wasm_bindgen(method)]
    fn resumed(this: &Host, book: f64, members: &JsValue);
    #[wasm_bindgen(method)]
    fn reset(this: &Host, book: f64, members: &JsValue);
    #[wasm_bindgen(method)]
    fn dropped(this: &Host, book: f64, code: &str, message: &str, retry_after_ms: f64);
    #[wasm_bindgen(method)]
    fn message(this: &Host, book: f64, message: &JsValue);
    #[wasm_bindgen(method)]
    fn edited(this: &Host, book: f64, message: &JsValue);
    #[wasm_bindgen(method)]
    fn deleted(this: &Host, book: f64, message_id: &str);
    #[wasm_bindgen(method)]
    fn presence(this: &Host, book: f64, event: &JsValue, data: &JsValue);
    #[wasm_bindgen(method)]
    fn page(this: &Host, book: f64);
    #[wasm_bindgen(method, js_name = pageFailed)]
    fn page_failed(this: &Host, book: f64, code: &str, message: &str, retry_after_ms: f64);
    #[wasm_bindgen(method)]
    fn posted(this: &Host, key: &str, message: &JsValue);
    #[wasm_bindgen(method)]
    fn acked(this: &Host, key: &str, answer: &JsValue);
    #[wasm_bindgen(method)]
    fn refused(this: &Host, key: &str, code: &str, message: &str, retry_after_ms: f64);
}

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
            replays_all,
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

    /// The token that was asked for as `attempt`.
    pub fn token(&self, attempt: u32, token: String) {
        self.0.drive(|client, now| client.token(now, attempt, token));
    }

    /// There is no token for `attempt`.
    #[wasm_bindgen(js_name = tokenFailed)]
    pub fn token_failed(&self, attempt: u32) {
        self.0.drive(|client, now| client.token_failed(now, attempt));
    }

    /// The page woke, or is on a network again.
    pub fn wake(&self) {
        self.0.drive(Client::wake);
    }

    /// Leaves every room, and closes for good.
    pub fn close(&self) {
        self.0.drive(|client, _| client.close());
    }

    /// Enters a room.
    pub fn join(&self, book: f64) {
        self.0.with_book(book, Client::join);
    }

    /// Leaves a room.
    pub fn leave(&self, book: f64) {
        self.0.with_book(book, Client::leave);
    }

    /// Posts `content`, gives the message of that id `content` as its new words, or withdraws it where there is none.
    /// Returns what is wrong with the arguments, where something is.
    #[allow(clippy::needless_pass_by_value, reason = "so an optional text crosses")]
    pub fn send(
        &self,
        book: f64,
        key: &str,
        message_id: Option<String>,
        content: Option<String>,
    ) -> Option<&'static str> {
        let book = book_id(book)?;
        match change(book, key, message_id.as_deref(), content.as_deref()) {
            Ok((key, event)) => self.0.drive(|client, now| client.send(now, book, key, event)),
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

    /// Tells a room that the user is writing, or has stopped.
    pub fn typing(&self, book: f64, typing: bool) {
        self.0.with_book(book, |client, _, book| client.typing(book, typing));
    }

    /// The messages on record in the room's window, newest first.
    pub fn messages(&self, book: f64) -> Array {
        let messages = Array::new();
        let client = self.0.client.borrow();
        if let Some(history) = book_id(book).and_then(|book| client.history(book)) {
            for message in history.newest_first() {
                messages.push(message);
            }
        }
        messages
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

/// The client and its surroundings.
struct Shell {
    client: RefCell<Client<JsValue>>,
    host: Host,
    connection: Connection,
    /// Whether effects are being done: a callback's own go to the end of the row.
    busy: Cell<bool>,
}

fn alive(shell: &Weak<Shell>) -> Option<Rc<Shell>> {
    shell.upgrade().filter(|_| !PANICKED.get())
}

impl Shell {
    fn new(host: Host, options: Options) -> Rc<Self> {
        Rc::new_cyclic(|shell: &Weak<Self>| {
            let on = |act: fn(&Self)| {
                let shell = shell.clone();
                move || {
                    if let Some(shell) = alive(&shell) {
                        act(&shell);
                    }
                }
            };
            let on_event = |act: fn(&Self, &SocketEvent)| {
                let shell = shell.clone();
                move |event: SocketEvent| {
                    if let Some(shell) = alive(&shell) {
                        act(&shell, &event);
                    }
                }
            };
            let handlers = Handlers {
                open: Closure::new(on(|shell| shell.drive(Client::opened))),
                close: Closure::new(on_event(Self::closed)),
                timer: Closure::new(on(|shell| {
                    shell.connection.disarm();
                    shell.drive(Client::timer);
                })),
            };
            let client = RefCell::new(Client::new(options));
            Self {
                client,
                host,
                connection: Connection::new(handlers),
                busy: Cell::new(false),
            }
        })
    }

    fn closed(&self, event: &SocketEvent) {
        let (code, reason) = (event.code(), event.reason().unwrap_or_default());
        self.drive(|client, now| client.closed(now, code, &reason));
    }

    /// Hands something to the client, then does what it wants done.
    fn drive(&self, input: impl FnOnce(&mut Client<JsValue>, f64)) {
        input(&mut self.client.borrow_mut(), now());
        self.run();
    }

    // Once in the module, and not in every caller.
    #[inline(never)]
    fn run(&self) {
        if self.busy.replace(true) {
            return;
        }
        while let Some(effect) = self.next() {
            self.perform(effect);
        }
        self.busy.set(false);
        let deadline = self.client.borrow().deadline();
        self.connection.arm(deadline);
    }

    // The borrow must end before the effect is done.
    fn next(&self) -> Option<Effect<JsValue>> {
        self.client.borrow_mut().poll()
    }

    fn with_book(&self, book: f64, input: impl FnOnce(&mut Client<JsValue>, f64, BookId)) {
        if let Some(book) = book_id(book) {
            self.drive(|client, now| input(client, now, book));
        }
    }

    fn perform(&self, effect: Effect<JsValue>) {
        let host = &self.host;
        match effect {
            Effect::Open => match host.open() {
                Ok(socket) => self.connection.open(socket),
                Err(_) => self.client.borrow_mut().unopenable(),
            },
            Effect::Close => self.connection.close(),
            Effect::Send(text) => self.connection.send(&text),
            Effect::Token(attempt) => host.token(attempt),
            Effect::State(State::Connecting) => host.moved("connecting", 0, 0.0, ""),
            Effect::State(State::Connected) => host.moved("connected", 0, 0.0, ""),
            Effect::State(State::Reconnecting { attempt, retry_in_ms }) => {
                host.moved("reconnecting", attempt, retry_in_ms, "");
            }
            Effect::State(State::Closed(reason)) => host.moved("closed", 0, 0.0, &reason),
            Effect::Identified(user) => host.identified(&user),
            Effect::Posted(key, message) => host.posted(key.as_str(), &message),
            Effect::Acked(key, answer) => host.acked(key.as_str(), &answer),
            Effect::Refused(key, failure) => {
                host.refused(
                    key.as_str(),
                    &failure.code,
                    &failure.message,
                    number(failure.retry_after_ms),
                );
            }
            #[allow(clippy::cast_precision_loss, reason = "a book's id fits a number of JavaScript's")]
            Effect::Room(book, effect) => self.perform_in(book.get() as f64, effect),
        }
    }

    fn perform_in(&self, book: f64, effect: RoomEffect<JsValue>) {
        let host = &self.host;
        match effect {
            RoomEffect::Message(message) => host.message(book, &message),
            RoomEffect::Edited(message) => host.edited(book, &message),
            RoomEffect::Deleted(id) => host.deleted(book, &id_text(id)),
            RoomEffect::Presence(event, data) => host.presence(book, &event, &data),
            RoomEffect::Joined(members) => host.joined(book, &members),
            RoomEffect::Resumed(members) => host.resumed(book, &members),
            RoomEffect::Reset(members) => host.reset(book, &members),
            RoomEffect::Dropped(failure) => {
                host.dropped(book, &failure.code, &failure.message, number(failure.retry_after_ms));
            }
            RoomEffect::Page => host.page(book),
            RoomEffect::PageFailed(failure) => {
                host.page_failed(book, &failure.code, &failure.message, number(failure.retry_after_ms));
            }
        }
    }
}

fn number(millis: Option<f64>) -> f64 {
    millis.unwrap_or(f64::NAN)
}
