//! A route to the database that swallows what is sent, with no word to either end.

use std::time::{Duration, Instant};

use e2e::client::{Client, posting};
use e2e::pair::UNLIMITED;
use e2e::proxy::{Proxy, Side, Weather};
use e2e::replica_set::{ReplicaSet, Setup};
use e2e::{Server, Store, within};

const BOOK: u32 = 11;

/// Once the route is there again, a node is with its database, and hears the others, within this time.
const RECOVERY: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_finds_its_database_again_after_its_connections_went_silent() {
    let setup = Setup {
        members: 1,
        proxied: true,
        election_timeout: Duration::from_secs(10),
    };
    let set = ReplicaSet::start(setup).await;
    let cut_off = Server::start_with(&Store::at(set.url("silence", 0)), &UNLIMITED).await;
    let other = Server::start_with(&Store::at(set.url("silence", 1)), &UNLIMITED).await;
    let mut alice = Client::connect(&cut_off, "alice").await;
    let mut bob = Client::connect(&other, "bob").await;
    alice.join(BOOK).await;
    bob.join(BOOK).await;
    alice.post(BOOK, "before").await;
    bob.next_message().await;
    alice.next_message().await;

    let weather = |weather| {
        for proxy in set.proxies() {
            proxy.set_weather(Side::Node(0), weather);
        }
    };
    weather(Weather::Lost);
    let request = alice.request(posting(BOOK, "into the void", Some("k"))).await;
    // The node answers these once it has waited in vain; each wants a connection of its own.
    let (first, second, third) = tokio::join!(cut_off.get("/readyz"), cut_off.get("/readyz"), cut_off.get("/readyz"));
    assert_eq!([first.0, second.0, third.0], [503; 3]);
    bob.post(BOOK, "meanwhile").await;
    weather(Weather::Clear);
    let cleared = Instant::now();

    // Its own send comes through, or is refused for now: then it is sent again.
    let mut answer = alice.answer(request).await;
    while let Err(reply) = &answer {
        assert!(reply.code.is_retryable(), "{reply}");
        let again = alice.request(posting(BOOK, "into the void", Some("k"))).await;
        answer = alice.answer(again).await;
    }
    let mut heard = [alice.next_message().await, alice.next_message().await].map(|message| message.content.to_string());
    heard.sort();
    assert_eq!(heard, ["into the void", "meanwhile"]);
    assert!(
        cleared.elapsed() < RECOVERY,
        "{:?}:\n{}",
        cleared.elapsed(),
        cut_off.process().stderr()
    );
    let ready = async { while cut_off.get("/readyz").await.0 != 200 {} };
    within("the node to be ready", ready).await;

    // The others are heard as they speak, and not by a sweep.
    let spoke = Instant::now();
    bob.post(BOOK, "after").await;
    assert_eq!(alice.next_message().await.content.as_str(), "after");
    assert!(spoke.elapsed() < RECOVERY, "{:?}", spoke.elapsed());
}

/// The lease outlives the way it was taken by; so does the shutdown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_one_node_of_a_standalone_server_stays_the_one_after_its_connections_went_silent() {
    let store = Store::standalone_mongodb().await;
    let url = store.url().strip_prefix("mongodb://").expect("a URL");
    let (address, database) = url.split_once('/').expect("a database");
    let proxy = Proxy::start(address.parse().expect("an address"), |_| Side::Client).await;
    let through = Store::at(format!("mongodb://{}/{database}", proxy.address()));
    let mut node = Server::start(&through).await;
    let mut alice = Client::connect(&node, "alice").await;
    alice.join(BOOK).await;
    proxy.set_weather(Side::Client, Weather::Lost);
    tokio::time::sleep(Duration::from_secs(5)).await;
    proxy.set_weather(Side::Client, Weather::Clear);
    let posted = async { while alice.try_post(BOOK, "after", Some("k")).await.is_err() {} };
    within("a post to be taken again", posted).await;
    // Longer than a lease that is not renewed.
    tokio::time::sleep(Duration::from_secs(8)).await;
    let second = Server::try_start(&store, &[]).await;
    assert!(second.is_err(), "a second node serves beside the first");
    node.terminate();
    let status = within("the node to end", node.ended()).await;
    assert!(status.success(), "{status}");
}
