//! What a token says of its bearer.

use std::sync::Arc;

use readrealm_protocol::server::User;
use readrealm_protocol::{BookId, Timestamp};

use super::revoked::TokenId;

/// Who somebody is, what they may do, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The user.
    pub user: Arc<User>,
    /// The rooms they may be in.
    pub rooms: Rooms,
    /// Whether they may edit and delete the messages of others.
    pub moderator: bool,
    /// When all of this ends.
    pub expires_at: Timestamp,
    /// When it was said (`iat`), where that is known.
    pub issued_at: Option<Timestamp>,
    /// The id of what says it (`jti`), where it has one.
    pub token_id: Option<TokenId>,
}

/// The rooms that a token opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rooms {
    /// Every room.
    All,
    /// These, in order.
    Only(Box<[BookId]>),
}

impl Rooms {
    /// These alone.
    pub fn only(mut books: Vec<BookId>) -> Self {
        books.sort_unstable();
        books.dedup();
        Self::Only(books.into())
    }

    /// Whether the room of a book is among them.
    pub fn contain(&self, book: BookId) -> bool {
        match self {
            Self::All => true,
            Self::Only(books) => books.binary_search(&book).is_ok(),
        }
    }
}
