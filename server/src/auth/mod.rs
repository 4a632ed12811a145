//! Who is this, and what may they do? Off until a key is set: then whoever connects is who they say. With a key, by a
//! signed token alone.

mod crypto;
pub mod identity;
pub mod keys;
pub mod mint;
pub mod revoked;
pub mod token;

use std::sync::Arc;

use readrealm_protocol::server::ErrorReply;
use readrealm_protocol::{BookId, ErrorCode};

pub use identity::{Identity, Rooms};
pub use keys::KeyError;
pub use revoked::Revoked;
pub use token::{Refused, Verifier};

use crate::config::AuthConfig;

/// How users are told apart.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Off: whoever connects is who they say, per room.
    Claimed,
    /// On: whoever connects is who their token says.
    Tokens(Arc<Verifier>),
}

impl Auth {
    /// As the operator has set it; off where no key is named.
    pub fn new(config: &AuthConfig) -> Result<Self, KeyError> {
        crypto::install();
        keys::none_is_empty(config)?;
        let Some((current, previous)) = keys::verifying(config)? else {
            return Ok(Self::Claimed);
        };
        let audience = config.auth_audience.as_deref();
        Ok(Self::Tokens(Arc::new(Verifier::new(current, previous, audience))))
    }

    /// What of its tokens is revoked; `None` where none is asked for.
    pub fn revoked(&self) -> Option<&Arc<Revoked>> {
        match self {
            Self::Claimed => None,
            Self::Tokens(tokens) => Some(tokens.revoked()),
        }
    }

    /// Whether a token is asked for.
    pub fn is_on(&self) -> bool {
        matches!(self, Self::Tokens(_))
    }
}

/// The answer to who may not be in the room of a book.
pub fn forbidden(book: BookId) -> ErrorReply {
    let message = format!("this token does not open the room of book {book}");
    ErrorReply::new(ErrorCode::Forbidden, message)
}
