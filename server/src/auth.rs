//! Who is this, and what may they join?

use std::sync::Arc;

use readrealm_protocol::client::JoinRoom;
use readrealm_protocol::server::{ErrorReply, User};
use readrealm_protocol::{ErrorCode, Username};

/// How users are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Auth {
    /// Off: whoever connects is who they say, per room.
    Claimed,
}

impl Auth {
    /// The user who joins.
    pub fn user_of(self, join: &JoinRoom) -> Result<Arc<User>, ErrorReply> {
        let Self::Claimed = self;
        let user_id = join.user_id.clone().ok_or_else(|| {
            ErrorReply::new(
                ErrorCode::InvalidData,
                "joinRoom: userId is needed where authentication is off",
            )
        })?;
        let username = join
            .username
            .clone()
            .unwrap_or_else(|| Username::from_user_id(&user_id));
        Ok(Arc::new(User { user_id, username }))
    }

    /// The answer to `authenticate` where there is nothing to check a token with.
    pub fn refuse_authenticate(self) -> ErrorReply {
        ErrorReply::new(
            ErrorCode::Unsupported,
            "authentication is off on this server; name the user in joinRoom",
        )
    }
}
