//! What has changed is read in pages, whatever the store: each once, in the order of the changes, and none is left out.
#![allow(clippy::unwrap_used, reason = "a test")]

#[allow(dead_code, reason = "other tests use the rest")]
#[path = "support/mongod.rs"]
mod mongod;

use std::collections::BTreeSet;
use std::sync::Arc;

use mongodb::bson::{DateTime, Document, doc};
use readrealm_protocol::{Timestamp, UserId};
use readrealm_server::auth::revoked::{Revocation, Subject};
use readrealm_server::log::open::StoreUrl;
use readrealm_server::revocation::{MOST, Mark, RevocationError, Revocations, open};

const PAGE: u32 = 7;

fn ban(user: &str) -> Revocation {
    Revocation {
        subject: Subject::Ban(UserId::try_from(user).unwrap()),
        at: Timestamp::now(),
        until: Timestamp::MAX,
    }
}

/// What is read from a mark up to the last page, how many pages that took, and the mark behind it.
async fn read(store: &Arc<dyn Revocations>, mut mark: Mark) -> (Vec<Revocation>, u32, Mark) {
    let (mut all, mut pages) = (Vec::new(), 0);
    loop {
        let page = store.changes(&mark, PAGE).await.unwrap();
        // As many may be known.
        assert!(page.news.len() <= 2 * PAGE as usize, "{}", page.news.len());
        (pages, mark) = (pages + 1, page.mark);
        all.extend(page.news);
        assert!(pages < 100, "it never ends");
        if page.is_last {
            return (all, pages, mark);
        }
    }
}

fn subjects(all: &[Revocation]) -> BTreeSet<String> {
    all.iter().map(|one| one.subject.to_string()).collect()
}

async fn pages_hold_all_of_it(url: &str) {
    let store = open(&url.parse::<StoreUrl>().unwrap()).await.unwrap();
    let (none, pages, mark) = read(&store, Mark::default()).await;
    assert_eq!((none.len(), pages), (0, 1));
    for user in 0..50 {
        store.revoke(&ban(&format!("u{user}"))).await.unwrap();
    }
    for (from, known) in [(Mark::default(), 0), (mark, 1)] {
        let (all, pages, mark) = read(&store, from).await;
        assert_eq!((subjects(&all).len(), pages), (50 + known, 8));
        // Behind it what is new is on the first page, and what was lifted.
        let (_, pages, mark) = read(&store, mark).await;
        assert_eq!(pages, 1);
        store.revoke(&ban("late")).await.unwrap();
        assert!(store.lift(&ban("u3").subject).await.unwrap());
        let page = store.changes(&mark, PAGE).await.unwrap();
        let said = subjects(&page.news);
        assert!(
            said.contains("ban/late") && said.contains("ban/u3") && page.is_last,
            "{said:?}"
        );
        let lifted = page.news.iter().find(|one| one.subject == ban("u3").subject).unwrap();
        assert!(lifted.until <= Timestamp::now(), "it has ended");
        // As it was.
        store.revoke(&ban("u3")).await.unwrap();
    }
    store.close().await;
}

#[tokio::test]
async fn in_sqlite_pages_hold_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("log.db").display());
    pages_hold_all_of_it(&url).await;
}

#[tokio::test]
async fn in_mongodb_pages_hold_all_of_it() {
    pages_hold_all_of_it(&mongod::replica_set()).await;
}

#[tokio::test]
async fn on_a_standalone_mongod_pages_hold_all_of_it() {
    pages_hold_all_of_it(&mongod::standalone()).await;
}

/// As many as may stand, and one that stands may still be made stronger.
async fn a_full_store_refuses_another_and_renews_what_stands(url: &str, fill: impl AsyncFnOnce()) {
    let store = open(&url.parse::<StoreUrl>().unwrap()).await.unwrap();
    fill().await;
    assert_eq!(store.revoke(&ban("another")).await, Err(RevocationError::Full));
    let known = ban("u7");
    let stands = store.revoke(&known).await.unwrap();
    assert_eq!(stands, known, "it stood until tomorrow, and is without end now");
    store.close().await;
}

/// Tomorrow, in milliseconds since 1970.
fn tomorrow() -> i64 {
    Timestamp::now().as_millis() + 86_400_000
}

#[tokio::test]
async fn a_full_sqlite_renews_what_stands() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("log.db");
    let url = format!("sqlite:{}", path.display());
    let fill = async || {
        let mut connection = rusqlite::Connection::open(&path).unwrap();
        let tx = connection.transaction().unwrap();
        let insert = "INSERT INTO revocations (subject, at, until, change) VALUES (?, 1, ?, ?)";
        let mut insert_one = tx.prepare(insert).unwrap();
        for user in 0..i64::try_from(MOST).unwrap() {
            insert_one
                .execute(rusqlite::params![format!("ban/u{user}"), tomorrow(), user + 1])
                .unwrap();
        }
        drop(insert_one);
        tx.commit().unwrap();
    };
    a_full_store_refuses_another_and_renews_what_stands(&url, fill).await;
}

#[tokio::test]
async fn a_full_mongodb_renews_what_stands() {
    let url = mongod::replica_set();
    let fill = async || {
        let client = mongodb::Client::with_uri_str(&url).await.unwrap();
        let collection = client.default_database().unwrap().collection::<Document>("revocations");
        let (then, end) = (DateTime::from_millis(1), DateTime::from_millis(tomorrow()));
        let bans =
            (0..MOST).map(|user| doc! { "_id": format!("ban/u{user}"), "at": then, "until": end, "changed": then });
        collection.insert_many(bans).ordered(false).await.unwrap();
    };
    a_full_store_refuses_another_and_renews_what_stands(&url, fill).await;
}

#[tokio::test]
async fn what_comes_to_be_seen_late_is_heard_among_many_and_the_future_hides_nothing() {
    let url = mongod::replica_set();
    let store = open(&url.parse::<StoreUrl>().unwrap()).await.unwrap();
    let database = mongodb::Client::with_uri_str(&url)
        .await
        .unwrap()
        .default_database()
        .unwrap();
    let collection = database.collection::<Document>("revocations");
    let now = DateTime::now().timestamp_millis();
    let changed = |user: &str, seconds: i64| {
        let far = DateTime::from_millis(Timestamp::MAX.as_millis());
        let changed = DateTime::from_millis(now + seconds * 1_000);
        doc! { "_id": format!("ban/{user}"), "at": changed, "until": far, "changed": changed }
    };
    // Twenty pages of the last seconds, and as many of a clock that was ahead.
    let recent = (0..140).map(|user| changed(&format!("a{user}"), -20));
    let ahead = (0..140).map(|user| changed(&format!("z{user}"), 600));
    collection.insert_many(recent.chain(ahead)).await.unwrap();
    let (all, _, mut mark) = read(&store, Mark::default()).await;
    assert_eq!(subjects(&all).len(), 280);
    // Given its time before all of these, and seen after them: each page reads a part of the last minute again.
    collection.insert_one(changed("late", -30)).await.unwrap();
    let mut pages = 0;
    loop {
        let page = store.changes(&mark, PAGE).await.unwrap();
        assert!(
            page.is_last && page.news.len() <= PAGE as usize,
            "only what is known is read again"
        );
        (pages, mark) = (pages + 1, page.mark);
        if subjects(&page.news).contains("ban/late") {
            break;
        }
        assert!(pages < 60, "it is not heard");
    }
}
