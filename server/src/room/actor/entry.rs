//! How a connection enters a room: at the position it stands at, and never behind it.

use std::sync::Arc;

use readrealm_protocol::ids::RequestId;
use tokio::sync::oneshot;

use super::{Frame, Joined, Member, Room, Standing, clock, unavailable};

/// A join that waits for the room to read on.
pub(super) struct Ahead {
    member: Member,
    id: Option<RequestId>,
    standing: Standing,
    reply: oneshot::Sender<Joined>,
}

impl Room {
    /// Lets a connection in, at once or when the room has read what the client has been told on another node.
    pub(super) fn enter(
        &mut self,
        member: Member,
        id: Option<RequestId>,
        standing: Option<Standing>,
        reply: oneshot::Sender<Joined>,
    ) {
        match standing {
            Some(standing) if self.is_ahead(&standing) => {
                self.behind = true;
                self.ahead.push(Ahead {
                    member,
                    id,
                    standing,
                    reply,
                });
            }
            standing => self.join(member, id, standing.as_ref(), reply),
        }
    }

    /// Lets in who waited for what has come by now, or everyone.
    pub(super) fn admit(&mut self, everyone: bool) {
        for waiting in std::mem::take(&mut self.ahead) {
            if everyone || !self.is_ahead(&waiting.standing) {
                self.join(waiting.member, waiting.id, Some(&waiting.standing), waiting.reply);
            } else {
                self.ahead.push(waiting);
            }
        }
    }

    /// The log cannot be read: those who wait for it are told.
    pub(super) fn turn_away(&mut self) {
        for Ahead { member, id, reply, .. } in self.ahead.drain(..) {
            member.outbox.deliver(Frame::error(id, &unavailable()));
            let _ = reply.send(Joined::Failed);
        }
    }

    /// Whether a client has what has not come here yet.
    fn is_ahead(&self, standing: &Standing) -> bool {
        standing.epoch == *self.timeline.epoch() && standing.after > self.timeline.position()
    }

    /// Position, state and membership are taken in one step, so that no event falls between them.
    fn join(
        &mut self,
        member: Member,
        id: Option<RequestId>,
        standing: Option<&Standing>,
        reply: oneshot::Sender<Joined>,
    ) {
        let (outbox, connection) = (Arc::clone(&member.outbox), member.connection);
        let resumable = standing
            .filter(|standing| standing.epoch == *self.timeline.epoch() && standing.after <= self.timeline.position());
        let missed = resumable.map(|standing| self.timeline.since(standing.after));
        // One that is in already hears live events: it gets the state anew instead.
        if let (Some(None), None) = (&missed, self.members.get(member.connection)) {
            let _ = reply.send(Joined::Behind(self.members.listed()));
            return;
        }
        // Entered first, so that the list of members names the one who joins; nothing is sent in between.
        self.members.enter(member, clock());
        let members = self.members.listed();
        outbox.deliver(match missed.flatten() {
            Some(events) => self.timeline.resumed(id, events, members),
            None => self.timeline.previous_messages(id, members),
        });
        if reply.send(Joined::Live).is_err() {
            // The connection ended while it waited, and will not say that it leaves.
            self.members.exit(connection, true, clock());
        }
    }
}
