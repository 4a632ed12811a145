//! The page's side of a connection: one WebSocket at a time, one timer, and the handlers of both.

use std::cell::{Cell, RefCell};

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// A WebSocket, made by the facade, which hears its messages.
    #[derive(Clone)]
    pub(crate) type WebSocket;
    #[wasm_bindgen(method, setter)]
    fn set_onopen(this: &WebSocket, handler: &JsValue);
    #[wasm_bindgen(method, setter)]
    fn set_onmessage(this: &WebSocket, handler: &JsValue);
    #[wasm_bindgen(method, setter)]
    fn set_onclose(this: &WebSocket, handler: &JsValue);
    #[wasm_bindgen(method, catch)]
    fn send(this: &WebSocket, text: &str) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn close(this: &WebSocket) -> Result<(), JsValue>;

    /// Its `close` event.
    pub(crate) type SocketEvent;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn code(this: &SocketEvent) -> u16;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn reason(this: &SocketEvent) -> Option<String>;

    // Looked up at every call, so that a test's own clock counts.
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(handler: &JsValue, millis: f64) -> JsValue;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(timer: &JsValue);
    #[wasm_bindgen(js_namespace = performance)]
    pub(crate) fn now() -> f64;
    #[wasm_bindgen(js_namespace = Math)]
    pub(crate) fn random() -> f64;
}

/// The longest time a timer of the browser takes; a longer one would be over at once.
const LONGEST_TIMER_MS: f64 = 2_147_483_647.0;

/// What is called by a socket and the timer. Made once for each client: a handler is never dropped while it runs.
pub(crate) struct Handlers {
    pub(crate) open: Closure<dyn FnMut()>,
    pub(crate) close: Closure<dyn FnMut(SocketEvent)>,
    pub(crate) timer: Closure<dyn FnMut()>,
}

/// The socket and the timer there are.
pub(crate) struct Connection {
    handlers: Handlers,
    socket: RefCell<Option<WebSocket>>,
    timer: RefCell<Option<JsValue>>,
    /// When the timer is over.
    armed: Cell<Option<f64>>,
}

impl Connection {
    pub(crate) fn new(handlers: Handlers) -> Self {
        Self {
            handlers,
            socket: RefCell::new(None),
            timer: RefCell::new(None),
            armed: Cell::new(None),
        }
    }

    /// Takes `socket` into use, in place of the one there was.
    pub(crate) fn open(&self, socket: WebSocket) {
        self.close();
        socket.set_onopen(self.handlers.open.as_ref());
        socket.set_onclose(self.handlers.close.as_ref());
        self.socket.replace(Some(socket));
    }

    /// A socket that is closing takes no more; what is lost is known by its missing answer.
    pub(crate) fn send(&self, text: &str) {
        if let Some(socket) = &*self.socket.borrow() {
            let _ = socket.send(text);
        }
    }

    /// Closes the socket, and hears nothing more of it.
    pub(crate) fn close(&self) {
        if let Some(socket) = self.socket.take() {
            socket.set_onopen(&JsValue::NULL);
            socket.set_onmessage(&JsValue::NULL);
            socket.set_onclose(&JsValue::NULL);
            let _ = socket.close();
        }
    }

    /// Has the timer go off at `deadline`.
    pub(crate) fn arm(&self, deadline: Option<f64>) {
        if self.armed.replace(deadline) == deadline {
            return;
        }
        if let Some(timer) = self.timer.take() {
            clear_timeout(&timer);
        }
        if let Some(deadline) = deadline {
            // Timers count whole milliseconds and may be a fraction early.
            let millis = (deadline - now()).ceil().clamp(0.0, LONGEST_TIMER_MS);
            self.timer
                .replace(Some(set_timeout(self.handlers.timer.as_ref(), millis)));
        }
    }

    /// The timer went off.
    pub(crate) fn disarm(&self) {
        self.armed.set(None);
        self.timer.take();
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.close();
        self.arm(None);
    }
}
