//! A server of one process without I/O: it keeps a log per room, and reads and writes real frames.

use std::collections::BTreeMap;

use readrealm_protocol::client::{ClientEvent, JoinRoom, LoadPrevious};
use readrealm_protocol::codec::{decode_client, encode_server};
use readrealm_protocol::error::ErrorCode;
use readrealm_protocol::history::{Change, History};
use readrealm_protocol::ids::{BookId, ClientMessageId, Content, Epoch, MessageId, RequestId, Seq, UserId, Username};
use readrealm_protocol::message::{Message, Timestamp};
use readrealm_protocol::server::{
    Ack, Appended, Authenticated, ErrorReply, Members, MessageDeleted, MessagesPage, PreviousMessages, Resumed,
    SequencedFrame, ServerEvent, ServerFrame, User,
};

use readrealm_sdk::frame::Snapshot;

use crate::page::Val;

/// Events in a page of `resumed`: few, so that short logs make many pages.
const RESUME_PAGE: usize = 4;

pub(crate) const ME: &str = "me";

#[derive(Debug, Clone)]
pub(crate) struct Stored {
    pub(crate) message: Message,
    pub(crate) kind: Kind,
    /// Who did it, under which key.
    pub(crate) key: Option<(String, ClientMessageId)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Posted,
    Edited,
    Deleted,
}

#[derive(Debug)]
pub(crate) struct Server {
    pub(crate) epoch: u32,
    pub(crate) logs: BTreeMap<BookId, Vec<Stored>>,
    /// Rooms the one connection is in.
    joined: Vec<BookId>,
    /// Frames on their way to the client.
    pub(crate) out: Vec<String>,
    /// Answers to so many of the next requests are refusals.
    pub(crate) refusals: Vec<ErrorCode>,
    /// So many of the next joins are refused for good.
    pub(crate) refused_joins: usize,
    /// Whether a connection must begin with a token…
    pub(crate) wants_tokens: bool,
    /// …and this one has.
    authenticated: bool,
}

impl Server {
    pub(crate) fn new() -> Self {
        Self {
            epoch: 1,
            logs: BTreeMap::new(),
            joined: Vec::new(),
            out: Vec::new(),
            refusals: Vec::new(),
            refused_joins: 0,
            wants_tokens: false,
            authenticated: false,
        }
    }

    pub(crate) fn disconnect(&mut self) {
        self.joined.clear();
        self.out.clear();
        self.authenticated = false;
    }

    /// Another log: what clients know is of no meaning any more.
    pub(crate) fn restore(&mut self) {
        self.epoch += 1;
        for log in self.logs.values_mut() {
            log.truncate(log.len() / 2);
        }
    }

    pub(crate) fn serve(&mut self, text: &str) {
        let frame = decode_client(text).expect("the client writes what the protocol reads");
        let is_token = matches!(frame.event, ClientEvent::Authenticate(_));
        assert!(
            is_token || self.authenticated || !self.wants_tokens,
            "before the token: {text}"
        );
        if let (Some(id), Some(code)) = (frame.id, self.refusals.pop()) {
            let reply = ErrorReply::retry_after(code, "not now", 700);
            return self.send(Some(id), None, ServerEvent::Error(reply));
        }
        match frame.event {
            ClientEvent::JoinRoom(join) if self.refused_joins > 0 => {
                self.refused_joins -= 1;
                self.joined.retain(|book| *book != join.book_id);
                self.refuse(frame.id, ErrorCode::Forbidden);
            }
            ClientEvent::JoinRoom(join) => self.join(frame.id, &join),
            ClientEvent::LeaveRoom(leave) => self.joined.retain(|book| *book != leave.book_id),
            ClientEvent::LoadPrevious(page) => self.page(frame.id, &page),
            ClientEvent::Message(post) => {
                let place = self.position(post.book_id).next();
                let key = post.client_message_id;
                self.append(frame.id, post.book_id, place, Some(post.content), Kind::Posted, key, ME);
            }
            ClientEvent::EditMessage(edit) => {
                let (id, key) = (edit.message_id, edit.client_message_id);
                self.append(
                    frame.id,
                    edit.book_id,
                    id.place,
                    Some(edit.content),
                    Kind::Edited,
                    key,
                    ME,
                );
            }
            ClientEvent::DeleteMessage(delete) => {
                let (id, key) = (delete.message_id, delete.client_message_id);
                self.append(frame.id, delete.book_id, id.place, None, Kind::Deleted, key, ME);
            }
            ClientEvent::Authenticate(_) => {
                self.authenticated = true;
                self.send(frame.id, None, ServerEvent::Authenticated(authenticated()));
            }
            ClientEvent::Typing(_) => {}
        }
    }

