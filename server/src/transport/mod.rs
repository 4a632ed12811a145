//! The seam between a kind of socket and a connection: a stream of decoded frames in, encoded frames out.

pub mod admission;
mod certificate;
pub mod host;
mod linger;
pub mod listen;
pub mod origin;
mod patience;
pub mod plain;
pub mod proxies;
mod question;
pub mod request_id;
pub mod socketio;
pub mod tls;
pub mod websocket;
