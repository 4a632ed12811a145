//! The ReadRealm Chat server. Follow the data:
//!
//! ```text
//! socket -> transport -> connection -> room -> log -> fan-out -> room -> connection -> socket
//! ```
//!
//! | module | its one job |
//! | --- | --- |
//! | [`transport`] | a kind of socket becomes a stream of decoded frames, and takes encoded ones |
//! | [`connection`] | one socket: its order, its limits, its heartbeat, its bounded queue |
//! | [`hub`] | from a book to its room |
//! | [`room`] | one task per room owns its order, its newest history and its members |
//! | [`cluster`] | who is in a room at other nodes, brought to the rooms |
//! | [`log`] | the event log: the contract, and its engines |
//! | [`fanout`] | what other nodes append, brought to the rooms |
//! | [`http`], [`history`], [`page`] | health, reading history without a socket, the files of the page |
//! | [`revocation`], [`manage`] | what is revoked, kept beside the log; an operator's programs revoke over HTTP |
//! | [`auth`] | who is who |
//! | [`config`], [`network`] | what an operator can set |
//! | [`shutdown`], [`files`] | what the process is told by signals; how many files it may open |
//! | [`pace`], [`seldom`] | how often somebody may do something; how often the log is told of what happens all the time |
//! | [`metrics`], [`logging`] | what an operator can see: numbers, which the modules above count, and log lines |
//! | [`cli`], [`admin`], [`health`] | the command line; what an operator does to a log: verify, export, import, redact… |
//! | [`app`] | puts it all together |

#![warn(missing_docs)]

pub mod admin;
pub mod app;
pub mod auth;
pub mod cli;
pub mod cluster;
pub mod config;
pub mod connection;
pub mod fanout;
pub mod files;
pub mod health;
pub mod history;
pub mod http;
pub mod hub;
pub mod log;
pub mod logging;
pub mod manage;
pub mod metrics;
pub mod network;
pub mod pace;
pub mod page;
pub mod revocation;
pub mod room;
pub mod seldom;
pub mod shutdown;
pub mod transport;

pub use app::run;
