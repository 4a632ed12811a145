//! What users do.

use readrealm_protocol::client::{
    ClientEvent, DeleteMessage, EditMessage, JoinRoom, LeaveRoom, LoadPrevious, PageLimit, PostMessage, SetTyping,
};
use readrealm_protocol::server::{Ack, Appended, ErrorReply, MessagesPage, PreviousMessages};
use readrealm_protocol::{Message, MessageId, ServerEvent};

use super::{Client, valid};

impl Client {
    /// Enters a room.
    pub async fn join(&mut self, book: u32) -> PreviousMessages<Message> {
        let event = self.joining(book);
        match self.ask(event).await {
            Ok(ServerEvent::PreviousMessages(state)) => state,
            other => panic!("joinRoom was answered with {other:?}"),
        }
    }

    /// The request to enter a room.
    pub fn joining(&self, book: u32) -> ClientEvent {
        let user = &*self.user;
        // A name as long as a user id may be is no username.
        let username = (user.chars().count() <= 64).then(|| valid(user));
        let (user_id, book_id) = (Some(valid(user)), book.into());
        ClientEvent::JoinRoom(JoinRoom {
            book_id,
            user_id,
            username,
            after: None,
            epoch: None,
        })
    }

    /// Leaves a room.
    pub async fn leave(&mut self, book: u32) {
        let answer = self
            .ask(ClientEvent::LeaveRoom(LeaveRoom { book_id: book.into() }))
            .await;
        assert_eq!(answer, Ok(ServerEvent::Ack(Ack::Done {})));
    }

    /// Posts, and waits until it is durable.
    pub async fn post(&mut self, book: u32, content: &str) -> Appended {
        self.try_post(book, content, None).await.expect("the post is taken")
    }

    /// Posts under a key, or without; the answer may be an error.
    pub async fn try_post(&mut self, book: u32, content: &str, key: Option<&str>) -> Result<Appended, ErrorReply> {
        self.ask(posting(book, content, key)).await.map(appended)
    }

    /// Gives a message new words.
    pub async fn edit(&mut self, book: u32, message_id: MessageId, content: &str) -> Result<Appended, ErrorReply> {
        let (book_id, content) = (book.into(), valid(content));
        self.ask(ClientEvent::EditMessage(EditMessage {
            book_id,
            message_id,
            content,
            client_message_id: None,
        }))
        .await
        .map(appended)
    }

    /// Withdraws a message.
    pub async fn delete(&mut self, book: u32, message_id: MessageId) -> Result<Appended, ErrorReply> {
        let book_id = book.into();
        self.ask(ClientEvent::DeleteMessage(DeleteMessage {
            book_id,
            message_id,
            client_message_id: None,
        }))
        .await
        .map(appended)
    }

    /// Older messages.
    pub async fn load_previous(&mut self, book: u32, before: u32, limit: Option<u64>) -> MessagesPage<Message> {
        let limit = limit.map_or_else(PageLimit::default, valid);
        match self
            .ask(ClientEvent::LoadPrevious(LoadPrevious {
                book_id: book.into(),
                before: before.into(),
                limit,
            }))
            .await
        {
            Ok(ServerEvent::MessagesPage(page)) => page,
            other => panic!("loadPrevious was answered with {other:?}"),
        }
    }

    /// Says that the user is writing, or has stopped. There is no answer.
    pub async fn set_typing(&mut self, book: u32, typing: bool) {
        self.request(ClientEvent::Typing(SetTyping {
            book_id: book.into(),
            typing,
        }))
        .await;
    }
}

/// The request to post.
pub fn posting(book: u32, content: &str, key: Option<&str>) -> ClientEvent {
    let client_message_id = key.map(valid);
    ClientEvent::Message(PostMessage {
        book_id: book.into(),
        content: valid(content),
        client_message_id,
    })
}

/// The ack of a post, an edit or a delete.
pub fn appended(event: ServerEvent) -> Appended {
    match event {
        ServerEvent::Ack(Ack::Appended(appended)) => appended,
        other => panic!("answered with {other:?}"),
    }
}