    #[allow(clippy::too_many_arguments, reason = "an event as it is")]
    pub(crate) fn append(
        &mut self,
        id: Option<RequestId>,
        book: BookId,
        place: Seq,
        content: Option<Content>,
        kind: Kind,
        key: Option<ClientMessageId>,
        user: &str,
    ) {
        if id.is_some() && !self.joined.contains(&book) {
            return self.refuse(id, ErrorCode::NotJoined);
        }
        let key = key.map(|key| (user.to_owned(), key));
        let log = self.logs.entry(book).or_default();
        if let Some(at) = log.iter().position(|event| key.is_some() && event.key == key) {
            let appended = appended(&log[at], at, true);
            return self.send(id, None, ServerEvent::Ack(Ack::Appended(appended)));
        }
        let seq = seq(log.len() + 1);
        let mut message = match kind {
            Kind::Posted => Message {
                id: MessageId { book_id: book, place },
                seq: place,
                book_id: book,
                user_id: UserId::try_from(user).expect("a user"),
                username: Username::try_from(user).expect("a name"),
                content: content.clone().expect("a post has words"),
                created_at: Timestamp::from_millis(0),
                updated_at: Timestamp::from_millis(0),
                client_message_id: key.as_ref().map(|(_, key)| key.clone()),
            },
            Kind::Edited | Kind::Deleted => match current(log, place) {
                Some(message) => message,
                None => return self.refuse(id, ErrorCode::MessageNotFound),
            },
        };
        if let Some(content) = content {
            message.content = content;
        }
        let stored = Stored { message, kind, key };
        let answer = appended(&stored, log.len(), false);
        let event = event_of(&stored);
        log.push(stored);
        if self.joined.contains(&book) {
            self.send(None, Some(seq), event);
        }
        self.send(id, None, ServerEvent::Ack(Ack::Appended(answer)));
    }

    fn join(&mut self, id: Option<RequestId>, join: &JoinRoom) {
        let book = join.book_id;
        if !self.joined.contains(&book) {
            self.joined.push(book);
        }
        let position = self.position(book);
        let known = join
            .after
            .filter(|after| join.epoch == Some(self.epoch_id()) && *after <= position);
        let members = self.members(book);
        let Some(after) = known else {
            let history = self.history(book);
            let messages: Vec<Message> = history.newest_first().take(3).cloned().collect();
            let has_more = history.len() > messages.len();
            let (book_id, epoch) = (book, self.epoch_id());
            let state = PreviousMessages {
                book_id,
                epoch,
                seq: position,
                messages,
                has_more,
                members,
            };
            return self.send(id, None, ServerEvent::PreviousMessages(state));
        };
        let log = self.logs.entry(book).or_default().clone();
        let missed: Vec<SequencedFrame> = (usize_of(after)..log.len())
            .map(|index| SequencedFrame {
                seq: seq(index + 1),
                event: resumed_event(&log, index),
            })
            .collect();
        let pages = missed.chunks(RESUME_PAGE).count().max(1);
        for page in 0..pages {
            let events: Vec<SequencedFrame> = missed
                .iter()
                .skip(page * RESUME_PAGE)
                .take(RESUME_PAGE)
                .cloned()
                .collect();
            let page = Resumed {
                book_id: book,
                epoch: self.epoch_id(),
                seq: events.last().map_or(after, |event| event.seq),
                events,
                complete: page + 1 == pages,
                members: members.clone(),
            };
            self.send(id, None, ServerEvent::Resumed(page));
        }
    }

    /// A room's state as a page has it that fetched it.
    pub(crate) fn state(&self, book: BookId) -> Snapshot<Val> {
        let history = self.history(book);
        let newest = history.newest_first().take(3);
        Snapshot {
            epoch: self.epoch_id(),
            seq: self.position(book),
            messages: newest.map(|message| (message.seq, Val::new(message))).collect(),
            has_more: history.len() > 3,
            members: Val(serde_json::Value::Null),
        }
    }

