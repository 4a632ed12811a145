//! Tokens that are revoked before their time: by the command and by the operator's programs, on every node, within two
//! seconds, and for good.

use std::time::{Duration, Instant};

use e2e::client::Client;
use e2e::command::{command, run};
use e2e::proxy::{Side, Weather};
use e2e::replica_set::{ReplicaSet, Setup};
use e2e::token::{SECRET, in_seconds, token};
use e2e::{PATIENCE, Server, Store, on_durable_stores, within};
use readrealm_protocol::ErrorCode;
use serde_json::{Value, json};

use crate::BOOK;
use crate::http::{ask, path, send};

/// The secret of the operator's programs in these tests.
pub(crate) const ADMIN: &str = "the operator's own secret: 32 bytes or more";

/// These tests ask as fast as they can.
const UNHURRIED: [&str; 6] = [
    "--user-reads-per-second",
    "0",
    "--new-connections-per-second",
    "0",
    "--requests-per-second",
    "0",
];

/// What is promised, from the answer on.
const PROMISE: Duration = Duration::from_secs(2);

pub(crate) async fn start(store: &Store) -> Server {
    Server::start_with_secret(store, &[&["--admin-secret", ADMIN], &UNHURRIED[..]].concat()).await
}

/// Of the operator's programs.
pub(crate) async fn operator(server: &Server, method: &str, body: &Value) -> (u16, Value) {
    let secret = format!("Bearer {ADMIN}");
    let body = if body.is_null() {
        String::new()
    } else {
        body.to_string()
    };
    let (status, _, answer) = send(
        server,
        method,
        "/admin/revocations",
        &[("authorization", &secret)],
        &body,
    )
    .await;
    (status, answer)
}

/// It is closed with 4104, no later after `since` than was promised.
async fn is_closed(client: &mut Client, since: Instant) {
    let (code, reason) = client.closed().await;
    assert_eq!((code, &*reason), (4104, "the token has been revoked"));
    assert!(since.elapsed() < PROMISE, "it took {:?}", since.elapsed());
}

/// A connection with that token is refused with 4104, and reading is.
pub(crate) async fn is_refused(server: &Server, token: &str) {
    let mut client = Client::connect(server, "revoked").await;
    let reply = client.authenticate(token).await.unwrap_err();
    assert_eq!(
        (reply.code, &*reply.message),
        (ErrorCode::Unauthorized, "the token has been revoked")
    );
    assert_eq!(client.closed().await.0, 4104);
    assert_eq!(reads(server, token).await, 401);
}

async fn reads(server: &Server, token: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    ask(server, "GET", &path(BOOK), &[("authorization", &bearer)]).await.0
}

async fn is_served(server: &Server, token: &str) {
    let mut client = Client::connect(server, "served").await;
    client.authenticate(token).await.unwrap();
    client.join(BOOK).await;
    assert_eq!(reads(server, token).await, 200);
}

/// Waits until a token counts again.
async fn until_served(server: &Server, token: &str) {
    let begun = Instant::now();
    while reads(server, token).await == 401 {
        assert!(begun.elapsed() < PATIENCE, "it is not lifted");
    }
}

/// The first token of a user that counts again: one that was issued long enough after the revocation.
async fn signed_in_anew(server: &Server, user: &str) -> String {
    let begun = Instant::now();
    loop {
        let new = token(user, later(4));
        if reads(server, &new).await == 200 {
            return new;
        }
        assert!(begun.elapsed() < PATIENCE, "no new token counts");
    }
}

pub(crate) fn later(seconds: i64) -> Value {
    json!({ "iat": in_seconds(seconds) })
}

