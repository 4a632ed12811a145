//! The wire contract of the chat, version 1: what a client and a server say to each other, and nothing else.
//!
//! No I/O and no runtime live here, so the server and the browser SDK compile the same code and cannot drift apart.
//!
//! | module | holds |
//! | --- | --- |
//! | [`ids`] | validated newtypes: an invalid value of them cannot exist |
//! | [`client`] | the events a client sends |
//! | [`server`] | the events a server sends |
//! | [`message`] | the message object and its times |
//! | [`history`] | the fold of a room's events into its history, run by server and browser alike |
//! | [`error`] | error codes and WebSocket close codes |
//! | [`limits`] | every bound of the protocol, with its unit |
//! | `codec` (feature `json`) | frames to and from their JSON text |
//!
//! # Features
//!
//! - `json` (default): serde implementations and the JSON codec.
//! - `ts`: TypeScript declarations of what a page sees of it, through `ts_rs::TS`.
//! - `std-time` (default): calendar formatting and parsing of [`message::Timestamp`].
//!
//! The SDK switches both off: the browser parses JSON itself, and passes times on as the strings they came as.

#![warn(missing_docs)]

pub mod client;
#[cfg(feature = "json")]
pub mod codec;
pub mod error;
pub mod history;
pub mod ids;
pub mod limits;
pub mod message;
pub mod server;
mod slots;
#[cfg(feature = "json")]
mod text;
#[cfg(feature = "ts")]
mod ts;

pub use client::{ClientEvent, ClientFrame};
pub use error::{CloseCode, ErrorCode};
pub use history::{Change, History};
pub use ids::{BookId, ClientMessageId, Content, Epoch, MessageId, Seq, UserId, Username};
pub use message::{Message, Timestamp};
pub use server::ServerEvent;

/// The WebSocket subprotocol of this version: accepted when offered, not required.
pub const SUBPROTOCOL: &str = "readrealm.v1";
