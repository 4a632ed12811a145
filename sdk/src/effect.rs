//! What the core wants done. The shell does it in this order, and hands back what comes of it.

use readrealm_protocol::ids::{BookId, ClientMessageId, MessageId};

use crate::frame::Failure;

/// Where the connection stands.
#[derive(Debug, Clone, PartialEq)]
pub enum State {
    /// The first attempt.
    Connecting,
    /// Connected, and authenticated where that is asked for.
    Connected,
    /// Lost, or not reached yet.
    Reconnecting {
        /// Counted from 1.
        attempt: u32,
        /// Milliseconds until it is tried; 0 while it is.
        retry_in_ms: f64,
    },
    /// Over for good.
    Closed(String),
}

/// One thing to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect<V> {
    /// Open a socket, after closing the one there is.
    Open,
    /// Close the socket.
    Close,
    /// Send this text.
    Send(String),
    /// Ask the page for a token, to be handed in with this number.
    Token(u32),
    /// The connection's state is another.
    State(State),
    /// Who this is, by its token.
    Identified(V),
    /// A post was seen in its room: its key, and the message as it is on record.
    Posted(ClientMessageId, V),
    /// A change is durable: its key, and the server's answer.
    Acked(ClientMessageId, V),
    /// A change can never succeed: its key, and why.
    Refused(ClientMessageId, Failure),
    /// Something for one room.
    Room(BookId, RoomEffect<V>),
}

/// One thing that a room's subscribers or callers hear.
#[derive(Debug, Clone, PartialEq)]
pub enum RoomEffect<V> {
    /// The room is joined; who is here.
    Joined(V),
    /// Joined again, and nothing was missed.
    Resumed(V),
    /// Joined again with another state: what was missed is not told.
    Reset(V),
    /// The room refuses this client, and its changes still under way with it. What it shows it shows until it is left.
    Dropped(Failure),
    /// A message was posted.
    Message(V),
    /// A message has new words.
    Edited(V),
    /// A message was withdrawn.
    Deleted(MessageId),
    /// The name and the data of an event without a position.
    Presence(V, V),
    /// The older messages that were asked for are there.
    Page,
    /// They cannot be had.
    PageFailed(Failure),
}
