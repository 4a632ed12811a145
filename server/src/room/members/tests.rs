//! Who is told what, in how many goes.

use std::sync::Mutex;

use readrealm_protocol::{UserId, Username};

use super::super::ambient::System;
use super::*;
use crate::cluster::Alone;

/// Remembers what it is asked, each time with the texts of the frames.
#[derive(Debug, Default)]
struct Queue(Mutex<Vec<(&'static str, Vec<String>)>>);

impl Queue {
    fn note(&self, what: &'static str, frames: &[Frame]) {
        let texts = frames.iter().map(|frame| frame.text().to_owned()).collect();
        self.0.lock().unwrap().push((what, texts));
    }

    fn asked(&self) -> Vec<(&'static str, usize)> {
        let asked = std::mem::take(&mut *self.0.lock().unwrap());
        asked.into_iter().map(|(what, texts)| (what, texts.len())).collect()
    }
}

impl Deliver for Queue {
    fn deliver(&self, frame: Frame) {
        self.note("deliver", &[frame]);
    }

    fn tell(&self, frames: &[Frame]) -> Told {
        self.note("tell", frames);
        Told::Written(Written::of(frames))
    }

    fn queue(&self, frames: &[Frame]) -> bool {
        self.note("queue", frames);
        true
    }

    fn flush(&self) -> Written {
        self.note("flush", &[]);
        Written::default()
    }
}

/// A room of so many connections of one user, who are told nothing of each other.
fn room(count: u64) -> (Members, Vec<Arc<Queue>>) {
    let mut members = Members::new(BookId::from(1_u32), Arc::new(System), Arc::new(Alone), Arc::default());
    let user = Arc::new(User {
        user_id: UserId::try_from("ann").unwrap(),
        username: Username::try_from("Ann").unwrap(),
    });
    let queues: Vec<_> = (0..count).map(|_| Arc::new(Queue::default())).collect();
    for (connection, queue) in (1..).zip(&queues) {
        let member = Member {
            connection: ConnectionId(connection),
            user: Arc::clone(&user),
            moderator: false,
            outbox: Arc::clone(queue) as Arc<dyn Deliver>,
        };
        members.enter(member, Instant::now());
    }
    (members, queues)
}

fn frame(number: u32) -> Frame {
    Frame::event("t", &number)
}

fn answer(queue: &Arc<Queue>, number: u32) -> Answer {
    Answer {
        outbox: Arc::clone(queue) as Arc<dyn Deliver>,
        frame: frame(number),
    }
}

#[test]
fn what_a_room_has_told_is_written_also_where_it_ends_in_the_middle_of_a_turn() {
    let (mut members, queues) = room(1);
    members.broadcast(&[]);
    members.broadcast(&[frame(1)]);
    drop(members);
    let asked = [("queue", 1), ("flush", 0)];
    assert_eq!(
        queues[0].asked(),
        asked,
        "asked for once, and only where there is something"
    );
}

#[test]
fn a_room_of_a_few_tells_each_once_answers_behind_what_happened() {
    let (mut members, queues) = room(3);
    let stranger = Arc::new(Queue::default());
    let answers = vec![answer(&queues[1], 7), answer(&stranger, 8), answer(&queues[1], 9)];
    members.broadcast_with(&[frame(1), frame(2)], answers);
    members.flush();
    let told = queues[1].0.lock().unwrap().clone();
    let texts = [1, 2, 7, 9].map(|number| frame(number).text().to_owned()).to_vec();
    assert_eq!(told, [("tell", texts)]);
    assert_eq!(queues[0].asked(), [("tell", 2)]);
    assert_eq!(queues[2].asked(), [("tell", 2)]);
    assert_eq!(stranger.asked(), [("deliver", 1)], "no member any more");
    members.broadcast_with(&[], vec![answer(&queues[0], 3)]);
    assert_eq!(queues[0].asked(), [("deliver", 1)]);
}

#[tokio::test]
async fn a_larger_room_queues_and_has_others_write() {
    let (mut members, queues) = room(AT_ONCE as u64 + 1);
    members.broadcast_with(&[frame(1)], vec![answer(&queues[1], 7)]);
    assert_eq!(queues[0].asked(), [("queue", 1)]);
    assert_eq!(queues[1].asked(), [("queue", 1), ("deliver", 1)]);
    members.flush();
    tokio::task::yield_now().await;
    assert!(queues.iter().all(|queue| queue.asked().last() == Some(&("flush", 0))));
}
