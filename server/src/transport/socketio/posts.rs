//! A post, and what it needs before and after it.

use std::collections::VecDeque;
use std::sync::Arc;

use readrealm_protocol::client::{ClientEvent, JoinRoom, LeaveRoom};
use readrealm_protocol::codec::DecodeError;
use readrealm_protocol::ids::{Invalid, RequestId};
use readrealm_protocol::server::{ErrorReply, User};
use readrealm_protocol::{BookId, ClientFrame, ErrorCode, UserId, Username};
use serde_json::Value;

use super::asked::{Asked, Part, Question, Standing};
use crate::connection::Inbound;

/// A post. The gateway of today takes it in rooms that were not joined, too: an app that joins when a page opens, and not when
/// its connection is back, sends such, and is brought in, where it also hears its own message. One that has left says a last
/// word, and stays out.
pub(super) fn read(
    book: BookId,
    question: Question,
    id: RequestId,
    frame: Result<ClientFrame, DecodeError>,
    data: &Value,
    asked: &Asked,
    into: &mut VecDeque<Inbound>,
) {
    let standing = asked.standing(book);
    let joined = match &standing {
        Standing::In(user) => Some(user),
        Standing::Left | Standing::Out => None,
    };
    let around = |part| Question {
        event: question.event.clone(),
        ack: None,
        part,
    };
    let author = match author(data, joined) {
        Ok(author) => author,
        Err(rule) => {
            let reply = ErrorReply::new(ErrorCode::InvalidData, format!("{}: {rule}", question.event));
            asked.ask(id, question);
            return into.push_back(Inbound::Frame(Err(DecodeError { id: Some(id), reply })));
        }
    };
    match standing {
        Standing::In(_) => {}
        Standing::Left => into.push_back(join(book, author.as_ref(), around(Part::Passing), asked)),
        Standing::Out => {
            let entering = around(Part::Entering(author.clone()));
            into.push_back(join(book, author.as_ref(), entering, asked));
        }
    }
    let leaving = (standing == Standing::Left).then(|| around(Part::Leaving));
    asked.ask(id, question);
    into.push_back(by(author, frame));
    if let Some(leaving) = leaving {
        let id = asked.number();
        asked.ask(id, leaving);
        let event = ClientEvent::LeaveRoom(LeaveRoom { book_id: book });
        into.push_back(Inbound::Frame(Ok(ClientFrame { id: Some(id), event })));
    }
}

/// Whose a message says it is; `None` where it does not say so, or it is who joined.
fn author(data: &Value, joined: Option<&User>) -> Result<Option<User>, Invalid> {
    let field = |name| data.get(name).and_then(Value::as_str);
    let user_id = field("userId").map(UserId::try_from).transpose()?;
    let username = field("username").map(Username::try_from).transpose()?;
    let named = match (user_id, username, joined) {
        (Some(user_id), Some(username), _) => Some(User { user_id, username }),
        (Some(user_id), None, Some(joined)) if joined.user_id == user_id => None,
        (Some(user_id), None, _) => Some(User {
            username: Username::from_user_id(&user_id),
            user_id,
        }),
        (None, Some(username), Some(joined)) => Some(User {
            user_id: joined.user_id.clone(),
            username,
        }),
        (None, _, _) => None,
    };
    Ok(named.filter(|named| joined != Some(named)))
}

fn by(author: Option<User>, frame: Result<ClientFrame, DecodeError>) -> Inbound {
    match (author, frame) {
        (Some(author), Ok(frame)) => Inbound::By(Arc::new(author), frame),
        (_, frame) => Inbound::Frame(frame),
    }
}

fn join(book: BookId, user: Option<&User>, question: Question, asked: &Asked) -> Inbound {
    let id = asked.number();
    asked.ask(id, question);
    let event = ClientEvent::JoinRoom(JoinRoom {
        book_id: book,
        user_id: user.map(|user| user.user_id.clone()),
        username: user.map(|user| user.username.clone()),
        after: None,
        epoch: None,
    });
    Inbound::Frame(Ok(ClientFrame { id: Some(id), event }))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::packet::Call;
    use super::super::requests;
    use super::*;

    fn user(id: &str, name: &str) -> User {
        User {
            user_id: id.try_into().unwrap(),
            username: name.try_into().unwrap(),
        }
    }

    #[test]
    fn a_message_is_by_whom_it_names_and_else_by_who_joined() {
        let alice = user("u1", "alice");
        for (data, joined, by) in [
            (json!({}), Some(&alice), None),
            (json!({"userId": "u1"}), Some(&alice), None),
            (json!({"userId": "u1", "username": "alice"}), Some(&alice), None),
            (
                json!({"userId": "u1", "username": "al"}),
                Some(&alice),
                Some(user("u1", "al")),
            ),
            (json!({"username": "al"}), Some(&alice), Some(user("u1", "al"))),
            (json!({"userId": "u2"}), Some(&alice), Some(user("u2", "u2"))),
            (
                json!({"userId": "u2", "username": "bob"}),
                None,
                Some(user("u2", "bob")),
            ),
            (json!({"username": "bob"}), None, None),
            (json!({"userId": null, "username": null}), Some(&alice), None),
        ] {
            assert_eq!(author(&data, joined).unwrap(), by, "{data} {joined:?}");
        }
        assert!(author(&json!({"userId": ""}), Some(&alice)).is_err());
        assert!(author(&json!({"userId": "u2", "username": " "}), None).is_err());
    }

    #[test]
    fn a_post_in_a_room_not_joined_joins_it_first_and_once() {
        let (asked, mut read) = (Asked::default(), VecDeque::new());
        let call: Call<'_> =
            serde_json::from_str(r#"["chatMessage",{"bookId":"7","userId":"u1","content":"x"}]"#).unwrap();
        requests::read(&call, None, &asked, &mut read);
        let [Inbound::Frame(Ok(join)), Inbound::By(author, post)] = read.make_contiguous() else {
            panic!("{read:?}")
        };
        assert!(matches!(&join.event, ClientEvent::JoinRoom(join) if join.book_id == BookId::from(7)));
        assert!(matches!(post.event, ClientEvent::Message(_)));
        assert_eq!(**author, user("u1", "u1"));
        asked.entered(BookId::from(7), Some(user("u1", "u1")));
        read.clear();
        requests::read(&call, None, &asked, &mut read);
        assert!(matches!(read.make_contiguous(), [Inbound::Frame(Ok(_))]), "{read:?}");
    }

    #[test]
    fn a_post_in_a_room_that_was_left_stays_out_of_it() {
        let (asked, mut read) = (Asked::default(), VecDeque::new());
        asked.entered(BookId::from(7), Some(user("u1", "u1")));
        asked.left(BookId::from(7));
        let call: Call<'_> =
            serde_json::from_str(r#"["chatMessage",{"bookId":"7","userId":"u1","content":"x"}]"#).unwrap();
        requests::read(&call, None, &asked, &mut read);
        let [
            Inbound::Frame(Ok(join)),
            Inbound::By(_, post),
            Inbound::Frame(Ok(leave)),
        ] = read.make_contiguous()
        else {
            panic!("{read:?}")
        };
        let part = |frame: &ClientFrame| asked.answered(frame.id.unwrap()).unwrap().part;
        assert_eq!(
            [part(join), part(post), part(leave)],
            [Part::Passing, Part::Post, Part::Leaving]
        );
    }
}
