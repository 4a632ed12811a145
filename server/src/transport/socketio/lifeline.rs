//! What ties a session to the socket it came by. The engine tells nobody where a WebSocket fails in its handshake or as a
//! probe, and asks such a session for no sign of life any more.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};

use engineioxide::Socket;
use engineioxide::socket::Sid;
use rustc_hash::FxHashMap;

use super::engine::Link;
use crate::transport::admission::Admitted;

/// The sessions there are, for requests that name theirs.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<FxHashMap<Sid, Weak<Socket<Link>>>>);

impl Sessions {
    /// The one of that name.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Socket<Link>>> {
        let sid: Sid = name.parse().ok()?;
        let sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.get(&sid)?.upgrade()
    }

    pub(super) fn add(&self, socket: &Arc<Socket<Link>>) {
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.insert(socket.id, Arc::downgrade(socket));
    }

    pub(super) fn remove(&self, sid: Sid) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&sid);
    }
}

/// What a session is opened with. It is kept, and so is the session's place, as long as that lasts and its WebSocket is listened to.
#[derive(Debug)]
pub(super) struct Opening {
    admitted: Admitted,
    /// What the query shows.
    token: Mutex<Option<String>>,
    /// What came of it.
    session: OnceLock<Weak<Socket<Link>>>,
}

impl Opening {
    pub(super) fn new(admitted: Admitted, token: Option<&str>) -> Self {
        Self {
            admitted,
            token: Mutex::new(token.map(str::to_owned)),
            session: OnceLock::new(),
        }
    }

    /// Where the client is.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.admitted.address()
    }

    /// The token, which is not kept.
    pub(super) fn take_token(&self) -> Option<String> {
        self.token.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// There is a session.
    pub(super) fn begin(&self, socket: &Arc<Socket<Link>>) {
        let _ = self.session.set(Arc::downgrade(socket));
    }
}

/// What a WebSocket is for.
#[derive(Debug)]
pub(super) enum Purpose {
    /// It opens a session.
    Opening(Arc<Opening>),
    /// It is to take over from long-polling.
    Probe(Weak<Socket<Link>>),
}

/// Held by a WebSocket that the engine has: where that is let go, so is its session.
#[derive(Debug)]
pub(super) struct Lifeline(pub(super) Purpose);

impl Lifeline {
    /// The peer gave a sign of life.
    pub(super) fn heard(&self) {
        if let Some(socket) = self.0.session() {
            socket.data.heard();
        }
    }
}

impl Purpose {
    /// What the session was opened with; `None` where that has ended.
    pub(super) fn opening(&self) -> Option<Arc<Opening>> {
        match self {
            Self::Opening(opening) => Some(Arc::clone(opening)),
            Self::Probe(socket) => socket.upgrade()?.req_parts.extensions.get().cloned(),
        }
    }

    /// The session, where there is one.
    pub(super) fn session(&self) -> Option<Arc<Socket<Link>>> {
        match self {
            Self::Opening(opening) => opening.session.get()?.upgrade(),
            Self::Probe(socket) => socket.upgrade(),
        }
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        // Where a probe never took over, the engine goes on waiting for it, and the client is told nothing.
        if let Some(socket) = self.0.session() {
            socket.data.end();
            socket.data.let_go.notify_one();
        }
    }
}
