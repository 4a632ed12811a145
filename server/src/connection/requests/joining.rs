//! The way into a room: with its newest state, or from where the client stands.

use std::sync::Arc;

use readrealm_protocol::client::JoinRoom;
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::limits::ROOMS_PER_CONNECTION;
use readrealm_protocol::server::ErrorReply;
use readrealm_protocol::{ErrorCode, UserId};
use tokio::sync::oneshot;

use super::{JoinedRoom, Requests};
use crate::connection::resume::{self, Whose};
use crate::room::{Command, Deliver, Frame, Joined, Member, RoomHandle, Standing, unavailable};

impl Requests {
    pub(super) async fn join(&mut self, id: Option<RequestId>, join: JoinRoom) -> Result<(), ErrorReply> {
        self.limits.join()?;
        let (user, moderator) = self.session.joins(&join)?;
        self.limits.join_of(&user.user_id)?;
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
        let member = Member {
            connection: self.id,
            user,
            moderator,
            outbox: Arc::clone(&self.outbox) as Arc<dyn Deliver>,
        };
        let mut paused = false;
        let entered = self.enter(&handle, id, join, member, known, &mut paused).await;
        if !matches!(entered, Ok(true)) {
            if known && paused {
                // It cannot stay: it has been told more than the room knows, or less than all before it.
                let _ = self.exit(None, book).await;
            } else if !known {
                self.rooms.remove(&book);
            }
        }
        entered.map(drop)
    }

    /// Whose pages this connection's are. A claimed name is anybody's to take; an address says something where addresses are bounded.
    fn whose(&self, user: &UserId) -> Whose {
        let is_claimed = self.session.trusts() && self.services.limits.max_connections_per_address > 0;
        let address = self.peer.filter(|_| is_claimed).and_then(Whose::address);
        address.unwrap_or_else(|| Whose::User(user.clone()))
    }

    /// Brings the client up to date and in. Returns whether it is; where not, it has been told why. One that was in is
    /// `paused` from the first page it was told until it is.
    async fn enter(
        &self,
        handle: &RoomHandle,
        id: Option<RequestId>,
        join: JoinRoom,
        member: Member,
        known: bool,
        paused: &mut bool,
    ) -> Result<bool, ErrorReply> {
        let book = handle.book;
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
                    let whose = self.whose(&member.user.user_id);
                    match resume::next_page(&self.services, &whose, book, from, members).await {
                        Ok((page, _turn)) => {
                            from.after = page.seq;
                            *paused = true;
                            self.outbox.deliver(Frame::answer("resumed", id, &page));
                            // The socket's pace is the pace of the reads.
                            self.written().await;
                        }
                        // It has been told nothing yet: the room's state brings it as far.
                        Err(_) if known && !*paused => standing = None,
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
}
