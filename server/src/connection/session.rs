//! Who a connection belongs to, and for how long.

use std::sync::Arc;
use std::time::Duration;

use readrealm_protocol::client::JoinRoom;
use readrealm_protocol::limits::MALFORMED_FRAMES;
use readrealm_protocol::server::{Authenticated, ErrorReply, User};
use readrealm_protocol::{BookId, CloseCode, ErrorCode, Timestamp, Username};
use tokio::time::Instant;

use super::{Close, Outbox};
use crate::auth::revoked::{Holder, Holding};
use crate::auth::{self, Auth, Identity, Refused};
use crate::metrics::{Limit, Metrics, Refusal};

/// Who is at the other end.
#[derive(Debug)]
pub(super) struct Session {
    auth: Auth,
    /// Closed where the token is revoked.
    outbox: Arc<Outbox>,
    state: State,
    /// When it is over, unless it is prolonged.
    deadline: Option<Instant>,
    metrics: Arc<Metrics>,
}

#[derive(Debug)]
enum State {
    /// Authentication is off: each join says who it is.
    Claimed,
    /// No token has come, but so many other frames.
    Awaited { frames: usize },
    /// Who the token says, until it is revoked.
    Known { identity: Identity, _holding: Holding },
    /// The token was refused.
    Refused(Close),
}

impl Session {
    /// One that has `time` to show a token, where one is asked for; zero is without end.
    pub(super) fn new(auth: Auth, outbox: Arc<Outbox>, time: Duration, metrics: Arc<Metrics>) -> Self {
        let (state, deadline) = if auth.is_on() {
            (
                State::Awaited { frames: 0 },
                (!time.is_zero()).then(|| Instant::now() + time),
            )
        } else {
            (State::Claimed, None)
        };
        Self {
            auth,
            outbox,
            state,
            deadline,
            metrics,
        }
    }

    /// When [`over`](Self::over) will say so, as things stand.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.deadline
    }

    /// Why the connection is to be closed, where it is.
    pub(super) fn over(&self, now: Instant) -> Option<Close> {
        let late = self.deadline.is_some_and(|deadline| deadline <= now);
        match &self.state {
            State::Refused(close) => Some(close.clone()),
            State::Awaited { .. } if late => {
                self.metrics.refused(Refusal::Missing);
                let reason = "no token came in time; send authenticate first";
                Some(Close::new(CloseCode::Unauthorized, reason))
            }
            State::Known { .. } if late => Some(expired()),
            _ => None,
        }
    }

    /// Takes a token. A first one that is refused ends the session; a later one leaves it as it was.
    pub(super) fn authenticate(&mut self, token: &str) -> Result<Authenticated, ErrorReply> {
        let Auth::Tokens(tokens) = &self.auth else {
            let message = "authentication is off on this server; name the user in joinRoom";
            return Err(ErrorReply::new(ErrorCode::Unsupported, message));
        };
        let holder = Arc::clone(&self.outbox) as Arc<dyn Holder>;
        let verified = tokens
            .verify_for(token, &holder)
            .inspect_err(|refused| self.metrics.refused(refused.counted()));
        if let State::Known { identity: known, .. } = &self.state {
            let (identity, holding) = verified.map_err(|refused| unauthorized(&refused.to_string()))?;
            if identity.user.user_id != known.user.user_id {
                self.metrics.refused(Refusal::OtherUser);
                let message = "the token is another user's; that takes another connection";
                return Err(unauthorized(message));
            }
            return Ok(self.known(identity, holding));
        }
        match verified {
            Ok((identity, holding)) => Ok(self.known(identity, holding)),
            Err(refused) => {
                tracing::debug!(%refused, "a token was refused");
                // Who comes back with a new token is let in where the old one was too old alone.
                let code = match refused {
                    Refused::Expired => CloseCode::AuthExpired,
                    Refused::Revoked => CloseCode::Revoked,
                    _ => CloseCode::Unauthorized,
                };
                self.state = State::Refused(Close::new(code, refused.to_string()));
                Err(unauthorized(&refused.to_string()))
            }
        }
    }

    fn known(&mut self, identity: Identity, holding: Holding) -> Authenticated {
        let left = identity.expires_at.as_millis() - Timestamp::now().as_millis();
        self.deadline = Some(Instant::now() + Duration::from_millis(left.try_into().unwrap_or(0)));
        let User { user_id, username } = User::clone(&identity.user);
        let expires_at = identity.expires_at;
        self.state = State::Known {
            identity,
            _holding: holding,
        };
        Authenticated {
            user_id,
            username,
            expires_at,
            left_rooms: Vec::new(),
        }
    }

    /// Who a token says this is, and whether they are a moderator.
    pub(super) fn known_as(&self) -> Option<(Arc<User>, bool)> {
        match &self.state {
            State::Known { identity, .. } => Some((Arc::clone(&identity.user), identity.moderator)),
            _ => None,
        }
    }

    /// Whether whoever connects is who they say.
    pub(super) fn trusts(&self) -> bool {
        matches!(self.state, State::Claimed)
    }

    /// Whether a frame that shows no token is served. Before one has come such frames are counted, and too many end the session.
    pub(super) fn admit(&mut self) -> Result<(), ErrorReply> {
        match &mut self.state {
            State::Claimed | State::Known { .. } => return Ok(()),
            State::Awaited { frames } if *frames < MALFORMED_FRAMES => *frames += 1,
            State::Awaited { .. } => {
                self.metrics.limited(Limit::MalformedFrames);
                self.metrics.refused(Refusal::Missing);
                let reason = "too many frames before authenticate";
                self.state = State::Refused(Close::new(CloseCode::Unauthorized, reason));
            }
            State::Refused(_) => {}
        }
        Err(unauthorized("authenticate first"))
    }

    /// The user who joins, and whether they are a moderator there.
    pub(super) fn joins(&self, join: &JoinRoom) -> Result<(Arc<User>, bool), ErrorReply> {
        match &self.state {
            State::Known { identity, .. } if identity.rooms.contain(join.book_id) => {
                Ok((Arc::clone(&identity.user), identity.moderator))
            }
            State::Known { .. } => Err(auth::forbidden(join.book_id)),
            State::Claimed => Ok((claimed(join)?, false)),
            State::Awaited { .. } | State::Refused(_) => Err(unauthorized("authenticate first")),
        }
    }

    /// Whether the room of a book is one of the token's.
    pub(super) fn opens(&self, book: BookId) -> bool {
        match &self.state {
            State::Known { identity, .. } => identity.rooms.contain(book),
            State::Claimed => true,
            State::Awaited { .. } | State::Refused(_) => false,
        }
    }
}

/// The close of a session whose token has ended.
pub(super) fn expired() -> Close {
    let reason = "the token has expired; come back with a new one";
    Close::new(CloseCode::AuthExpired, reason)
}

fn claimed(join: &JoinRoom) -> Result<Arc<User>, ErrorReply> {
    let user_id = join.user_id.clone().ok_or_else(|| {
        let message = "joinRoom: userId is needed where authentication is off";
        ErrorReply::new(ErrorCode::InvalidData, message)
    })?;
    let username = join
        .username
        .clone()
        .unwrap_or_else(|| Username::from_user_id(&user_id));
    Ok(Arc::new(User { user_id, username }))
}

fn unauthorized(message: &str) -> ErrorReply {
    ErrorReply::new(ErrorCode::Unauthorized, message)
}