async fn a_user_revoked_by_the_command_is_out_at_once_and_stays_out_until_lifted(store: Store) {
    let mut server = start(&store).await;
    // Of a signer whose clock is ahead.
    let (old, ahead) = (token("ann", later(-60)), token("ann", later(4)));
    let mut ann = Client::connect(&server, "ann").await;
    ann.authenticate(&old).await.unwrap();
    ann.join(BOOK).await;
    let mut nameless = Client::known(&server, "ann", json!({})).await;
    let mut bob = Client::known(&server, "bob", json!({ "jti": "ann" })).await;
    bob.join(BOOK).await;

    let said = run(&store, &["revoke", "--user", "ann"]).await.done();
    let since = Instant::now();
    assert!(
        said.starts_with("revoked: every token of user ann issued by "),
        "{said}"
    );
    is_closed(&mut ann, since).await;
    // A token that does not say when it was issued was issued before.
    is_closed(&mut nameless, since).await;
    is_refused(&server, &old).await;
    is_refused(&server, &ahead).await;
    bob.post(BOOK, "nobody else notices").await;
    // Whoever signs tokens lets her in again.
    is_served(&server, &signed_in_anew(&server, "ann").await).await;
    is_refused(&server, &ahead).await;

    server.restart().await;
    is_refused(&server, &old).await;
    let listed = run(&store, &["revocations", "--json"]).await.done();
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed["user"], listed.get("until")), (&json!("ann"), None));

    run(&store, &["lift", "--user", "ann"]).await.done();
    until_served(&server, &old).await;
    assert_eq!(run(&store, &["revocations"]).await.done(), "");
    let again = run(&store, &["lift", "--user", "ann"]).await.refused();
    assert!(again.contains("nothing of them is revoked"), "{again}");
}

async fn one_token_is_revoked_by_its_id_and_no_other(store: Store) {
    let server = start(&store).await;
    let (one, other) = (
        token("ann", json!({ "jti": "t/1" })),
        token("ann", json!({ "jti": "t/2" })),
    );
    let mut first = Client::connect(&server, "ann").await;
    first.authenticate(&one).await.unwrap();
    let mut second = Client::connect(&server, "ann").await;
    second.authenticate(&one).await.unwrap();
    // Its own token is another by now.
    second.authenticate(&other).await.unwrap();
    run(&store, &["revoke", "--token", "t/1", "--until", "1h"]).await.done();
    is_closed(&mut first, Instant::now()).await;
    is_refused(&server, &one).await;
    is_served(&server, &other).await;
    let back = second.authenticate(&one).await.unwrap_err();
    assert_eq!(back.code, ErrorCode::Unauthorized);
    second.join(BOOK).await;
    let listed = run(&store, &["revocations"]).await.done();
    assert!(listed.starts_with("token t/1, until 2"), "{listed}");
}

async fn a_ban_is_of_later_tokens_too_and_ends_when_it_was_said(store: Store) {
    let server = start(&store).await;
    let new = token("ann", later(4));
    let end = in_seconds(3);
    let until = readrealm_protocol::Timestamp::from_millis(end * 1_000).to_string();
    run(&store, &["revoke", "--user", "ann", "--ban", "--until", &until])
        .await
        .done();
    // A weaker one beside it changes nothing.
    run(&store, &["revoke", "--user", "ann"]).await.done();
    let (status, listed) = operator(&server, "GET", &Value::Null).await;
    assert_eq!((status, listed["revocations"].as_array().unwrap().len()), (200, 2));
    if in_seconds(0) < end - 1 {
        let begun = Instant::now();
        while reads(&server, &new).await != 401 && in_seconds(0) < end - 1 {
            assert!(begun.elapsed() < PROMISE, "it is not heard");
        }
    }
    signed_in_anew(&server, "ann").await;
    assert!(in_seconds(0) >= end, "it stands until then");
    is_refused(&server, &token("ann", later(-60))).await;
}

