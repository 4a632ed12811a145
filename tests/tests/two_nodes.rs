//! Who is here and who is writing, over two nodes on one replica set: told once, whatever node they are at, and as it is
//! also when nodes stop, die and come back.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use e2e::client::Client;
use e2e::pair::UNLIMITED;
use e2e::{Server, Store, within};
use futures_util::future::join_all;
use nix::sys::signal::Signal;
use readrealm_protocol::ServerEvent;
use readrealm_protocol::server::{Members, ServerFrame};

const BOOK: u32 = 2701;

/// What a frame says of who comes, goes and writes, as words.
fn words(frame: &ServerFrame) -> Option<String> {
    match &frame.event {
        ServerEvent::UserJoined(moved) => Some(format!("{} joined", moved.user_id)),
        ServerEvent::UserLeft(moved) => Some(format!("{} left", moved.user_id)),
        ServerEvent::Typing(typing) => Some(format!("{} typing {}", typing.user_id, typing.typing)),
        _ => None,
    }
}

fn names(members: &Members) -> Vec<String> {
    let mut names: Vec<_> = members.users.iter().map(|user| user.username.to_string()).collect();
    names.sort();
    assert_eq!(names.len(), members.count.min(50));
    names
}

/// Waits until a client is told that, and returns the others of the kind that it was told before.
async fn hear(client: &mut Client, what: &str) -> Vec<String> {
    let mut before = Vec::new();
    loop {
        let heard = client.hear(what, |frame| words(frame).is_some()).await;
        let told = words(&heard.frame).unwrap();
        if told == what {
            return before;
        }
        before.push(told);
    }
}

/// Waits until a client is told that, having been told nothing else of the kind before.
async fn hear_next(client: &mut Client, what: &str) {
    assert_eq!(hear(client, what).await, [""; 0], "before {what}");
}

async fn told(client: &mut Client) -> Vec<String> {
    client.drain().await.iter().filter_map(words).collect()
}

async fn two_nodes() -> (Store, Server, Server) {
    let store = Store::mongodb().await;
    let (a, b) = (Server::start(&store).await, Server::start(&store).await);
    (store, a, b)
}

/// Enters a room where another is, at another node. What was announced at that very moment may come a moment later.
async fn joined_beside(server: &Server, user: &str, other: &str) -> Client {
    let mut client = Client::connect(server, user).await;
    if !names(&client.join(BOOK).await.members).contains(&other.to_owned()) {
        hear_next(&mut client, &format!("{other} joined")).await;
    }
    client
}

