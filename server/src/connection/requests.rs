//! What a client asks for, passed on to its rooms.

mod joining;
mod refusing;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use readrealm_protocol::client::{
    Authenticate, ClientEvent, DeleteMessage, EditMessage, LeaveRoom, LoadPrevious, PostMessage, SetTyping,
};
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{ErrorReply, MessagesPage, User};
use readrealm_protocol::{BookId, ClientFrame, ClientMessageId, CloseCode, ErrorCode, MessageId};
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, timeout};

use super::limits::ConnectionLimits;
use super::session::Session;
use super::{Close, Outbox, Services};
use crate::log::PageQuery;
use crate::room::{Action, Command, ConnectionId, Deliver, Frame, RoomHandle, not_joined, unavailable};
use crate::seldom::seldom;

/// The client's side of a connection: its rooms and its budgets.
#[derive(Debug)]
pub(super) struct Requests {
    id: ConnectionId,
    peer: Option<IpAddr>,
    outbox: Arc<Outbox>,
    services: Arc<Services>,
    session: Session,
    limits: ConnectionLimits,
    rooms: FxHashMap<BookId, JoinedRoom>,
}

#[derive(Debug)]
struct JoinedRoom {
    handle: RoomHandle,
    user: Arc<User>,
}

impl Requests {
    pub(super) fn new(id: ConnectionId, peer: Option<IpAddr>, outbox: Arc<Outbox>, services: Arc<Services>) -> Self {
        let limits = ConnectionLimits::new(
            &services.limits,
            Arc::clone(&services.users),
            Arc::clone(&services.metrics),
        );
        Self {
            id,
            peer,
            session: Session::new(
                services.auth.clone(),
                Arc::clone(&outbox),
                services.limits.handshake_timeout,
                Arc::clone(&services.metrics),
            ),
            outbox,
            services,
            limits,
            rooms: FxHashMap::default(),
        }
    }

    /// Serves one frame. Its answer may come later, from its room. A post is its `author`'s where one is named and
    /// authentication is off. Returns how long the connection is to be [held back](Self::hold_back), where it is.
    pub(super) async fn serve(&mut self, frame: ClientFrame, author: Option<Arc<User>>) -> Option<Duration> {
        let ClientFrame { id, event } = frame;
        match self.act(id, event, author).await {
            Ok(()) => None,
            Err(reply) => self.refuse(id, &reply),
        }
    }

    async fn act(
        &mut self,
        id: Option<RequestId>,
        event: ClientEvent,
        author: Option<Arc<User>>,
    ) -> Result<(), ErrorReply> {
        self.services.metrics.requested(event.name());
        if !matches!(event, ClientEvent::Authenticate(_)) {
            self.session.admit()?;
        }
        // What is rare stands on the heap while it is served, or every connection would keep room for the largest of it.
        match event {
            ClientEvent::Message(post) => {
                let author = author.filter(|_| self.session.trusts());
                self.post(id, post, author).await
            }
            ClientEvent::Authenticate(authenticate) => Box::pin(self.authenticate(id, &authenticate)).await,
            ClientEvent::JoinRoom(join) => Box::pin(self.join(id, join)).await,
            ClientEvent::LeaveRoom(leave) => Box::pin(self.leave(id, &leave)).await,
            ClientEvent::EditMessage(edit) => Box::pin(self.edit(id, edit)).await,
            ClientEvent::DeleteMessage(delete) => Box::pin(self.delete(id, delete)).await,
            ClientEvent::LoadPrevious(load) => Box::pin(self.load_previous(id, &load)).await,
            ClientEvent::Typing(typing) => Box::pin(self.typing(&typing)).await,
        }
    }

