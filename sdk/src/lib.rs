//! The browser SDK of the chat: one client, compiled to WebAssembly and used through the typed package in `js/`.
//!
//! ```text
//! page ─> js facade ─> border ─> client (no I/O) ─> room ─> outbox
//!                         │          │                └──> view ─> History (protocol)
//!                      socket <─ effects
//! ```
//!
//! | module | holds |
//! | --- | --- |
//! | [`client`] | the connection's state machine |
//! | `room` | one room: its position, join, pages and changes under way |
//! | `outbox` | what was sent and is not answered |
//! | [`view`] | what a room shows, as the page reads it |
//! | `requests`, `backoff` | what waits for an answer, and for its time |
//! | [`frame`], [`encode`](mod@encode) | what comes in, what goes out |
//! | [`effect`] | what is to be done |
//! | `border`, `shell`, `decode`, `value`, `socket` (wasm32) | the page's side of it |
//!
//! Everything but the last row compiles anywhere and is tested natively, against a scripted server.

#![warn(missing_docs)]

mod backoff;
#[cfg(target_arch = "wasm32")]
mod border;
pub mod client;
#[cfg(target_arch = "wasm32")]
mod decode;
pub mod effect;
pub mod encode;
pub mod frame;
mod io;
mod outbox;
mod requests;
mod room;
#[cfg(target_arch = "wasm32")]
mod shell;
#[cfg(target_arch = "wasm32")]
mod socket;
#[cfg(target_arch = "wasm32")]
mod value;
pub mod view;

#[cfg(target_arch = "wasm32")]
pub use border::{Core, on_panic};
pub use client::Client;
pub use io::Options;
#[cfg(target_arch = "wasm32")]
pub use shell::Host;

/// Half the size of the standard one, which was a tenth of the module.
#[cfg(target_arch = "wasm32")]
#[global_allocator]
static ALLOCATOR: talc::wasm::WasmDynamicTalc = talc::wasm::new_wasm_dynamic_allocator();
