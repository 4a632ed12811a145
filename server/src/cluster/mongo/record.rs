//! The documents. A user whom a node holds in a room:
//! `{_id: "<node>/<bookId>/<userId>", node, bookId, userId, username, typing, leaving?}`, the user last in the id so that
//! no user can look like another. A node that lives: `{_id: "<node>", beats, at}`.

use std::sync::Arc;

use mongodb::bson::{Bson, Document, doc};
use readrealm_protocol::server::User;
use readrealm_protocol::{BookId, UserId};

use super::outgoing::{Held, Key};
use crate::cluster::{Elsewhere, NodeId};

/// The document's id.
pub(super) fn id(node: NodeId, key: &Key) -> String {
    format!("{node}/{}/{}", key.book, key.user)
}

/// Reads an id back.
pub(super) fn read_id(id: &str) -> Option<(NodeId, Key)> {
    let mut parts = id.splitn(3, '/');
    let node = parts.next()?.parse().ok()?;
    let book = BookId::try_from(parts.next()?.parse::<u64>().ok()?).ok()?;
    let user = UserId::try_from(parts.next()?).ok()?;
    Some((node, Key { book, user }))
}

/// The fields of a document, its id apart.
pub(super) fn fields(node: NodeId, key: &Key, held: &Held) -> Document {
    doc! {
        "node": node.to_string(),
        "bookId": integer(key.book),
        "userId": key.user.as_str(),
        "username": held.username.as_str(),
        "typing": held.typing,
    }
}

pub(super) fn integer(book: BookId) -> i64 {
    i64::try_from(book.get()).expect("at most 2^53 - 1")
}

/// Reads a document. `None` where it is none of ours, or its node is about to end.
pub(super) fn read(document: &Document) -> Option<(BookId, Elsewhere)> {
    let (node, key) = read_id(document.get_str("_id").ok()?)?;
    if is_leaving(document) {
        return None;
    }
    let username = document.get_str("username").ok()?.try_into().ok()?;
    let user = Arc::new(User {
        user_id: key.user,
        username,
    });
    let typing = typing(document).unwrap_or(false);
    Some((key.book, Elsewhere { node, user, typing }))
}

pub(super) fn is_leaving(fields: &Document) -> bool {
    fields.get_bool("leaving").unwrap_or(false)
}

/// Whether the user is writing, where the fields say so or not.
pub(super) fn typing(fields: &Document) -> Option<bool> {
    fields.get("typing").and_then(number).map(|number| number != 0)
}

pub(super) fn number(value: &Bson) -> Option<i64> {
    value.as_i64().or_else(|| value.as_i32().map(i64::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_back_whatever_the_user_is_called() {
        let node = NodeId::random();
        for user in ["ann", "a/b", "/", "1/2/3", "Ж"] {
            let key = Key {
                book: 7.into(),
                user: user.try_into().unwrap(),
            };
            assert_eq!(read_id(&id(node, &key)), Some((node, key)));
        }
        for bad in ["", "x", "x/1/ann", &format!("{node}/x/ann"), &format!("{node}/1")] {
            assert_eq!(read_id(bad), None, "{bad}");
        }
    }
}
