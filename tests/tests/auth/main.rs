//! Who may do what: by tokens, over real sockets.
#![allow(clippy::unwrap_used, reason = "tests")]

mod bad_tokens;
mod guesses;
mod http;
mod keys;
mod many_revoked;
mod moderators;
mod reads;
mod refresh;
mod refused;
mod revoked;
mod served;
mod stronger;

const BOOK: u32 = 28520;