    /// When the session ends, where it does so by itself.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.session.deadline()
    }

    /// Why the connection is to be closed, where its session is over.
    pub(super) fn over(&self, now: Instant) -> Option<Close> {
        // Also asked here: a peer that always has more to be read keeps the writing half from being polled.
        self.outbox.closed().or_else(|| self.session.over(now))
    }

    /// Answers a question for a sign of life.
    pub(super) fn answer(&self, payload: Bytes) {
        self.outbox.answer(payload);
    }

    /// Leaves every room, the connection having ended.
    pub(super) async fn leave_all(&mut self) {
        for (_, room) in self.rooms.drain() {
            let leave = Command::Leave {
                connection: self.id,
                dropped: true,
                id: None,
            };
            let _ = room.handle.mailbox.send(leave).await;
        }
    }

    /// Takes a token: the first, or a new one, whose name, rooms and rights count from then on.
    async fn authenticate(&mut self, id: Option<RequestId>, data: &Authenticate) -> Result<(), ErrorReply> {
        let before = self.session.known_as();
        if before.is_some() {
            self.limits.page()?;
        }
        let mut answer = self.session.authenticate(&data.token)?;
        answer.left_rooms = self.leave_closed_rooms().await;
        if let Some((user, moderator)) = self.session.known_as().filter(|known| before.as_ref() != Some(known)) {
            for room in self.rooms.values() {
                let identify = Command::Identify {
                    connection: self.id,
                    user: Arc::clone(&user),
                    moderator,
                };
                // A room that ended knows nobody.
                let _ = room.handle.mailbox.send(identify).await;
            }
        }
        self.outbox.deliver(Frame::answer("authenticated", id, &answer));
        Ok(())
    }

    /// Leaves the rooms that the token does not open, and returns them: they tell this connection nothing more.
    async fn leave_closed_rooms(&mut self) -> Vec<BookId> {
        let joined = self.rooms.keys().copied();
        let mut closed: Vec<_> = joined.filter(|&book| !self.session.opens(book)).collect();
        closed.sort_unstable();
        for &book in &closed {
            let (reply, left) = oneshot::channel();
            let connection = self.id;
            if let Ok(mailbox) = self.exit(None, book).await
                && mailbox.send(Command::Position { connection, reply }).await.is_ok()
            {
                // Answered once it has left.
                let _ = left.await;
            }
        }
        closed
    }

    async fn leave(&mut self, id: Option<RequestId>, leave: &LeaveRoom) -> Result<(), ErrorReply> {
        self.exit(id, leave.book_id).await.map(drop)
    }

    /// The room is forgotten once it has been told: until then the end of the connection must find it here.
    async fn exit(&mut self, id: Option<RequestId>, book: BookId) -> Result<mpsc::Sender<Command>, ErrorReply> {
        let mailbox = self.room(book)?.handle.mailbox.clone();
        let leave = Command::Leave {
            connection: self.id,
            dropped: false,
            id,
        };
        let told = mailbox.send(leave).await;
        self.rooms.remove(&book);
        told.map(|()| mailbox).map_err(|_| unavailable())
    }

    async fn post(
        &mut self,
        id: Option<RequestId>,
        post: PostMessage,
        author: Option<Arc<User>>,
    ) -> Result<(), ErrorReply> {
        let action = Action::Post {
            content: post.content,
            key: post.client_message_id.clone(),
        };
        self.append(id, post.book_id, post.client_message_id, action, author)
            .await
    }

    async fn edit(&mut self, id: Option<RequestId>, edit: EditMessage) -> Result<(), ErrorReply> {
        let place = within(edit.book_id, edit.message_id)?.place;
        let action = Action::Edit {
            place,
            content: edit.content,
        };
        self.append(id, edit.book_id, edit.client_message_id, action, None)
            .await
    }

    async fn delete(&mut self, id: Option<RequestId>, delete: DeleteMessage) -> Result<(), ErrorReply> {
        let place = within(delete.book_id, delete.message_id)?.place;
        let action = Action::Delete { place };
        self.append(id, delete.book_id, delete.client_message_id, action, None)
            .await
    }

    async fn append(
        &mut self,
        id: Option<RequestId>,
        book: BookId,
        key: Option<ClientMessageId>,
        action: Action,
        author: Option<Arc<User>>,
    ) -> Result<(), ErrorReply> {
        let room = self.room(book)?;
        self.limits.message(&author.as_ref().unwrap_or(&room.user).user_id)?;
        let outbox = Arc::clone(&self.outbox) as Arc<dyn Deliver>;
        let command = Command::Append {
            connection: self.id,
            outbox,
            id,
            key,
            action,
            author,
        };
        room.handle.mailbox.send(command).await.map_err(|_| unavailable())
    }

    /// Read here and not in the room: a slow read keeps this connection's next request waiting, and nobody else's.
    async fn load_previous(&mut self, id: Option<RequestId>, load: &LoadPrevious) -> Result<(), ErrorReply> {
        let book = load.book_id;
        let room = self.room(book)?;
        self.limits.page()?;
        let (reply, position) = oneshot::channel();
        let command = Command::Position {
            connection: self.id,
            reply,
        };
        room.handle.mailbox.send(command).await.map_err(|_| unavailable())?;
        let at = position
            .await
            .map_err(|_| unavailable())?
            .ok_or_else(|| not_joined(book))?;
        let query = PageQuery {
            before: Some(load.before),
            at: Some(at),
            limit: load.limit.get(),
        };
        let page = self.services.log.read_page(book, query).await.map_err(|error| {
            seldom!(warn, %book, %error, "a page could not be read; this is told once a minute");
            unavailable()
        })?;
        let page = MessagesPage {
            book_id: book,
            seq: page.seq,
            messages: page.messages,
            has_more: page.has_more,
        };
        self.outbox.deliver(Frame::answer("messagesPage", id, &page));
        self.written().await;
        Ok(())
    }

    async fn typing(&mut self, set: &SetTyping) -> Result<(), ErrorReply> {
        let mailbox = self.room(set.book_id)?.handle.mailbox.clone();
        if !self.limits.typing(Instant::now().into_std()) {
            return Ok(());
        }
        let command = Command::Typing {
            connection: self.id,
            typing: set.typing,
        };
        mailbox.send(command).await.map_err(|_| unavailable())
    }

    /// Waits until what is owed is written. The peer's pongs are not read meanwhile, so the wait itself is what shows
    /// that it is there: one that takes nothing for as long as it may be silent is let go.
    async fn written(&self) {
        let patience = self.services.limits.idle_timeout;
        if patience.is_zero() {
            self.outbox.drained().await;
        } else if timeout(patience, self.outbox.drained()).await.is_err() {
            let reason = "an answer was not taken; resume by seq";
            self.outbox.close(Close::new(CloseCode::SlowConsumer, reason));
        }
    }

    fn room(&self, book: BookId) -> Result<&JoinedRoom, ErrorReply> {
        self.rooms.get(&book).ok_or_else(|| not_joined(book))
    }
}

fn within(book: BookId, message: MessageId) -> Result<MessageId, ErrorReply> {
    let own = message.book_id == book;
    own.then_some(message)
        .ok_or_else(|| ErrorReply::new(ErrorCode::InvalidData, "messageId is not one of this room"))
}
