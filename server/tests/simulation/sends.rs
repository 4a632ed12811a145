//! What became of every post, edit and delete, over all the connections it was sent on.

use std::collections::{BTreeMap, HashMap};

use readrealm_protocol::client::ClientEvent;
use readrealm_protocol::server::{Appended, ErrorReply};
use readrealm_protocol::{BookId, ClientFrame, Content, Seq, UserId};
use readrealm_server::log::event::EventKind;
use readrealm_server::log::{EventId, Payload, StoredEvent};

use crate::checker::{Broken, Truths};

/// Every send, by the id its event has.
#[derive(Debug, Default)]
pub(crate) struct Sends(BTreeMap<String, Sent>);

/// One send.
#[derive(Debug)]
struct Sent {
    book: BookId,
    content: Option<Content>,
    /// When it was sent, each time.
    asked: Vec<usize>,
    /// When it was first acknowledged, and where.
    acked: Option<(usize, Appended)>,
    /// When it was told that nothing was written.
    unavailable: Vec<usize>,
    refused: Option<ErrorReply>,
    /// When the log took it in.
    wrote: Option<usize>,
    /// Acknowledgements that say it was the first.
    firsts: usize,
}

/// The id of what a user asks for, where it is a send.
pub(crate) fn id_of(user: &UserId, event: &ClientEvent) -> Option<(BookId, String, Option<Content>)> {
    let (book, kind, key, content) = match event {
        ClientEvent::Message(post) => (
            post.book_id,
            EventKind::Post,
            &post.client_message_id,
            Some(post.content.clone()),
        ),
        ClientEvent::EditMessage(edit) => (
            edit.book_id,
            EventKind::Edit,
            &edit.client_message_id,
            Some(edit.content.clone()),
        ),
        ClientEvent::DeleteMessage(delete) => (delete.book_id, EventKind::Delete, &delete.client_message_id, None),
        _ => return None,
    };
    let id = EventId::new(book, kind, key.as_ref(), user);
    Some((book, id.as_str().to_owned(), content))
}

impl Sends {
    pub(crate) fn asked(&mut self, tick: usize, user: &UserId, frame: &ClientFrame) {
        let Some((book, id, content)) = id_of(user, &frame.event) else {
            return;
        };
        let sent = self.0.entry(id).or_insert_with(|| Sent {
            book,
            content,
            asked: Vec::new(),
            acked: None,
            unavailable: Vec::new(),
            refused: None,
            wrote: None,
            firsts: 0,
        });
        sent.asked.push(tick);
    }

    pub(crate) fn wrote(&mut self, tick: usize, event: &StoredEvent) {
        if let Some(sent) = self.0.get_mut(event.id.as_str()) {
            sent.wrote.get_or_insert(tick);
        }
    }

    pub(crate) fn acked(&mut self, tick: usize, id: &str, ack: &Appended, broken: &mut Broken) {
        let sent = self.0.get_mut(id).unwrap();
        sent.firsts += usize::from(!ack.duplicate);
        if sent.firsts > 1 {
            broken.push(format!("I1 {id} is acknowledged twice as not a duplicate"));
        }
        if ack.duplicate && sent.asked.len() == 1 {
            broken.push(format!("I1 {id} is acknowledged as a duplicate, and was sent once"));
        }
        match &sent.acked {
            None => sent.acked = Some((tick, ack.clone())),
            Some((_, first)) => {
                if (first.seq, first.message_id, first.created_at) != (ack.seq, ack.message_id, ack.created_at) {
                    broken.push(format!("I1 {id} is acknowledged at {} and at {}", first.seq, ack.seq));
                }
            }
        }
    }

    pub(crate) fn failed(&mut self, tick: usize, id: &str, reply: &ErrorReply) {
        let sent = self.0.get_mut(id).unwrap();
        match reply.code {
            readrealm_protocol::ErrorCode::Unavailable => sent.unavailable.push(tick),
            code if code.is_retryable() || code == readrealm_protocol::ErrorCode::NotJoined => {}
            _ => sent.refused = Some(reply.clone()),
        }
    }

    /// Judges them all by the final log.
    pub(crate) fn check(&self, truths: &Truths, broken: &mut Broken) {
        let mut times: HashMap<(BookId, &Content), usize> = HashMap::new();
        for (book, truth) in truths {
            for event in &truth.events {
                if let Payload::Posted(posted) = &event.payload {
                    *times.entry((*book, &posted.content)).or_default() += 1;
                }
                if let Payload::Edited(edited) = &event.payload {
                    *times.entry((*book, &edited.content)).or_default() += 1;
                }
            }
        }
        for (id, sent) in &self.0 {
            // Contents name their keys, so none is said twice.
            let said = sent
                .content
                .as_ref()
                .and_then(|content| times.get(&(sent.book, content)));
            if said.is_some_and(|times| *times > 1) {
                broken.push(format!("I1 {id} is in the log {} times", said.unwrap()));
            }
            Self::check_one(id, sent, truths, broken);
        }
        self.check_real_time(truths, broken);
    }

    fn check_one(id: &str, sent: &Sent, truths: &Truths, broken: &mut Broken) {
        let truth = &truths[&sent.book];
        let stands = truth.of_id(id);
        if let Some((_, ack)) = &sent.acked {
            let event = truth.event(ack.seq).filter(|event| event.id.as_str() == id);
            match event {
                None => broken.push(format!(
                    "I1 {id} is acknowledged at {}, and stands at {stands:?}",
                    ack.seq
                )),
                Some(event) if (event.message_id(), event.at) != (ack.message_id, ack.created_at) => {
                    broken.push(format!(
                        "I1 {id} is another message, or of another time, than acknowledged"
                    ));
                }
                Some(_) => {}
            }
        }
        if let (Some(reply), Some(seq)) = (&sent.refused, stands) {
            broken.push(format!("I7 {id} was refused as {}, and stands at {seq}", reply.code));
        }
        for told in &sent.unavailable {
            // Only of what was sent once can a node know that nothing was written.
            let sent_before = sent.asked.iter().filter(|asked| *asked < told).count();
            let next = sent
                .asked
                .iter()
                .find(|asked| *asked > told)
                .copied()
                .unwrap_or(usize::MAX);
            if sent_before == 1 && sent.wrote.is_some_and(|wrote| wrote < next) {
                broken.push(format!(
                    "I7 {id} was called unavailable and not written, and was written"
                ));
            }
        }
    }

    /// Whatever was sent after another's ack was heard stands after it.
    fn check_real_time(&self, truths: &Truths, broken: &mut Broken) {
        let mut moments: Vec<(usize, bool, &str, &Sent)> = Vec::new();
        for (id, sent) in &self.0 {
            moments.push((sent.asked[0], false, id, sent));
            moments.extend(sent.acked.iter().map(|(tick, _)| (*tick, true, id.as_str(), sent)));
        }
        moments.sort_unstable_by_key(|(tick, ..)| *tick);
        let mut acked: BTreeMap<BookId, Seq> = BTreeMap::new();
        for (_, is_ack, id, sent) in moments {
            let highest = acked.entry(sent.book).or_insert(Seq::ZERO);
            if is_ack {
                *highest = (*highest).max(sent.acked.as_ref().unwrap().1.seq);
            } else if let Some(seq) = truths[&sent.book].of_id(id)
                && seq <= *highest
            {
                broken.push(format!(
                    "I4 {id} stands at {seq}, and was sent after {highest} was acknowledged"
                ));
            }
        }
    }
}
