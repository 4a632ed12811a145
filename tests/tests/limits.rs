//! Every bound on how fast and how many, over real sockets: what is over it is refused with a time to come back, and
//! what comes then succeeds. 0 switches each off.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::time::{Duration, Instant};

use e2e::client::{Client, appended, posting};
use e2e::{Server, Store, within};
use readrealm_protocol::server::ErrorReply;
use readrealm_protocol::{ErrorCode, ServerEvent};
use tokio::net::TcpSocket;

const BOOK: u32 = 1342;

async fn start(flags: &str) -> Server {
    let flags: Vec<&str> = flags.split_whitespace().collect();
    Server::start_with(&Store::memory(), &flags).await
}

async fn joined(server: &Server, user: &str) -> Client {
    let mut client = Client::connect(server, user).await;
    client.join(BOOK).await;
    client
}

/// Sends many posts at once; the answers in their order.
async fn burst(client: &mut Client, count: usize) -> Vec<Result<ServerEvent, ErrorReply>> {
    let mut requests = Vec::new();
    for n in 0..count {
        requests.push(client.request(posting(BOOK, &format!("message {n}"), None)).await);
    }
    let mut answers = Vec::new();
    for id in requests {
        answers.push(client.answer(id).await);
    }
    answers
}

/// Waits as long as the server said, which must be no longer than `at_most`.
async fn wait_as_told(reply: &ErrorReply, at_most: Duration) {
    assert_eq!(reply.code, ErrorCode::RateLimited, "{reply}");
    let wait = Duration::from_millis(reply.retry_after_ms.expect("retryAfterMs"));
    assert!(!wait.is_zero() && wait <= at_most, "{wait:?}");
    tokio::time::sleep(wait).await;
}

#[tokio::test]
async fn a_connection_sends_its_burst_and_is_told_when_to_go_on() {
    let server = start("--messages-per-second 1 --message-burst 3 --user-messages-per-second 0").await;
    let mut alice = joined(&server, "alice").await;
    let answers = burst(&mut alice, 5).await;
    assert!(answers[..3].iter().all(Result::is_ok), "{answers:?}");
    for refused in &answers[3..] {
        assert_eq!(refused.as_ref().unwrap_err().code, ErrorCode::RateLimited);
    }
    // Another connection has a burst of its own, even of the same user.
    let mut elsewhere = joined(&server, "alice").await;
    assert!(burst(&mut elsewhere, 3).await.iter().all(Result::is_ok));

    wait_as_told(answers[4].as_ref().unwrap_err(), Duration::from_millis(1_001)).await;
    alice.post(BOOK, "after the wait").await;
    assert_eq!(
        elsewhere.join(BOOK).await.seq.get(),
        7,
        "what was refused is not in the log"
    );
}

#[tokio::test]
async fn edits_deletes_and_reads_count_as_messages_and_other_requests_do_not() {
    let server = start("--messages-per-second 1 --message-burst 4 --user-messages-per-second 0").await;
    let mut alice = joined(&server, "alice").await;
    let post = alice.post(BOOK, "one").await;
    alice.edit(BOOK, post.message_id, "two").await.unwrap();
    alice.load_previous(BOOK, 1, None).await;
    alice.delete(BOOK, post.message_id).await.unwrap();
    let refused = alice.try_post(BOOK, "five", None).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::RateLimited);
    alice.join(BOOK).await;
    alice.leave(BOOK).await;
}

#[tokio::test]
async fn a_user_has_one_budget_over_all_connections() {
    let server = start("--messages-per-second 0 --user-messages-per-second 1 --message-burst 3").await;
    let mut connections = [
        joined(&server, "alice").await,
        joined(&server, "alice").await,
        joined(&server, "alice").await,
    ];
    for connection in &mut connections {
        assert!(burst(connection, 1).await[0].is_ok());
    }
    let refused = connections[1].try_post(BOOK, "a fourth", None).await.unwrap_err();
    assert_eq!(
        connections[2].try_post(BOOK, "a fourth", None).await.unwrap_err().code,
        ErrorCode::RateLimited
    );
    let mut bob = joined(&server, "bob").await;
    assert!(
        burst(&mut bob, 3).await.iter().all(Result::is_ok),
        "others have their own"
    );
    wait_as_told(&refused, Duration::from_millis(1_001)).await;
    connections[0].post(BOOK, "after the wait").await;
}

#[tokio::test]
async fn by_default_a_hundred_at_once_are_fine_and_a_flood_is_not() {
    let server = start("").await;
    let mut alice = joined(&server, "alice").await;
    let answers = burst(&mut alice, 400).await;
    assert!(answers[..100].iter().all(Result::is_ok));
    assert!(
        answers.iter().any(Result::is_err),
        "400 at once are over the default of 100 and 20 a second"
    );
}

