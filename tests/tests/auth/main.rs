//! Who may do what: by tokens, over real sockets.
#![allow(clippy::unwrap_used, reason = "tests")]

mod http;
mod keys;
mod moderators;
mod refresh;
mod refused;
mod revoked;
mod served;

const BOOK: u32 = 28520;
