//! In a room, a moderator changes the messages of others, as long as the connection says so.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::time::Instant;

use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::{ServerFrame, User};
use readrealm_protocol::{BookId, ClientMessageId, Content, ErrorCode, Seq, ServerEvent, Timestamp, codec};
use readrealm_server::cluster::Alone;
use readrealm_server::hub::Hub;
use readrealm_server::log::event::Payload;
use readrealm_server::log::memory::MemoryLog;
use readrealm_server::log::{Appender, EventLog, Head, ReadLimit};
use readrealm_server::room::actor::Services;
use readrealm_server::room::ambient::System;
use readrealm_server::room::pending::{Next, Pending};
use readrealm_server::room::request::{Refusal, Request};
use readrealm_server::room::{Action, Command, ConnectionId, Deliver, Frame, Member, RoomHandle};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

const BOOK: u32 = 84;

fn user(name: &str) -> Arc<User> {
    Arc::new(User {
        user_id: name.try_into().unwrap(),
        username: name.try_into().unwrap(),
    })
}

fn words(text: &str) -> Content {
    text.try_into().unwrap()
}

fn edit(text: &str) -> Action {
    Action::Edit {
        place: Seq::from(1),
        content: words(text),
    }
}

struct Ear(mpsc::UnboundedSender<Frame>);

impl Deliver for Ear {
    fn deliver(&self, frame: Frame) {
        let _ = self.0.send(frame);
    }
}

/// A connection in the room.
struct Reader {
    connection: ConnectionId,
    room: RoomHandle,
    outbox: Arc<dyn Deliver>,
    heard: mpsc::UnboundedReceiver<Frame>,
    requests: u32,
}

impl Reader {
    async fn join(hub: &Hub, number: u64, name: &str) -> Self {
        let (ear, heard) = mpsc::unbounded_channel();
        let (room, connection) = (hub.room(BookId::from(BOOK)), ConnectionId(number));
        let outbox: Arc<dyn Deliver> = Arc::new(Ear(ear));
        let (reply, joined) = oneshot::channel();
        let member = Member {
            connection,
            user: user(name),
            moderator: false,
            outbox: Arc::clone(&outbox),
        };
        let command = Command::Join {
            member,
            id: None,
            standing: None,
            reply,
        };
        room.mailbox.send(command).await.unwrap();
        joined.await.unwrap();
        Self {
            connection,
            room,
            outbox,
            heard,
            requests: 0,
        }
    }

    async fn identify(&self, name: &str, moderator: bool) {
        let command = Command::Identify {
            connection: self.connection,
            user: user(name),
            moderator,
        };
        self.room.mailbox.send(command).await.unwrap();
    }

    /// Asks, and waits for the answer: how it was refused, where it was.
    async fn ask(&mut self, action: Action) -> Result<(), ErrorCode> {
        self.requests += 1;
        let id = Some(RequestId::from(self.requests));
        let command = Command::Append {
            connection: self.connection,
            outbox: Arc::clone(&self.outbox),
            id,
            key: None,
            action,
            author: None,
        };
        self.room.mailbox.send(command).await.unwrap();
        loop {
            let frame = self.next().await;
            match frame.event {
                ServerEvent::Error(reply) if frame.id == id => return Err(reply.code),
                _ if frame.id == id => return Ok(()),
                _ => {}
            }
        }
    }

    async fn next(&mut self) -> ServerFrame {
        let frame = self.heard.recv().await.unwrap();
        codec::decode_server(std::str::from_utf8(frame.bytes()).unwrap()).unwrap()
    }
}

#[tokio::test]
async fn a_member_moderates_from_the_moment_the_room_is_told_until_it_is_told_otherwise() {
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::new());
    let tasks = TaskTracker::new();
    let services = Services {
        log: Arc::clone(&log),
        appender: Appender::spawn(Arc::clone(&log), &tasks, Arc::default()),
        cluster: Arc::new(Alone),
        ambient: Arc::new(System),
        metrics: Arc::default(),
    };
    let hub = Hub::new(services, tasks);
    let mut ann = Reader::join(&hub, 1, "ann").await;
    let mut maud = Reader::join(&hub, 2, "maud").await;
    let post = Action::Post {
        content: words("mine"),
        key: None,
    };
    assert_eq!(ann.ask(post).await, Ok(()));
    assert_eq!(maud.ask(edit("yours")).await, Err(ErrorCode::Forbidden));
    maud.identify("maud", true).await;
    assert_eq!(maud.ask(edit("better")).await, Ok(()));
    assert_eq!(ann.ask(edit("mine again")).await, Ok(()));
    maud.identify("maud", false).await;
    let delete = || Action::Delete { place: Seq::from(1) };
    assert_eq!(maud.ask(delete()).await, Err(ErrorCode::Forbidden));
    maud.identify("maud", true).await;
    assert_eq!(maud.ask(delete()).await, Ok(()));
    assert_eq!(ann.ask(edit("back?")).await, Err(ErrorCode::MessageNotFound));

    let limit = ReadLimit {
        events: 10,
        bytes: 100_000,
    };
    let events = log.read_forward(BOOK.into(), Seq::ZERO, limit).await.unwrap();
    let by: Vec<_> = events.iter().map(|event| event.by.as_str()).collect();
    assert_eq!(by, ["ann", "maud", "ann", "maud"], "the log knows who did it");
    let Payload::Edited(edited) = &events[1].payload else {
        panic!("{events:?}")
    };
    assert_eq!(edited.user_id.as_str(), "ann", "the message stays its author's");
}

#[test]
fn a_repeat_with_more_rights_is_judged_by_them() {
    let book = BookId::from(BOOK);
    let key = ClientMessageId::try_from("k").unwrap();
    let at = Timestamp::from_millis(5);
    let posted = Request::new(
        book,
        user("ann"),
        None,
        Action::Post {
            content: words("mine"),
            key: None,
        },
    );
    let posted = posted.posted(book, Seq::from(1), at).unwrap();
    let ask = |moderator| Request::new(book, user("maud"), Some(&key), edit("better")).by_moderator(moderator);
    assert_eq!(ask(false).changed(&posted, Seq::from(2), at), Err(Refusal::Forbidden));

    let (mut pending, now) = (Pending::default(), Instant::now());
    for (waiter, moderator) in [(1, false), (2, true), (3, false)] {
        pending.push(ask(moderator), waiter, now).unwrap();
    }
    let head = Head { seq: Seq::from(1), at };
    assert!(matches!(pending.next(book, head, at), Some(Next::Read(..))));
    let refused = pending.number_changes(head, at, &[Seq::from(1)], vec![posted], vec![]);
    assert!(refused.is_empty(), "{refused:?}");
    let Some(Next::Append(events)) = pending.next(book, head, at) else {
        panic!("nothing to append")
    };
    assert_eq!((events.len(), events[0].by.as_str()), (1, "maud"));
}