on_durable_stores!(
    a_user_revoked_by_the_command_is_out_at_once_and_stays_out_until_lifted,
    one_token_is_revoked_by_its_id_and_no_other,
    a_ban_is_of_later_tokens_too_and_ends_when_it_was_said,
);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_revoked_at_one_node_counts_at_all() {
    let store = Store::mongodb().await;
    let (here, there) = (start(&store).await, start(&store).await);
    let old = token("ann", later(-60));
    let mut near = Client::connect(&here, "ann").await;
    near.authenticate(&old).await.unwrap();
    let mut far = Client::connect(&there, "ann").await;
    far.authenticate(&old).await.unwrap();
    far.join(BOOK).await;
    let (status, answer) = operator(&here, "POST", &json!({ "user": "ann" })).await;
    let since = Instant::now();
    assert_eq!((status, &answer["user"]), (200, &json!("ann")));
    // The node that answered has done it.
    is_refused(&here, &old).await;
    is_closed(&mut near, since).await;
    is_closed(&mut far, since).await;
    println!("at the other node after {:?}", since.elapsed());
    is_refused(&there, &old).await;

    let (status, answer) = operator(&there, "DELETE", &json!({ "user": "ann" })).await;
    assert_eq!((status, answer), (200, json!({ "lifted": 1 })));
    is_served(&there, &old).await;
    until_served(&here, &old).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_in_the_future_hides_none_that_comes_after_it() {
    let store = Store::mongodb().await;
    let server = start(&store).await;
    // As a primary left it whose clock was ahead.
    run(&store, &["revoke", "--user", "zoe"]).await.done();
    let client = ::mongodb::Client::with_uri_str(store.url()).await.unwrap();
    let revocations = client
        .default_database()
        .unwrap()
        .collection::<::mongodb::bson::Document>("revocations");
    let ahead = ::mongodb::bson::DateTime::from_millis(in_seconds(300) * 1_000);
    let changed = ::mongodb::bson::doc! { "$set": { "changed": ahead } };
    let all = ::mongodb::bson::doc! {};
    assert_eq!(revocations.update_many(all, changed).await.unwrap().matched_count, 1);
    // This one tells that the node has read so far.
    let (bob, carol) = (token("bob", later(-60)), token("carol", later(-60)));
    for (user, token) in [("bob", &bob), ("carol", &carol)] {
        is_served(&server, token).await;
        run(&store, &["revoke", "--user", user]).await.done();
        let since = Instant::now();
        while reads(&server, token).await != 401 {
            assert!(since.elapsed() < PROMISE, "{user} is not heard to be revoked");
        }
    }
}

#[tokio::test]
async fn only_the_operators_secret_opens_the_endpoint() {
    let server = start(&Store::memory()).await;
    let victim = token("ann", json!({}));
    let mut ann = Client::known(&server, "ann", json!({})).await;
    let everything = token("root", json!({ "moderator": true, "admin": true, "role": "admin" }));
    let mut methods = ["POST", "GET", "DELETE"].into_iter().cycle();
    for bearer in [
        None,
        Some("Bearer "),
        Some(&*format!("Bearer {everything}")),
        Some(&format!("Bearer {SECRET}")),
        Some(&format!("Bearer {}", &ADMIN[1..])),
        Some(&format!("Bearer {ADMIN}x")),
        Some(&format!("Basic {ADMIN}")),
    ] {
        let headers: Vec<_> = bearer.map(|bearer| ("authorization", bearer)).into_iter().collect();
        // No more than are answered at once: see guesses.rs.
        let (method, body) = (methods.next().unwrap(), r#"{"user":"ann"}"#);
        let (status, head, answer) = send(&server, method, "/admin/revocations", &headers, body).await;
        assert_eq!(
            (status, &answer["code"]),
            (401, &json!("unauthorized")),
            "{method} {bearer:?}"
        );
        assert!(head.contains("www-authenticate: bearer"), "{head}");
    }
    for body in [
        json!({}),
        json!({ "user": "ann", "token": "t" }),
        json!({ "user": "" }),
        json!({ "token": "t", "ban": true }),
        json!({ "user": "ann", "until": "2020-01-01T00:00:00Z" }),
        json!({ "user": "ann", "until": "soon" }),
        json!({ "user": "ann", "for": "1h" }),
        json!("ann"),
        json!({ "user": "x".repeat(5_000) }),
    ] {
        let (status, answer) = operator(&server, "POST", &body).await;
        assert_eq!((status, &answer["code"]), (400, &json!("invalid_data")), "{body}");
    }
    is_served(&server, &victim).await;
    assert_eq!(ann.drain().await, []);
    assert_eq!(
        operator(&server, "DELETE", &json!({ "token": "t" })).await.1,
        json!({ "lifted": 0 })
    );
    assert_eq!(
        operator(&server, "POST", &json!({ "user": "ann", "ban": true }))
            .await
            .0,
        200
    );
    is_closed(&mut ann, Instant::now()).await;
}

#[tokio::test]
async fn without_a_secret_of_its_own_it_is_not_there() {
    let server = Server::start_with_secret(&Store::memory(), &[]).await;
    let (status, answer) = operator(&server, "POST", &json!({ "user": "ann" })).await;
    assert_eq!((status, &answer["code"]), (404, &json!("unsupported")));
    let server = Server::start_with(&Store::memory(), &["--admin-secret", ADMIN]).await;
    let (status, answer) = operator(&server, "POST", &json!({ "user": "ann" })).await;
    assert_eq!(
        (status, &answer["code"]),
        (400, &json!("invalid_data")),
        "there are no tokens"
    );
    for (secret, why) in [("short", "needs 32 or more"), (SECRET, "make another one")] {
        let flags = ["--auth-secret", SECRET, "--admin-secret", secret];
        let refused = Server::try_start(&Store::memory(), &flags).await.unwrap_err();
        assert!(
            refused.stderr.contains(why) && !refused.stderr.contains(secret),
            "{}",
            refused.stderr
        );
    }
}

#[tokio::test]
async fn a_command_that_names_nobody_or_what_is_over_is_refused() {
    let store = Store::sqlite();
    for (arguments, why) in [
        (&["revoke"][..], "required"),
        (&["revoke", "--user", "a", "--token", "t"], "cannot be used with"),
        (&["revoke", "--token", "t", "--ban"], "cannot be used with"),
        (
            &["revoke", "--user", "a", "--until", "2020-01-01T00:00:00Z"],
            "over already",
        ),
        (&["revoke", "--user", "a", "--until", "soon"], "how long from now"),
    ] {
        let output = command(&store, arguments).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            output.status.code() == Some(2) && said.contains(why),
            "{arguments:?}: {said}"
        );
    }
    let missing = run(&store, &["revoke", "--user", "a"]).await.refused();
    assert!(missing.contains("there is no event log"), "{missing}");
    let memory = run(&Store::memory(), &["revocations"]).await.refused();
    assert!(memory.contains("memory:"), "{memory}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_route_to_the_store_went_silent_hears_of_it_as_soon_as_there_is_another() {
    let setup = Setup {
        members: 1,
        proxied: true,
        election_timeout: Duration::from_secs(10),
    };
    let set = ReplicaSet::start(setup).await;
    let here = start(&Store::at(set.url("revoked", 0))).await;
    let there = start(&Store::at(set.url("revoked", 1))).await;
    let old = token("ann", later(-60));
    let mut far = Client::connect(&there, "ann").await;
    far.authenticate(&old).await.unwrap();
    let weather = |weather| {
        for proxy in set.proxies() {
            proxy.set_weather(Side::Node(1), weather);
        }
    };
    weather(Weather::Lost);
    let (status, _) = operator(&here, "POST", &json!({ "user": "ann", "ban": true })).await;
    assert_eq!(status, 200);
    // The node has noticed that nobody answers.
    within("the node to miss its store", async {
        while !there
            .process()
            .stderr()
            .contains("what is revoked elsewhere is not heard")
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(far.drain().await, [], "it goes on with what it knows");
    weather(Weather::Clear);
    // A question under way has its second, and then its answer another.
    is_closed(&mut far, Instant::now() + Duration::from_secs(1)).await;
    is_refused(&there, &old).await;
}
