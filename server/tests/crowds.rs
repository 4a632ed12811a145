//! A node that dies with a crowd of a room costs those who are left a count, and not a frame for each who is gone.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use readrealm_protocol::server::User;
use readrealm_server::cluster::{Alone, Elsewhere, News, NodeId};
use readrealm_server::room::ambient::System;
use readrealm_server::room::members::Members;
use readrealm_server::room::{ConnectionId, Deliver, Frame, Member};

const HERE: u64 = 50;
const THERE: u64 = 9_000;

#[derive(Debug, Default)]
struct Counted(AtomicUsize);

impl Deliver for Counted {
    fn deliver(&self, _: Frame) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn user(id: &str) -> Arc<User> {
    Arc::new(User {
        user_id: id.try_into().unwrap(),
        username: id.try_into().unwrap(),
    })
}

#[test]
fn the_crowd_of_a_dead_node_is_told_as_a_count() {
    let (mut members, now) = (
        Members::new(1_u32.into(), Arc::new(System), Arc::new(Alone), Arc::default()),
        Instant::now(),
    );
    let told = Arc::new(Counted::default());
    for n in 0..HERE {
        let member = Member {
            connection: ConnectionId(n),
            user: user(&format!("here {n}")),
            moderator: false,
            outbox: Arc::clone(&told) as Arc<dyn Deliver>,
        };
        members.enter(member, now);
    }
    let node = NodeId::random();
    let elsewhere = |n| Elsewhere {
        node,
        user: user(&format!("there {n}")),
        typing: false,
    };
    members.hear(News::All((0..THERE).map(elsewhere).collect()), now);
    let before = told.0.swap(0, Ordering::Relaxed);
    assert!(before <= 50 * 50, "{before} frames for those who are here");
    members.hear(News::Dead(node), now);
    members.advance(members.deadline().expect("a count is due"));
    assert_eq!(told.0.load(Ordering::Relaxed), 50, "one `occupancy` each");
    assert_eq!(members.listed().count, 50);
}