    fn page(&mut self, id: Option<RequestId>, page: &LoadPrevious) {
        let older: Vec<Message> = self
            .history(page.book_id)
            .newest_first()
            .filter(|message| message.seq < page.before)
            .cloned()
            .collect();
        let messages: Vec<Message> = older.iter().take(page.limit.get()).cloned().collect();
        let has_more = older.len() > messages.len();
        let page = MessagesPage {
            book_id: page.book_id,
            seq: self.position(page.book_id),
            messages,
            has_more,
        };
        self.send(id, None, ServerEvent::MessagesPage(page));
    }

    pub(crate) fn history(&self, book: BookId) -> History<Message> {
        let mut history = History::new(usize::MAX);
        for (index, stored) in self.logs.get(&book).into_iter().flatten().enumerate() {
            let change = match stored.kind {
                Kind::Posted => Change::Posted(stored.message.clone()),
                Kind::Edited => Change::Edited(stored.message.clone()),
                Kind::Deleted => Change::Deleted,
            };
            history.apply(stored.message.seq, seq(index + 1), change);
        }
        history
    }

    pub(crate) fn position(&self, book: BookId) -> Seq {
        seq(self.logs.get(&book).map_or(0, Vec::len))
    }

    fn epoch_id(&self) -> Epoch {
        Epoch::try_from(self.epoch.to_string().as_str()).expect("an epoch")
    }

    /// Carries to the checks what a client otherwise tells nobody: the position and the epoch of a state.
    fn members(&self, book: BookId) -> Members {
        let user = User {
            user_id: UserId::try_from(self.epoch.to_string().as_str()).expect("a user"),
            username: Username::try_from(ME).expect("a name"),
        };
        Members {
            count: usize_of(self.position(book)),
            users: vec![user],
        }
    }

    fn refuse(&mut self, id: Option<RequestId>, code: ErrorCode) {
        self.send(id, None, ServerEvent::Error(ErrorReply::new(code, "no")));
    }

    fn send(&mut self, id: Option<RequestId>, seq: Option<Seq>, event: ServerEvent) {
        // Others' requests have no number, and no answer.
        let sequenced = seq.is_some();
        if id.is_some() || sequenced {
            self.out.push(encode_server(&ServerFrame { id, seq, event }));
        }
    }
}

/// A token of twenty seconds.
fn authenticated() -> Authenticated {
    Authenticated {
        user_id: UserId::try_from(ME).expect("a user"),
        username: Username::try_from(ME).expect("a name"),
        expires_at: Timestamp::from_millis(20_000),
        left_rooms: Vec::new(),
    }
}

fn appended(stored: &Stored, index: usize, duplicate: bool) -> Appended {
    let (message_id, created_at) = (stored.message.id, stored.message.created_at);
    Appended {
        message_id,
        seq: seq(index + 1),
        created_at,
        duplicate,
    }
}

fn event_of(stored: &Stored) -> ServerEvent {
    match stored.kind {
        Kind::Posted => ServerEvent::Message(stored.message.clone()),
        Kind::Edited => ServerEvent::MessageEdited(stored.message.clone()),
        Kind::Deleted => deleted(&stored.message),
    }
}

/// As it is told to who comes later: no word that was withdrawn or replaced since.
fn resumed_event(log: &[Stored], index: usize) -> ServerEvent {
    let stored = &log[index];
    match current(log, stored.message.seq) {
        None => deleted(&stored.message),
        Some(message) => event_of(&Stored {
            message,
            ..stored.clone()
        }),
    }
}

fn deleted(message: &Message) -> ServerEvent {
    ServerEvent::MessageDeleted(MessageDeleted {
        book_id: message.book_id,
        message_id: message.id,
    })
}

/// The message at `place` as it now is; `None` where there is none, or not any more.
fn current(log: &[Stored], place: Seq) -> Option<Message> {
    let last = log.iter().rev().find(|event| event.message.seq == place)?;
    (last.kind != Kind::Deleted).then(|| last.message.clone())
}

pub(crate) fn seq(number: usize) -> Seq {
    Seq::try_from(number as u64).expect("in range")
}

pub(crate) fn usize_of(seq: Seq) -> usize {
    usize::try_from(seq.get()).expect("in range")
}
