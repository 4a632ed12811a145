//! The contract of [`readrealm_server::log::EventLog`], held against every engine.

pub(crate) mod append;
pub(crate) mod model;
mod mongo;
pub(crate) mod pages;
mod sqlite;
pub(crate) mod tail;