async fn joined(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server, user).await;
    client.join(BOOK).await;
    client
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_comes_and_goes_is_told_at_both_nodes() {
    let (_store, a, b) = two_nodes().await;
    let mut alice = joined(&a, "alice").await;
    let mut bob = joined_beside(&b, "bob", "alice").await;
    assert_eq!(names(&bob.join(BOOK).await.members), ["alice", "bob"]);
    hear_next(&mut alice, "bob joined").await;
    assert_eq!(names(&alice.join(BOOK).await.members), ["alice", "bob"]);

    let mut carol = joined(&a, "carol").await;
    hear_next(&mut bob, "carol joined").await;
    carol.leave(BOOK).await;
    hear_next(&mut bob, "carol left").await;

    // One user at two nodes is one user, and gone when gone from both.
    let mut alices_phone = joined(&b, "alice").await;
    let members = bob.join(BOOK).await.members;
    assert_eq!(names(&members), ["alice", "bob"]);
    carol.join(BOOK).await;
    hear_next(&mut bob, "carol joined").await;
    alices_phone.leave(BOOK).await;
    assert_eq!(told(&mut bob).await, [""; 0], "alice is still at the other node");
    alice.leave(BOOK).await;
    hear_next(&mut bob, "alice left").await;
    assert_eq!(names(&bob.join(BOOK).await.members), ["bob", "carol"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_elsewhere_is_told_over_http_too() {
    let (_store, a, b) = two_nodes().await;
    let _alice = joined(&a, "alice").await;
    // The room is in memory at the other node only, which says so within the time of a write.
    let count = async {
        loop {
            let (status, body) = b.get(&format!("/rooms/{BOOK}/messages")).await;
            assert_eq!(status, 200);
            let state: serde_json::Value = serde_json::from_str(&body).unwrap();
            if state["members"]["count"] == 1 {
                assert_eq!(state["members"]["users"][0]["userId"], "alice");
                return;
            }
        }
    };
    within("alice to be told of", count).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_moves_to_the_other_node_was_never_gone() {
    let (_store, a, b) = two_nodes().await;
    let mut alice = joined(&a, "alice").await;
    let mut zoe = joined_beside(&b, "zoe", "alice").await;
    hear_next(&mut alice, "zoe joined").await;
    let (mover, gone) = (joined(&a, "mover").await, joined(&a, "gone").await);
    for client in [&mut alice, &mut zoe] {
        // Announced together, they may be told in any order.
        let heard = [hear(client, "mover joined").await, told(client).await].concat();
        if heard.is_empty() {
            hear_next(client, "gone joined").await;
        } else {
            assert_eq!(heard, ["gone joined"]);
        }
    }
    drop(mover);
    drop(gone);
    let _mover = joined(&b, "mover").await;
    // The other one's time runs out at the same moment: by then nothing was told of the mover.
    let (at_a, at_b) = tokio::join!(hear(&mut alice, "gone left"), hear(&mut zoe, "gone left"));
    assert_eq!([at_a, at_b].concat(), [""; 0]);
    for client in [&mut alice, &mut zoe] {
        assert_eq!(names(&client.join(BOOK).await.members), ["alice", "mover", "zoe"]);
        assert_eq!(told(client).await, [""; 0]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_shut_down_gives_its_members_time_to_come_back_elsewhere() {
    let (_store, mut a, b) = two_nodes().await;
    let mut zoe = joined(&b, "zoe").await;
    let _mover = joined(&a, "mover").await;
    let _gone = joined(&a, "gone").await;
    if hear(&mut zoe, "mover joined").await.is_empty() {
        hear_next(&mut zoe, "gone joined").await;
    }
    a.terminate();
    assert!(a.ended().await.success());
    let ended = Instant::now();
    let _mover = joined(&b, "mover").await;
    hear_next(&mut zoe, "gone left").await;
    assert!(ended.elapsed() < Duration::from_secs(15), "{:?}", ended.elapsed());
    assert_eq!(names(&zoe.join(BOOK).await.members), ["mover", "zoe"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn typing_is_told_at_both_nodes_and_outlives_no_node() {
    let (_store, mut a, b) = two_nodes().await;
    let mut zoe = joined(&b, "zoe").await;
    let mut alice = joined(&a, "alice").await;
    hear_next(&mut zoe, "alice joined").await;
    alice.set_typing(BOOK, true).await;
    hear_next(&mut zoe, "alice typing true").await;
    alice.set_typing(BOOK, false).await;
    hear_next(&mut zoe, "alice typing false").await;

    // Who goes on writing is told of once, for as long as they do.
    let mut pace = tokio::time::interval(Duration::from_secs(2));
    for _ in 0..5 {
        pace.tick().await;
        alice.set_typing(BOOK, true).await;
    }
    hear_next(&mut zoe, "alice typing true").await;
    a.kill();
    let killed = Instant::now();
    hear_next(&mut zoe, "alice typing false").await;
    assert!(killed.elapsed() < Duration::from_secs(8), "{:?}", killed.elapsed());
    hear_next(&mut zoe, "alice left").await;
    assert!(killed.elapsed() < Duration::from_secs(30), "{:?}", killed.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_members_of_a_node_that_is_killed_leave_within_thirty_seconds() {
    let (store, mut a, b) = two_nodes().await;
    let mut zoe = joined(&b, "zoe").await;
    let crowd = join_all((0..20).map(|n| joined(&a, if n == 0 { "first" } else { "other" }))).await;
    hear(&mut zoe, "first joined").await;
    a.kill();
    let killed = Instant::now();
    drop(crowd);
    hear(&mut zoe, "first left").await;
    println!("left {:.1} s after kill -9", killed.elapsed().as_secs_f64());
    assert!(killed.elapsed() < Duration::from_secs(30));
    assert_eq!(
        names(&zoe.join(BOOK).await.members).first().map(String::as_str),
        Some("zoe")
    );
    // Nor does a node that starts now find them.
    let c = Server::start(&store).await;
    let mut carol = joined_beside(&c, "carol", "zoe").await;
    assert_eq!(names(&carol.join(BOOK).await.members), ["carol", "zoe"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_stopped_finds_back() {
    let (_store, a, b) = two_nodes().await;
    let mut zoe = joined(&b, "zoe").await;
    let mut alice = joined_beside(&a, "alice", "zoe").await;
    hear_next(&mut zoe, "alice joined").await;
    a.process().signal(Signal::SIGSTOP);
    let stopped = Instant::now();
    hear_next(&mut zoe, "alice left").await;
    println!("left {:.1} s after SIGSTOP", stopped.elapsed().as_secs_f64());
    let mut yan = joined(&b, "yan").await;
    tokio::time::sleep_until((stopped + Duration::from_secs(25)).into()).await;
    a.process().signal(Signal::SIGCONT);
    let continued = Instant::now();
    hear(&mut zoe, "alice joined").await;
    println!("back {:.1} s after SIGCONT", continued.elapsed().as_secs_f64());
    hear_next(&mut alice, "yan joined").await;
    yan.leave(BOOK).await;
    hear_next(&mut alice, "yan left").await;
    for client in [&mut zoe, &mut alice] {
        assert_eq!(names(&client.join(BOOK).await.members), ["alice", "zoe"]);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_people_over_two_nodes_cost_some_thousand_frames() {
    const PEOPLE: usize = 1_000;
    let store = Store::mongodb().await;
    let (a, b) = tokio::join!(
        Server::start_with(&store, &UNLIMITED),
        Server::start_with(&store, &UNLIMITED)
    );
    let begun = Instant::now();
    let mut people = Vec::new();
    for first in (0..PEOPLE).step_by(50) {
        let users: Vec<String> = (first..first + 50).map(|n| format!("user {n}")).collect();
        let entering = users
            .iter()
            .enumerate()
            .map(|(n, user)| joined(if n % 2 == 0 { &a } else { &b }, user));
        people.extend(join_all(entering).await);
    }
    let entered = begun.elapsed();
    // Both nodes are of one mind.
    for client in people.iter_mut().take(2) {
        let whole = |frame: &ServerFrame| matches!(&frame.event, ServerEvent::Occupancy(told) if told.count == PEOPLE);
        client.hear("all to be counted", whole).await;
        assert_eq!(client.join(BOOK).await.members.count, PEOPLE);
    }
    let mut frames = [0_usize, 0];
    for client in &mut people {
        for frame in client.drain().await {
            match frame.event {
                ServerEvent::Occupancy(_) => frames[0] += 1,
                ServerEvent::UserJoined(_) => frames[1] += 1,
                other => panic!("{other:?}"),
            }
        }
    }
    println!(
        "{PEOPLE} entered in {entered:.1?}: {} occupancy, {} userJoined frames",
        frames[0], frames[1]
    );
    // By name to at most a hundred who are here; from there on a count a second to each.
    assert!(frames[1] <= 100 * 100, "{frames:?}");
    let seconds = usize::try_from(begun.elapsed().as_secs()).unwrap() + 2;
    assert!(frames[0] <= PEOPLE * seconds, "{frames:?} in {seconds} s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_is_heard_at_the_other_node_at_once() {
    let (_store, a, b) = two_nodes().await;
    let mut zoe = joined(&b, "zoe").await;
    let mut alice = joined(&a, "alice").await;
    hear_next(&mut zoe, "alice joined").await;
    let mut took = Vec::new();
    for _ in 0..20 {
        alice.leave(BOOK).await;
        hear_next(&mut zoe, "alice left").await;
        let begun = Instant::now();
        alice.join(BOOK).await;
        hear_next(&mut zoe, "alice joined").await;
        took.push(begun.elapsed());
    }
    took.sort();
    println!(
        "userJoined at the other node: median {:?}, longest {:?}",
        took[10], took[19]
    );
    assert!(took[10] < Duration::from_secs(1), "{took:?}");
}