#[tokio::test]
async fn without_message_limits_everything_is_taken() {
    let server = start("--messages-per-second 0 --user-messages-per-second 0").await;
    let mut alice = joined(&server, "alice").await;
    for (answer, seq) in burst(&mut alice, 600).await.into_iter().zip(1..) {
        assert_eq!(appended(answer.unwrap()).seq.get(), seq);
    }
}

#[tokio::test]
async fn joins_have_a_burst_and_a_rate() {
    let server = start("--joins-per-second 1 --join-burst 2").await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(1).await;
    alice.join(2).await;
    let joining = alice.joining(3);
    let refused = alice.ask(joining).await.unwrap_err();
    alice.post(1, "still a member of the first").await;
    wait_as_told(&refused, Duration::from_millis(1_001)).await;
    alice.join(3).await;

    let server = start("--joins-per-second 0").await;
    let mut alice = Client::connect(&server, "alice").await;
    for _ in 0..300 {
        alice.join(1).await;
    }
}

#[tokio::test]
async fn a_user_joins_as_one_over_all_connections() {
    let server = start("--joins-per-second 0 --user-joins-per-second 1").await;
    let mut first = Client::connect(&server, "alice").await;
    let mut second = Client::connect(&server, "alice").await;
    for book in 0..5 {
        first.join(book).await;
        second.join(book).await;
    }
    let joining = first.joining(6);
    first.ask(joining).await.unwrap_err();
    let joining = second.joining(6);
    let refused = second.ask(joining).await.unwrap_err();
    Client::connect(&server, "bob").await.join(6).await;
    wait_as_told(&refused, Duration::from_millis(1_001)).await;
    second.join(6).await;
}

/// Connects once a place is free, which the server sees a moment after the client.
async fn connect_when_free(server: &Server) -> Client {
    within("a free place", async {
        loop {
            if let Ok((client, _)) = Client::connect_with(server, "carol", &[]).await {
                return client;
            }
            tokio::task::yield_now().await;
        }
    })
    .await
}

#[tokio::test]
async fn connections_over_the_bound_are_answered_503_until_one_goes() {
    let server = start("--max-connections 2").await;
    let first = Client::connect(&server, "alice").await;
    let mut second = joined(&server, "bob").await;
    assert_eq!(Client::connect_with(&server, "carol", &[]).await.unwrap_err(), 503);
    assert_eq!(server.get("/healthz").await.0, 200, "health is no connection");
    second.post(BOOK, "those inside notice nothing").await;
    drop(first);
    connect_when_free(&server).await.join(BOOK).await;
}

#[tokio::test]
async fn connections_of_one_address_over_the_bound_are_answered_429_until_one_goes() {
    let server = start("--max-connections-per-address 2").await;
    let first = Client::connect(&server, "alice").await;
    let _second = Client::connect(&server, "bob").await;
    assert_eq!(Client::connect_with(&server, "carol", &[]).await.unwrap_err(), 429);
    if cfg!(target_os = "linux") {
        // All of 127/8 is this machine there.
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let (mut neighbour, _) = Client::connect_through(socket, &server, "dan", &[]).await.unwrap();
        neighbour.join(BOOK).await;
    }
    drop(first);
    connect_when_free(&server).await.join(BOOK).await;
}

/// A connection through a proxy that says for whom it asks.
async fn forwarded(server: &Server, lists: &[&str]) -> Result<Client, u16> {
    let headers: Vec<_> = lists.iter().map(|list| ("x-forwarded-for", *list)).collect();
    let connected = Client::connect_with(server, "alice", &headers).await;
    connected.map(|(client, _)| client)
}

#[tokio::test]
async fn behind_a_trusted_proxy_clients_are_counted_by_the_address_it_names() {
    let server = start("--max-connections-per-address 1 --trust-proxy 10.0.0.0/8,127.0.0.1").await;
    let _ann = forwarded(&server, &["203.0.113.1"]).await.unwrap();
    let _bob = forwarded(&server, &["203.0.113.2"]).await.unwrap();
    assert_eq!(forwarded(&server, &["203.0.113.1"]).await.unwrap_err(), 429);
    // What a client writes itself stands left of what the proxies write.
    for spoofed in [
        "198.51.100.9, 203.0.113.1",
        "10.0.0.1, 203.0.113.1",
        "203.0.113.1, 10.0.0.7",
    ] {
        assert_eq!(forwarded(&server, &[spoofed]).await.unwrap_err(), 429, "{spoofed}");
    }
    // One subscriber has as many addresses of IPv6 as they like.
    let _carol = forwarded(&server, &["2001:db8:1:2::1"]).await.unwrap();
    assert_eq!(forwarded(&server, &["2001:db8:1:2::2"]).await.unwrap_err(), 429);
    let _dan = forwarded(&server, &["2001:db8:1:3::1"]).await.unwrap();
    // A /56 is four such, at the most.
    let _erin = forwarded(&server, &["2001:db8:1:4::1"]).await.unwrap();
    let _frank = forwarded(&server, &["2001:db8:1:5::1"]).await.unwrap();
    assert_eq!(forwarded(&server, &["2001:db8:1:6::1"]).await.unwrap_err(), 429);
    let _grace = forwarded(&server, &["2001:db8:1:100::1"]).await.unwrap();
    // Another header is another's word.
    let other = [("forwarded", "for=203.0.113.9"), ("x-forwarded-for", "203.0.113.1")];
    assert_eq!(Client::connect_with(&server, "alice", &other).await.unwrap_err(), 429);
}

