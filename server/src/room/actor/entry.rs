//! How a connection enters a room: at the position it stands at, and never behind it.

use std::sync::Arc;

use readrealm_protocol::ids::RequestId;
use tokio::sync::oneshot;

use super::{Frame, Joined, Member, Room, Standing, clock, unavailable};

/// A join that waits: for the room to read on, or for the answers its connection is owed.
pub(super) struct Waiting {
    member: Member,
    id: Option<RequestId>,
    standing: Standing,
    reply: oneshot::Sender<Joined>,
}

impl Room {
    /// Lets a connection in, at once or when the room has read what the client has been told on another node. One that
    /// is in is first told what became of its sends: an ack comes after the event, which it would be paused for.
    pub(super) fn enter(
        &mut self,
        member: Member,
        id: Option<RequestId>,
        standing: Option<Standing>,
        reply: oneshot::Sender<Joined>,
    ) {
        match standing {
            Some(standing) if self.is_ahead(&standing) || self.is_owed(&member, &standing) => {
                self.behind |= self.is_ahead(&standing);
                self.waiting.push(Waiting {
                    member,
                    id,
                    standing,
                    reply,
                });
            }
            standing => self.join(member, id, standing.as_ref(), reply),
        }
    }

    /// Lets in who waited for what has come by now; where the log has no more, also who waits for more of it.
    pub(super) fn admit(&mut self, read_all: bool) {
        for waiting in std::mem::take(&mut self.waiting) {
            let is_ahead = !read_all && self.is_ahead(&waiting.standing);
            if !is_ahead && !self.is_owed(&waiting.member, &waiting.standing) {
                self.join(waiting.member, waiting.id, Some(&waiting.standing), waiting.reply);
            } else {
                self.waiting.push(waiting);
            }
        }
    }

    /// The log cannot be read: those who wait for it are told.
    pub(super) fn turn_away(&mut self) {
        for Waiting { member, id, reply, .. } in self.waiting.drain(..) {
            let answer = unavailable();
            self.services.metrics.failed(answer.code);
            member.outbox.deliver(Frame::error(id, &answer));
            let _ = reply.send(Joined::Failed);
        }
    }

    /// Whether a client has what has not come here yet.
    fn is_ahead(&self, standing: &Standing) -> bool {
        standing.epoch == *self.timeline.epoch() && standing.after > self.timeline.position()
    }

    /// Whether a member that would be paused waits for answers.
    fn is_owed(&self, member: &Member, standing: &Standing) -> bool {
        self.members.get(member.connection).is_some()
            && self.is_resumable(standing)
            && self
                .pending
                .is_awaited(|waiter| Arc::ptr_eq(&waiter.outbox, &member.outbox))
            && self.timeline.since(standing.after).is_none()
    }

    fn is_resumable(&self, standing: &Standing) -> bool {
        standing.epoch == *self.timeline.epoch() && standing.after <= self.timeline.position()
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
        let resumable = standing.filter(|standing| self.is_resumable(standing));
        let missed = resumable.map(|standing| self.timeline.since(standing.after));
        if let Some(None) = missed {
            // Live events wait until it has what was before them, also for one that is in already.
            self.members.pause(connection);
            if reply.send(Joined::Behind(self.members.listed())).is_err() {
                self.members.exit(connection, true, clock());
            }
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
