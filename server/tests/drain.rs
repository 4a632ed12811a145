//! A room that is let go of still does what it was asked.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::{Arc, Mutex};

use readrealm_protocol::server::User;
use readrealm_protocol::{BookId, Content};
use readrealm_server::cluster::Alone;
use readrealm_server::hub::Hub;
use readrealm_server::log::open::{StoreUrl, open};
use readrealm_server::log::{Appender, EventLog};
use readrealm_server::room::actor::Services;
use readrealm_server::room::ambient::System;
use readrealm_server::room::{Action, Command, ConnectionId, Deliver, Frame, Joined, Member};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

const POSTS: u64 = 500;

#[derive(Debug, Default)]
struct Heard(Mutex<Vec<Frame>>);

impl Deliver for Heard {
    fn deliver(&self, frame: Frame) {
        self.0.lock().unwrap().push(frame);
    }
}

#[tokio::test]
async fn what_was_asked_of_a_room_is_in_the_log_when_the_room_has_ended() {
    let store: StoreUrl = "memory:".parse().unwrap();
    let log: Arc<dyn EventLog> = open(&store).await.unwrap();
    let (rooms, writers) = (TaskTracker::new(), TaskTracker::new());
    let appender = Appender::spawn(Arc::clone(&log), &writers, Arc::default());
    let services = Services {
        log: Arc::clone(&log),
        appender,
        cluster: Arc::new(Alone),
        ambient: Arc::new(System),
        metrics: Arc::default(),
    };
    let hub = Hub::new(services, rooms.clone());
    let book = BookId::from(1);
    let heard = Arc::new(Heard::default());
    let (connection, outbox) = (ConnectionId(1), Arc::clone(&heard) as Arc<dyn Deliver>);
    let user = Arc::new(User {
        user_id: "alice".try_into().unwrap(),
        username: "alice".try_into().unwrap(),
    });

    let room = hub.room(book);
    let (reply, joined) = oneshot::channel();
    let member = Member {
        connection,
        user,
        moderator: false,
        outbox: Arc::clone(&outbox),
    };
    room.mailbox
        .send(Command::Join {
            member,
            id: None,
            standing: None,
            reply,
        })
        .await
        .unwrap();
    assert!(matches!(joined.await.unwrap(), Joined::Live));
    for n in 0..POSTS {
        let content: Content = format!("message {n}").as_str().try_into().unwrap();
        let action = Action::Post { content, key: None };
        let command = Command::Append {
            connection,
            outbox: Arc::clone(&outbox),
            id: None,
            key: None,
            action,
            author: None,
        };
        room.mailbox.send(command).await.unwrap();
    }
    // Nobody can reach it from here on.
    hub.close();
    drop(room);
    rooms.close();
    rooms.wait().await;
    assert_eq!(log.head(book).await.unwrap().seq.get(), POSTS);
    assert_eq!(heard.0.lock().unwrap().len() as u64, 1 + POSTS, "and was told");
}
