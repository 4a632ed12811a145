//! What the tests of the server stand on: events, logs to hold to the contract, and a MongoDB of their own.

pub(crate) mod events;
pub(crate) mod mongod;
pub(crate) mod subject;
