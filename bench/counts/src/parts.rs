//! The parts of a message's way, each alone.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use readrealm_protocol::codec::{self, decode_client};
use readrealm_protocol::{Change, Epoch, History, Seq, ServerEvent, server::ServerFrame};
use readrealm_server::cluster::Alone;
use readrealm_server::config::Limits;
use readrealm_server::connection::limits::ConnectionLimits;
use readrealm_server::connection::{Line, Outbox, Sent, UserLimits};
use readrealm_server::room::ambient::System;
use readrealm_server::room::gate::Gate;
use readrealm_server::room::members::Members;
use readrealm_server::room::timeline::Timeline;
use readrealm_server::room::{ConnectionId, Deliver, Frame, Member};

use tokio::runtime::Builder;

use crate::samples::{CROWD, book, event, message, page, post, seq, user};
use crate::{Benchmark, count, each};

/// The parts, in the order a message meets them.
pub(crate) const ALL: &[Benchmark] = &[
    ("decode", decode),
    ("rate-limit-1000", rate_limit),
    ("gate-1000", gate),
    ("gate-out-of-order-1000", gate_out_of_order),
    ("fold-1000", fold),
    ("fold-out-of-order-1000", fold_out_of_order),
    ("encode", encode),
    ("apply", apply),
    ("deliver-to-1000", deliver_to_1000),
    ("write-to-1000", write_to_1000),
    ("join-hot", join_hot),
];

/// A client's post is read.
fn decode() {
    count(&*post(1_234), |text| decode_client(text).expect("a frame"));
}

/// A message is written, as every member is told it.
fn encode() {
    let frame = ServerFrame {
        id: None,
        seq: Some(seq(1_234)),
        event: ServerEvent::Message(message(1_234)),
    };
    count(&frame, codec::encode_server);
}

/// A thousand events become a window of a hundred messages.
fn fold() {
    count(changes(), folded);
}

/// The same, each two of them in the wrong order.
fn fold_out_of_order() {
    let mut changes = changes();
    for pair in changes.chunks_exact_mut(2) {
        pair.swap(0, 1);
    }
    count(changes, folded);
}

/// Of ten events eight are posts, one an edit and one a withdrawal.
fn changes() -> Vec<(Seq, Seq, Change<u64>)> {
    let change = |at: u64| match at % 10 {
        8 => (seq(at - 4), seq(at), Change::Edited(at)),
        9 => (seq(at - 6), seq(at), Change::Deleted),
        _ => (seq(at), seq(at), Change::Posted(at)),
    };
    (1..=1_000).map(change).collect()
}

fn folded(changes: Vec<(Seq, Seq, Change<u64>)>) -> History<u64> {
    let mut history = History::new(100);
    for (place, version, change) in changes {
        history.apply(place, version, change);
    }
    history
}

/// A thousand events pass the gate, as a node's own appends do.
fn gate() {
    count((1..=1_000).collect(), passed);
}

/// A thousand pass it that come from two sides, out of order, and half of them twice.
fn gate_out_of_order() {
    count((1..=500).flat_map(|n| [2 * n, 2 * n - 1, 2 * n]).collect(), passed);
}

fn passed(positions: Vec<u64>) -> u64 {
    let (mut gate, mut passed) = (Gate::new(Seq::ZERO), 0);
    for position in positions {
        gate.offer(seq(position), position);
        passed += std::iter::from_fn(|| gate.pass()).count() as u64;
    }
    assert_eq!(passed, 1_000);
    passed
}

/// An event enters a room's newest history and becomes the frame that tells of it.
fn apply() {
    let event = event(1_001);
    count(timeline(), |mut timeline| (timeline.apply(&event), timeline));
}

fn timeline() -> Timeline {
    let epoch = Epoch::try_from("counts").expect("an epoch");
    Timeline::new(book(), epoch, page(1_000))
}

/// A thousand messages are taken out of the budgets of a connection and its user.
fn rate_limit() {
    let limits = Limits {
        messages_per_second: 1_000_000,
        user_messages_per_second: 1_000_000,
        ..Limits::off()
    };
    let limits = ConnectionLimits::new(&limits, UserLimits::new(&limits), Arc::default());
    let user = user(1);
    // The first one finds out how this machine tells the time, and makes the user's budget.
    limits.message(&user.user_id).expect("within it");
    count(limits, |limits| {
        assert!((0..1_000).all(|_| each(|| limits.message(&user.user_id).is_ok())));
    });
}

/// One message enters the queues of a thousand members.
fn deliver_to_1000() {
    let (members, outboxes) = crowd();
    let frame = Frame::sequenced("message", seq(1_234), &message(1_234));
    count(members, |mut members| {
        members.broadcast(std::slice::from_ref(&frame));
        members
    });
    drop(outboxes);
}

/// It leaves them again, each for a socket that takes it at once.
fn write_to_1000() {
    let (mut members, outboxes) = crowd();
    members.broadcast(&[Frame::sequenced("message", seq(1_234), &message(1_234))]);
    count(&*outboxes, |outboxes| {
        outboxes.iter().map(|outbox| outbox.flush().frames).sum::<u64>()
    });
}

/// A socket that takes everything at once.
#[derive(Debug)]
struct Open;

impl Line for Open {
    fn try_send(&self, frames: &[Frame]) -> Sent {
        Sent {
            frames: black_box(frames).len(),
            is_whole: true,
        }
    }
}

/// Users each with twenty connections: a room of more than a hundred tells how many they are instead of who.
fn crowd() -> (Members, Vec<Arc<Outbox>>) {
    let mut members = Members::new(book(), Arc::new(System), Arc::new(Alone), Arc::default());
    let outboxes: Vec<_> = (0..CROWD)
        .map(|_| Outbox::new(1_048_576, Some(Arc::new(Open))))
        .collect();
    let now = Instant::now();
    for (n, outbox) in (0..).zip(&outboxes) {
        let member = Member {
            connection: ConnectionId(u64::from(n)),
            user: user(n / 20),
            moderator: false,
            outbox: Arc::clone(outbox) as Arc<dyn Deliver>,
        };
        members.enter(member, now);
    }
    // What they were told of each other is written, as in a room that has stood for a while. The tasks that it begins end with the
    // runtime, here: their work is done below.
    let runtime = Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(async { members.flush() });
    drop(runtime);
    for outbox in &outboxes {
        outbox.flush();
    }
    (members, outboxes)
}

/// A room in memory answers a join: fifty messages, fifty members.
fn join_hot() {
    let timeline = timeline();
    count(crowd().0.listed(), |members| timeline.previous_messages(None, members));
}
