//! `import-messages`: numbers and ids that MongoDB, or the log, takes for the same over their types.

use ::mongodb::bson::{Bson, doc};
use e2e::Store;

use super::import_messages::{Old, contents, room, said};

e2e::on_durable_stores!(decimals_are_numbers_too, ids_that_differ_in_their_type_alone_are_told);

/// MongoDB takes numbers for equal over their types, so whichever of them names the group, all of it comes over.
async fn decimals_are_numbers_too(into: Store) {
    let old = Old::new().await;
    let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
    old.insert([
        said(decimal("11"), 1, "one"),
        said(11, 2, "two"),
        said(decimal("11.0"), 3, "three"),
    ])
    .await;
    old.insert([said(12, 1, "one"), said(decimal("1.2E+1"), 2, "two")])
        .await;
    old.insert([said(decimal("12.5"), 3, "none"), said(decimal("NaN"), 4, "none")])
        .await;
    let printed = old.import(&into, &[]).await.done();
    assert_eq!(
        printed,
        "5 messages imported, 0 there already, 2 skipped\n  2 skipped: bookId is no whole number from 0 to 2^53-1\n"
    );
    assert_eq!(contents(&room(&into, "11").await), ["one", "two", "three"]);
    assert_eq!(contents(&room(&into, "12").await), ["one", "two"]);
}

/// As text they are one, and only one of them can be the key.
async fn ids_that_differ_in_their_type_alone_are_told(into: Store) {
    let old = Old::new().await;
    let (mut number, mut text) = (said(7, 1, "of a number"), said(7, 1, "of a text"));
    number.insert("_id", 5);
    text.insert("_id", "5");
    let mut odd = said(7, 2, " ");
    odd.insert("_id", "\u{1b}[31mred\u{202e}");
    old.insert([text, number, odd]).await;
    let ended = old.import(&into, &[]).await;
    assert!(
        ended.stderr.contains("skipped _id \"5\": another message"),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("\\u{1b}[31mred\\u{202e}") && !ended.stderr.contains('\u{202e}'),
        "what acts on a terminal is printed escaped: {}",
        ended.stderr
    );
    let printed = ended.done();
    assert!(
        printed.starts_with("1 message imported, 0 there already, 2 skipped\n"),
        "{printed}"
    );
    assert_eq!(contents(&room(&into, "7").await), ["of a number"]);

    // Whose `_id`s are numbers is still known for what came from here.
    let mut newer = said(7, 9, "newer");
    newer.insert("_id", 6);
    old.insert([newer]).await;
    old.messages.delete_one(doc! { "_id": "5" }).await.unwrap();
    let again = old.import(&into, &[]).await.done();
    assert!(
        again.starts_with("1 message imported, 1 there already, 1 skipped\n"),
        "{again}"
    );
}
