//! Who is here, as both nodes tell it, while the way to the database is cut, swallows what is sent, or its primary dies.

use std::time::Duration;

use e2e::client::Client;
use e2e::proxy::{Side, Weather};
use e2e::replica_set::{ReplicaSet, Setup};
use e2e::{Server, Store, within};
use readrealm_protocol::ServerEvent;

const BOOK: u32 = 2_852;

async fn two_nodes(set: &ReplicaSet) -> (Server, Server) {
    let node = async |number| Server::start(&Store::at(set.url("presence", number))).await;
    (node(0).await, node(1).await)
}

async fn a_set_of_one() -> ReplicaSet {
    ReplicaSet::start(Setup {
        members: 1,
        proxied: true,
        election_timeout: Duration::from_secs(10),
    })
    .await
}

async fn joined(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server, user).await;
    client.join(BOOK).await;
    client
}

/// Waits until the room, as this client is told of it, holds these users and no others.
async fn until_members_are(client: &mut Client, users: &[&str]) {
    let agree = async {
        loop {
            let members = client.join(BOOK).await.members;
            let mut here: Vec<_> = members.users.iter().map(|user| user.user_id.to_string()).collect();
            here.sort();
            if here == users && members.count == users.len() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    };
    within(&format!("{users:?} to be here"), agree).await;
}

async fn hear_joined(client: &mut Client, user: &str) {
    let is_joined =
        |event: &ServerEvent| matches!(event, ServerEvent::UserJoined(moved) if moved.user_id.as_str() == user);
    client
        .hear(&format!("{user} to join"), |frame| is_joined(&frame.event))
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cut_way_to_the_database_is_found_again() {
    let set = a_set_of_one().await;
    let (a, b) = two_nodes(&set).await;
    let (mut alice, mut bob) = (joined(&a, "alice").await, joined(&b, "bob").await);
    hear_joined(&mut alice, "bob").await;
    for round in 0..3 {
        let cut = |side| set.proxies().map(|proxy| proxy.cut(side)).sum::<usize>();
        assert!(
            cut(Side::Node(0)) + cut(Side::Node(1)) > 2,
            "connections that can be cut"
        );
        let (at_a, at_b) = (format!("ann {round}"), format!("ben {round}"));
        let (ann, ben) = (joined(&a, &at_a).await, joined(&b, &at_b).await);
        hear_joined(&mut bob, &at_a).await;
        hear_joined(&mut alice, &at_b).await;
        for mut visitor in [ann, ben] {
            visitor.leave(BOOK).await;
        }
        until_members_are(&mut alice, &["alice", "bob"]).await;
        until_members_are(&mut bob, &["alice", "bob"]).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_way_that_swallowed_what_was_sent_is_left_for_another() {
    let set = a_set_of_one().await;
    let (a, b) = two_nodes(&set).await;
    let (mut alice, mut bob) = (joined(&a, "alice").await, joined(&b, "bob").await);
    hear_joined(&mut alice, "bob").await;
    let weather = |weather| {
        for proxy in set.proxies() {
            proxy.set_weather(Side::Node(0), weather);
        }
    };
    weather(Weather::Lost);
    let _carol = joined(&a, "carol").await;
    let _dave = joined(&b, "dave").await;
    // Long enough for two new connections to be tried, and swallowed as well: the driver sets up no more at a time.
    tokio::time::sleep(Duration::from_secs(12)).await;
    weather(Weather::Clear);
    hear_joined(&mut bob, "carol").await;
    hear_joined(&mut alice, "dave").await;
    until_members_are(&mut alice, &["alice", "bob", "carol", "dave"]).await;
    until_members_are(&mut bob, &["alice", "bob", "carol", "dave"]).await;
}

/// A node where rooms open all the while looks at its change stream no less.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_fell_silent_is_noticed_on_a_busy_node_too() {
    let set = a_set_of_one().await;
    let (a, b) = two_nodes(&set).await;
    let (mut alice, mut bob) = (joined(&a, "alice").await, joined(&b, "bob").await);
    hear_joined(&mut alice, "bob").await;
    let mut opener = Client::connect(&a, "opener").await;
    let weather = |weather| {
        for proxy in set.proxies() {
            proxy.set_weather(Side::Node(0), weather);
        }
    };
    weather(Weather::Lost);
    tokio::time::sleep(Duration::from_secs(7)).await;
    weather(Weather::Clear);
    let opening = tokio::spawn(async move {
        for n in 0..60 {
            let join = opener.joining(50_000 + n);
            opener.request(join).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    });
    bob.leave(BOOK).await;
    let _dave = joined(&b, "dave").await;
    hear_joined(&mut alice, "dave").await;
    opening.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_came_and_went_while_the_primary_died_is_known_after() {
    let mut set = ReplicaSet::start(Setup {
        members: 3,
        proxied: false,
        election_timeout: Duration::from_secs(2),
    })
    .await;
    let (a, b) = two_nodes(&set).await;
    let (mut alice, mut bob) = (joined(&a, "alice").await, joined(&b, "bob").await);
    let mut carol = joined(&a, "carol").await;
    hear_joined(&mut alice, "bob").await;
    let primary = set.primary().await.expect("a primary");
    set.kill(primary);
    carol.leave(BOOK).await;
    let _dave = joined(&b, "dave").await;
    hear_joined(&mut alice, "dave").await;
    until_members_are(&mut alice, &["alice", "bob", "dave"]).await;
    until_members_are(&mut bob, &["alice", "bob", "dave"]).await;
}