#[tokio::test]
async fn nobody_else_is_believed_about_addresses() {
    let server = start("--max-connections-per-address 1 --trust-proxy 10.0.0.0/8").await;
    let mut ann = forwarded(&server, &["203.0.113.1"]).await.unwrap();
    // It is no plain connection any more.
    ann.join(BOOK).await;
    assert_eq!(forwarded(&server, &["203.0.113.2"]).await.unwrap_err(), 429);
    let refused = Server::try_start(&Store::memory(), &["--trust-proxy", "everybody"])
        .await
        .unwrap_err();
    assert!(
        refused.stderr.contains("expected an address or a range"),
        "{}",
        refused.stderr
    );
}

/// Opens connections, one after the other and each closed again, until one is not let in. Returns how many were, and how that one
/// was refused.
async fn open_until_refused<E>(mut open: impl AsyncFnMut() -> Result<(), E>) -> (usize, E) {
    for opened in 0..1_000 {
        if let Err(refused) = open().await {
            return (opened, refused);
        }
    }
    panic!("all are let in")
}

#[tokio::test]
async fn an_address_that_brings_new_connections_too_fast_is_told_so_and_far_above_cut_off() {
    let server = start("--new-connections-per-second 1 --max-connections-per-address 20").await;
    let mut ann = joined(&server, "ann").await;
    let (begun, address) = (Instant::now(), server.address());
    let (opened, answer) = open_until_refused(async || match e2e::server::ask(address, "/healthz").await.unwrap() {
        answer if answer.starts_with("HTTP/1.1 200 ") => Ok(()),
        answer => Err(answer.to_lowercase()),
    })
    .await;
    assert!(answer.starts_with("http/1.1 429 "), "{answer}");
    for header in ["retry-after: 1", "connection: close", "x-request-id: "] {
        assert!(answer.contains(&format!("\r\n{header}")), "{header}: {answer}");
    }
    let more = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!((59..=59 + more).contains(&opened), "{opened} in {:?}", begun.elapsed());
    ann.post(BOOK, "those inside notice nothing").await;
    if cfg!(target_os = "linux") {
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
        let (mut neighbour, _) = Client::connect_through(socket, &server, "dan", &[]).await.unwrap();
        neighbour.join(BOOK).await;
    }
    // So are as many again, whatever they ask; who comes faster still is not heard.
    let (told, cut) = open_until_refused(async || e2e::server::get(address, "/none").await.map(drop)).await;
    assert!(told >= 55, "{told}: {cut}");
    let log = server.process().stderr();
    assert_eq!(log.matches("name it by --trust-proxy").count(), 1, "{log}");
    assert!(
        log.contains("127.0.0.1") && log.contains("--new-connections-per-second"),
        "{log}"
    );
    tokio::time::sleep(Duration::from_millis(1_001)).await;
    let limited = server
        .metrics()
        .await
        .of(r#"readrealm_limited_total{limit="new_connections"}"#);
    assert!(limited > f64::from(u32::try_from(told).unwrap()), "{limited}");

    let server = start("--new-connections-per-second 0").await;
    for _ in 0..100 {
        assert_eq!(server.get("/healthz").await.0, 200);
    }
}

#[tokio::test]
async fn behind_a_trusted_proxy_new_connections_are_those_of_who_it_asks_for() {
    let server = start("--new-connections-per-second 1 --max-connections-per-address 40 --trust-proxy 127.0.0.1").await;
    let begun = Instant::now();
    let (opened, refused) = open_until_refused(async || forwarded(&server, &["203.0.113.1"]).await.map(drop)).await;
    let more = usize::try_from(begun.elapsed().as_secs()).unwrap() + 1;
    assert!(
        (120..=120 + more).contains(&opened),
        "{opened} in {:?}",
        begun.elapsed()
    );
    assert_eq!(refused, 429);
    forwarded(&server, &["203.0.113.2"]).await.unwrap().join(BOOK).await;
    for _ in 0..100 {
        assert_eq!(server.get("/healthz").await.0, 200, "the proxy itself is not counted");
    }
}

#[tokio::test]
async fn without_connection_limits_all_are_let_in() {
    let server = start("--max-connections 0 --max-connections-per-address 0").await;
    let mut clients = Vec::new();
    for n in 0..50 {
        clients.push(joined(&server, &format!("user {n}")).await);
    }
    assert_eq!(clients[0].join(BOOK).await.members.count, 50);
}
