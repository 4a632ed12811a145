//! The promises, and whether a run kept them. It knows nothing of how clients or servers work: it reads what was said and
//! heard, and the log.
//!
//! | | promise |
//! | --- | --- |
//! | I1 | each acknowledged send is in the log exactly once, at the position acknowledged |
//! | I2 | positions of a room are 1, 2, 3… without holes, and its times never go back |
//! | I3 | what is delivered on a connection goes up by one, from the join's or the resume's position on |
//! | I4 | sends of a connection stand in their order; what was sent after another's ack stands after it |
//! | I5 | what is delivered is in the log at that position, with that content; a resume tells it as it is today |
//! | I6 | every state, page and client's history is the fold of the log |
//! | I7 | every request is answered once, or its connection ends; what is called failed is not in the log |
//! | I8 | once the faults are over, all are of one mind in time |

use std::collections::BTreeMap;

use readrealm_protocol::client::ClientEvent;
use readrealm_protocol::{BookId, UserId};

use crate::conversation::Conversation;
use crate::record::What;
use crate::sends::Sends;
use crate::truth::Truth;
use crate::world::Outcome;

/// What a run broke, each with its promise.
pub(crate) type Broken = Vec<String>;

/// The final logs of all rooms.
pub(crate) type Truths = BTreeMap<BookId, Truth>;

/// Everything that `outcome` broke.
pub(crate) fn check(outcome: &Outcome) -> Broken {
    let mut broken: Broken = outcome.behind.iter().map(|who| format!("I8 {who}")).collect();
    let truths: Truths = outcome
        .log
        .iter()
        .map(|(book, events)| (*book, Truth::new(events.clone())))
        .collect();
    for (book, truth) in &truths {
        check_log(*book, truth, &mut broken);
    }
    let mut sends = Sends::default();
    let mut open: BTreeMap<usize, Conversation> = BTreeMap::new();
    let mut users: BTreeMap<usize, UserId> = BTreeMap::new();
    for (tick, record) in outcome.records.iter().enumerate() {
        match &record.what {
            What::Connected { client, connection, .. } => {
                let name = format!("c{client}/{connection}");
                open.insert(*client, Conversation::new(name));
            }
            What::Ended { client, .. } => {
                open.remove(client);
            }
            What::Asked { client, frame, .. } => {
                if let ClientEvent::JoinRoom(join) = &frame.event {
                    users.insert(*client, join.user_id.clone().unwrap());
                }
                sends.asked(tick, &users[client], frame);
                open.get_mut(client).unwrap().asked(tick, &users[client], frame);
            }
            What::Told { client, frame, .. } => {
                let conversation = open.get_mut(client).unwrap();
                conversation.told(tick, frame, &truths, &mut sends, &mut broken);
            }
            What::Wrote { event, .. } => sends.wrote(tick, event),
            What::Note(_) => {}
        }
    }
    for conversation in open.values() {
        conversation.finish(&mut broken);
    }
    sends.check(&truths, &mut broken);
    check_histories(outcome, &truths, &mut broken);
    broken
}

fn check_log(book: BookId, truth: &Truth, broken: &mut Broken) {
    for (event, position) in truth.events.iter().zip(1_u64..) {
        if event.seq.get() != position {
            broken.push(format!("I2 room {book} has {} at position {position}", event.seq));
        }
    }
    for pair in truth.events.windows(2) {
        if pair[1].at < pair[0].at {
            broken.push(format!("I2 time goes back at {book}@{}", pair[1].seq));
        }
    }
}

fn check_histories(outcome: &Outcome, truths: &Truths, broken: &mut Broken) {
    for (client, rooms) in outcome.clients.iter().enumerate() {
        for (book, view) in rooms {
            let truth = &truths[book];
            // One that is behind is told of already.
            if view.position() != Some(truth.head()) {
                continue;
            }
            let known: Vec<_> = view.history.newest_first().collect();
            let all: Vec<_> = truth.newest_first(truth.head(), None).collect();
            if known.len() > all.len() || known != all[..known.len()] {
                broken.push(format!("I6 c{client} has another history of room {book} than the log"));
            } else if known.len() < all.len() && !view.history.has_more() {
                // The other way is allowed: what left the window may have been withdrawn since.
                let (known, all) = (known.len(), all.len());
                broken.push(format!(
                    "I6 c{client} has {known} of {all} messages of room {book}, and knows of no more"
                ));
            }
        }
    }
}
