//! What a client asks for, passed on to its rooms.

use std::sync::Arc;
use std::time::Instant;

use readrealm_protocol::client::{
    ClientEvent, DeleteMessage, EditMessage, JoinRoom, LeaveRoom, LoadPrevious, PostMessage, SetTyping,
};
use readrealm_protocol::codec::DecodeError;
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::limits::ROOMS_PER_CONNECTION;
use readrealm_protocol::server::{ErrorReply, MessagesPage, User};
use readrealm_protocol::{BookId, ClientFrame, ClientMessageId, CloseCode, ErrorCode, MessageId};
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::limits::ConnectionLimits;
use super::{Close, Outbox, Services, resume};
use crate::log::PageQuery;
use crate::room::{
    Action, Command, ConnectionId, Deliver, Frame, Joined, Member, RoomHandle, Standing, not_joined, unavailable,
};

/// The client's side of a connection: its rooms and its budgets.
#[derive(Debug)]
pub(super) struct Requests {
    id: ConnectionId,
    outbox: Arc<Outbox>,
    services: Arc<Services>,
    limits: ConnectionLimits,
    rooms: FxHashMap<BookId, JoinedRoom>,
}

#[derive(Debug)]
struct JoinedRoom {
    handle: RoomHandle,
    user: Arc<User>,
}

impl Requests {
    pub(super) fn new(id: ConnectionId, outbox: Arc<Outbox>, services: Arc<Services>) -> Self {
        let limits = ConnectionLimits::new(&services.limits, Arc::clone(&services.users));
        Self {
            id,
            outbox,
            services,
            limits,
            rooms: FxHashMap::default(),
        }
    }

    /// Serves one frame. Its answer may come later, from its room.
    pub(super) async fn serve(&mut self, frame: ClientFrame) {
        let ClientFrame { id, event } = frame;
        let served = match event {
            ClientEvent::JoinRoom(join) => self.join(id, join).await,
            ClientEvent::LeaveRoom(leave) => self.leave(id, &leave).await,
            ClientEvent::Message(post) => self.post(id, post).await,
            ClientEvent::EditMessage(edit) => self.edit(id, edit).await,
            ClientEvent::DeleteMessage(delete) => self.delete(id, delete).await,
            ClientEvent::LoadPrevious(load) => self.load_previous(id, &load).await,
            ClientEvent::Typing(typing) => self.typing(&typing).await,
            ClientEvent::Authenticate(_) => Err(self.services.auth.refuse_authenticate()),
        };
        if let Err(reply) = served {
            self.outbox.deliver(Frame::error(id, &reply));
        }
    }

    /// Answers a frame that could not be read. Returns `false` where the client has sent too many of them.
    pub(super) fn refuse(&mut self, error: &DecodeError, now: Instant) -> bool {
        if error.is_malformed() && !self.limits.malformed(now) {
            return false;
        }
        self.outbox.deliver(Frame::error(error.id, &error.reply));
        true
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

    async fn join(&mut self, id: Option<RequestId>, join: JoinRoom) -> Result<(), ErrorReply> {
        self.limits.join()?;
        let user = self.services.auth.user_of(&join)?;
        let book = join.book_id;
        if !self.rooms.contains_key(&book) && self.rooms.len() >= ROOMS_PER_CONNECTION {
            let message = format!("a connection may be in {ROOMS_PER_CONNECTION} rooms; leave one first");
            return Err(ErrorReply::new(ErrorCode::TooManyRooms, message));
        }
        let handle = self.services.hub.room(book);
        let room = JoinedRoom {
            handle: handle.clone(),
            user: Arc::clone(&user),
        };
        // Before it is in: should the connection end meanwhile, it leaves all the same.
        let known = self.rooms.contains_key(&book);
        self.rooms.entry(book).or_insert(room);
        let entered = self.enter(&handle, id, join, user, known).await;
        if !known && !matches!(entered, Ok(true)) {
            self.rooms.remove(&book);
        }
        entered.map(drop)
    }

    /// Brings the client up to date and in. Returns whether it is; where not, it has been told why.
    async fn enter(
        &self,
        handle: &RoomHandle,
        id: Option<RequestId>,
        join: JoinRoom,
        user: Arc<User>,
        known: bool,
    ) -> Result<bool, ErrorReply> {
        let book = handle.book;
        let outbox = Arc::clone(&self.outbox) as Arc<dyn Deliver>;
        let member = Member {
            connection: self.id,
            user,
            outbox,
        };
        let mut standing = join
            .after
            .zip(join.epoch)
            .map(|(after, epoch)| Standing { after, epoch });
        loop {
            let (reply, joined) = oneshot::channel();
            let command = Command::Join {
                member: member.clone(),
                id,
                standing: standing.clone(),
                reply,
            };
            handle.mailbox.send(command).await.map_err(|_| unavailable())?;
            match (joined.await.map_err(|_| unavailable())?, &mut standing) {
                (Joined::Behind(members), Some(from)) => {
                    match resume::next_page(&self.services, book, from, members).await {
                        Ok((page, _turn)) => {
                            from.after = page.seq;
                            self.outbox.deliver(Frame::answer("resumed", id, &page));
                            // The socket's pace is the pace of the reads.
                            self.written().await;
                        }
                        // A member is told nothing until it is brought forward or given the state anew.
                        Err(_) if known => standing = None,
                        Err(reply) => return Err(reply),
                    }
                }
                (Joined::Live, _) => {
                    // Large states, asked for all at once, are written one by one.
                    self.written().await;
                    return Ok(true);
                }
                (Joined::Failed | Joined::Behind(_), _) => return Ok(false),
            }
        }
    }

    async fn leave(&mut self, id: Option<RequestId>, leave: &LeaveRoom) -> Result<(), ErrorReply> {
        let room = self
            .rooms
            .remove(&leave.book_id)
            .ok_or_else(|| not_joined(leave.book_id))?;
        let command = Command::Leave {
            connection: self.id,
            dropped: false,
            id,
        };
        room.handle.mailbox.send(command).await.map_err(|_| unavailable())
    }

    async fn post(&mut self, id: Option<RequestId>, post: PostMessage) -> Result<(), ErrorReply> {
        let action = Action::Post {
            content: post.content,
            key: post.client_message_id.clone(),
        };
        self.append(id, post.book_id, post.client_message_id, action).await
    }

    async fn edit(&mut self, id: Option<RequestId>, edit: EditMessage) -> Result<(), ErrorReply> {
        let place = within(edit.book_id, edit.message_id)?.place;
        let action = Action::Edit {
            place,
            content: edit.content,
        };
        self.append(id, edit.book_id, edit.client_message_id, action).await
    }

    async fn delete(&mut self, id: Option<RequestId>, delete: DeleteMessage) -> Result<(), ErrorReply> {
        let place = within(delete.book_id, delete.message_id)?.place;
        self.append(id, delete.book_id, delete.client_message_id, Action::Delete { place })
            .await
    }

    async fn append(
        &mut self,
        id: Option<RequestId>,
        book: BookId,
        key: Option<ClientMessageId>,
        action: Action,
    ) -> Result<(), ErrorReply> {
        let room = self.room(book)?;
        self.limits.message(&room.user.user_id)?;
        let outbox = Arc::clone(&self.outbox) as Arc<dyn Deliver>;
        let command = Command::Append {
            connection: self.id,
            outbox,
            id,
            key,
            action,
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
            tracing::warn!(%book, %error, "a page could not be read");
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
        if !self.limits.typing(tokio::time::Instant::now().into_std()) {
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
