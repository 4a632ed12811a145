//! A revocation that stands is made stronger by another, and never weaker: what stands is what is answered, and what counts.

use std::time::Duration;

use e2e::token::{in_seconds, token};
use e2e::{Store, on_durable_stores};
use serde_json::json;

use crate::revoked::{is_refused, later, operator, start};

/// What is asked later, and ends sooner, is answered with what stands, and changes nothing.
async fn a_ban_without_end_outlives_one_that_ends(store: Store) {
    let server = start(&store).await;
    let until = |end: i64| readrealm_protocol::Timestamp::from_millis(end * 1_000).to_string();
    let mut ends = [None, Some(until(in_seconds(2)))].into_iter();
    let mut at = Vec::new();
    for end in &mut ends {
        let mut ban = json!({ "user": "ann", "ban": true });
        if let Some(end) = end {
            ban["until"] = end.into();
        }
        let (status, stands) = operator(&server, "POST", &ban).await;
        assert_eq!((status, stands.get("until")), (200, None), "{stands}");
        at.push(stands["at"].as_str().unwrap().to_owned());
    }
    assert!(at[0] <= at[1], "{at:?}");
    // A longer one is told as what stands from then on.
    for (seconds, stands) in [(2, 2), (600, 600), (3, 600)] {
        let now = in_seconds(0);
        let ban = json!({ "user": "bob", "ban": true, "until": until(now + seconds) });
        let (_, told) = operator(&server, "POST", &ban).await;
        let end = told["until"].as_str().unwrap();
        assert!(
            (until(now + stands - 2).as_str()..=until(now + stands).as_str()).contains(&end),
            "{told}"
        );
    }
    let end = in_seconds(4);
    while in_seconds(0) < end {
        for user in ["ann", "bob"] {
            is_refused(&server, &token(user, later(0))).await;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

#[tokio::test]
async fn in_memory_a_ban_without_end_outlives_one_that_ends() {
    a_ban_without_end_outlives_one_that_ends(Store::memory()).await;
}

on_durable_stores!(a_ban_without_end_outlives_one_that_ends);
