//! A page whose sockets and timers are its own, and a client in it.

use js_sys::{Array, Function, JSON, Reflect};
use readrealm_sdk::{Core, Host};
use wasm_bindgen::prelude::*;

#[wasm_bindgen(inline_js = r#"
class Socket {
  sent = []; closed = false; onopen = null; onmessage = null; onclose = null;
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.closed = true; }
}
export class Page {
  calls = []; sockets = []; act = () => {};
  constructor() {
    this.host = new Proxy(this, { get: (page, name) => name === "open" ? () => page.open() : (...args) => {
      page.calls.push([name, ...args]);
      page.act(name);
    }});
  }
  open() { this.sockets.push(new Socket()); return this.socket(); }
  socket() { return this.sockets.at(-1); }
  opened() { this.socket().onopen({}); }
  ended(code, reason) { this.socket().onclose({ code, reason }); }
  takeCalls() { return JSON.stringify(this.calls.splice(0)); }
  takeSent() { return JSON.stringify(this.socket().sent.splice(0)); }
  isLetGo(index) {
    const { onopen, onmessage, onclose, closed } = this.sockets[index];
    return closed && onopen === null && onmessage === null && onclose === null;
  }
}
const timers = new Set(), { setTimeout: set, clearTimeout: clear } = globalThis;
let last = 0;
export function watchTimers() {
  timers.clear();
  globalThis.setTimeout = (act, ms) => {
    last = ms;
    const timer = set(() => { timers.delete(timer); act(); }, ms);
    timers.add(timer);
    return timer;
  };
  globalThis.clearTimeout = (timer) => { timers.delete(timer); clear(timer); };
}
export function lastTimer() {
  return last;
}
export function timersLeft() {
  Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
  return timers.size;
}
"#)]
extern "C" {
    pub(crate) type Page;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> Page;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn host(this: &Page) -> Host;
    #[wasm_bindgen(method, setter)]
    pub(crate) fn set_act(this: &Page, act: &Function);
    #[wasm_bindgen(method)]
    pub(crate) fn opened(this: &Page);
    #[wasm_bindgen(method)]
    pub(crate) fn ended(this: &Page, code: u16, reason: &str);
    #[wasm_bindgen(method, js_name = takeCalls)]
    pub(crate) fn take_calls(this: &Page) -> String;
    #[wasm_bindgen(method, js_name = takeSent)]
    pub(crate) fn take_sent(this: &Page) -> String;
    #[wasm_bindgen(method, js_name = isLetGo)]
    pub(crate) fn is_let_go(this: &Page, index: u32) -> bool;

    #[wasm_bindgen(js_name = watchTimers)]
    pub(crate) fn watch_timers();
    #[wasm_bindgen(js_name = lastTimer)]
    pub(crate) fn last_timer() -> f64;
    #[wasm_bindgen(js_name = timersLeft)]
    pub(crate) fn timers_left() -> u32;
}

pub(crate) const PREVIOUS: &str = r#"{"event":"previousMessages","id":1,"data":{"bookId":7,"epoch":"e","seq":2,"hasMore":true,
    "messages":[{"id":"7-2","seq":2,"bookId":7,"userId":"u2","content":"two"},
                {"id":"7-1","seq":1,"bookId":7,"userId":"u2","content":"one"}],
    "members":{"count":1,"users":[{"userId":"u1","username":"alice"}]}}}"#;

pub(crate) fn core(page: &Page) -> Core {
    Core::new(page.host(), Some("u1".into()), Some("alice".into()), false, None, false)
        .unwrap_or_else(|_| panic!("valid arguments"))
}

/// Hands a frame in, as the facade does.
pub(crate) fn says(core: &Core, text: &str) {
    let Ok(frame) = JSON::parse(text) else { return };
    let field = |of: &JsValue, name: &str| Reflect::get(of, &name.into()).unwrap_or_default();
    let (event, data) = (field(&frame, "event"), field(&frame, "data"));
    if !data.is_object() {
        return;
    }
    let number = |of: &JsValue, name: &str| field(of, name).as_f64().unwrap_or(f64::NAN);
    let posted = event == "message";
    if posted || event == "messageEdited" {
        let _ = Reflect::set(&data, &"status".into(), &"sent".into());
        core.event(
            posted,
            number(&data, "bookId"),
            number(&frame, "seq"),
            number(&data, "seq"),
            data,
        );
    } else {
        core.frame(&frame);
    }
}

/// Connected, and in room 7 at position 2.
pub(crate) fn joined(page: &Page) -> Core {
    let core = core(page);
    core.connect();
    core.join(7.0, &JsValue::UNDEFINED);
    page.opened();
    assert_eq!(
        page.take_sent(),
        r#"[{"event":"joinRoom","id":1,"data":{"bookId":7,"userId":"u1","username":"alice"}}]"#
    );
    says(&core, PREVIOUS);
    assert_eq!(
        page.take_calls(),
        r#"[["moved","connecting",0,0,""],["moved","connected",0,0,""],["joined",7,{"count":1,"users":[{"userId":"u1","username":"alice"}]}]]"#
    );
    core
}

pub(crate) fn messages(core: &Core) -> Array {
    core.messages(7.0)
        .map(|messages| JsValue::from(messages).unchecked_into())
        .unwrap_or_default()
}

pub(crate) fn shown(core: &Core) -> String {
    let contents = messages(core).into_iter().map(|message| {
        let field = |name: &str| {
            Reflect::get(&message, &name.into())
                .ok()
                .and_then(|value| value.as_string())
        };
        format!(
            "{} {}",
            field("content").unwrap_or_default(),
            field("status").unwrap_or_default()
        )
    });
    contents.collect::<Vec<_>>().join(", ")
}

pub(crate) fn message(position: u32, content: &str) -> String {
    format!(
        r#"{{"event":"message","seq":{position},"data":{{"id":"7-{position}","seq":{position},"bookId":7,"userId":"u2","content":"{content}"}}}}"#
    )
}
