//! The seam between a kind of socket and a connection: a stream of decoded frames in, encoded frames out.

pub mod admission;
pub mod origin;
pub mod request_id;
pub mod socketio;
pub mod websocket;
