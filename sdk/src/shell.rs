//! The client with its socket, its timer and the facade: hands in what happens, and does what is to be done.
//!
//! No borrow of the client is held while JavaScript runs, so whatever a callback does (send from within an event, leave,
//! close) is an ordinary call.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use readrealm_protocol::ids::BookId;
use wasm_bindgen::prelude::*;

use crate::border::has_panicked;
use crate::client::Client;
use crate::decode::book_id;
use crate::effect::{Effect, RoomEffect, State};
use crate::encode::id_text;
use crate::io::Options;
use crate::socket::{Connection, Handlers, SocketEvent, WebSocket, now};

#[wasm_bindgen]
extern "C" {
    /// The facade's side: `js/core.ts` says what each of these is for. None of them throws but `open`.
    pub type Host;
    #[wasm_bindgen(method, catch)]
    fn open(this: &Host) -> Result<WebSocket, JsValue>;
    #[wasm_bindgen(method)]
    fn token(this: &Host, number: u32);
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

/// The client and its surroundings.
pub(crate) struct Shell {
    pub(crate) client: RefCell<Client<JsValue>>,
    host: Host,
    connection: Connection,
    /// Whether effects are being done: a callback's own go to the end of the row.
    busy: Cell<bool>,
}

fn alive(shell: &Weak<Shell>) -> Option<Rc<Shell>> {
    shell.upgrade().filter(|_| !has_panicked())
}

impl Shell {
    pub(crate) fn new(host: Host, options: Options) -> Rc<Self> {
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
    pub(crate) fn drive(&self, input: impl FnOnce(&mut Client<JsValue>, f64)) {
        input(&mut self.client.borrow_mut(), now());
        self.run();
    }

    // Once in the module, and not in every caller.
    #[inline(never)]
    pub(crate) fn run(&self) {
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

    pub(crate) fn with_book(&self, book: f64, input: impl FnOnce(&mut Client<JsValue>, f64, BookId)) {
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
            Effect::Token(number) => host.token(number),
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
