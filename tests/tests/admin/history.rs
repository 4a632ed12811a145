//! `log history`: the room as it is and as it was, and no word of what was withdrawn.

use e2e::command::{run, run_with_input};
use e2e::{Server, Store};
use serde_json::Value;

use super::{conversation, export, post};

e2e::on_durable_stores!(
    a_room_is_told_as_it_was_at_any_position,
    a_time_means_the_last_event_by_then,
    the_newest_messages_are_told_first_of_all
);

async fn history(store: &Store, arguments: &[&str]) -> String {
    run(store, &[&["log", "history", "11"], arguments].concat())
        .await
        .done()
}

/// `(seq, content)` of the messages, in the order they are printed.
async fn messages(store: &Store, arguments: &[&str]) -> Vec<(u64, Option<String>)> {
    let lines = history(store, &[&["--json"], arguments].concat()).await;
    let objects = lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    objects
        .map(|message| {
            let content = message
                .get("content")
                .map(|content| content.as_str().unwrap().to_owned());
            assert_eq!(content.is_none(), content.is_none() && message["deleted"] == true);
            (message["seq"].as_u64().unwrap(), content)
        })
        .collect()
}

fn told(seq: u64, content: &str) -> (u64, Option<String>) {
    (seq, Some(content.to_owned()))
}

/// Posts at 1 and 2, their edits at 3 and 4, the second deleted at 5, a post at 6. A server lives beside.
async fn a_room_is_told_as_it_was_at_any_position(store: Store) {
    let server = Server::start(&store).await;
    conversation(&server).await;
    let (first, edited) = (told(1, "Down the rabit hole"), told(1, "Down the rabbit hole"));
    let last = told(6, "Curiouser and\ncuriouser \u{1b}[31m!");
    let gone = (2, None);
    assert_eq!(messages(&store, &[]).await, [edited.clone(), last.clone()]);
    assert_eq!(messages(&store, &["--at", "6"]).await, [edited.clone(), last]);
    assert_eq!(messages(&store, &["--at", "5"]).await, std::slice::from_ref(&edited));
    assert_eq!(messages(&store, &["--at", "4"]).await, [edited.clone(), gone.clone()]);
    assert_eq!(messages(&store, &["--at", "2"]).await, [first.clone(), gone]);
    assert_eq!(messages(&store, &["--at", "1"]).await, std::slice::from_ref(&first));
    assert_eq!(messages(&store, &["--at", "0"]).await, []);
    let with = messages(&store, &["--at", "4", "--with-deleted"]).await;
    assert_eq!(with, [edited, told(2, "a secret slipped out again")]);
    assert_eq!(
        messages(&store, &["--at", "2", "--with-deleted"]).await,
        [first, told(2, "a secret slipped out")]
    );
    let why = run(&store, &["log", "history", "11", "--at", "7"]).await.refused();
    assert!(why.contains("room 11 ends at position 6"), "{why}");

    for at in ["1", "2", "3", "4", "5", "6"] {
        let text = history(&store, &["--at", at]).await;
        assert!(!text.contains("secret"), "{text}");
        assert!(
            text.starts_with(&format!("room 11 at position {at} of 6\n#1 ")),
            "{text}"
        );
    }
    let text = history(&store, &[]).await;
    assert!(
        text.contains(" alice <alice> (edited): Down the rabbit hole\n"),
        "{text}"
    );
    assert!(
        text.ends_with("Curiouser and\\ncuriouser \\u{1b}[31m!\n"),
        "a terminal is not told what to do: {text}"
    );
    let text = history(&store, &["--at", "4"]).await;
    assert!(text.ends_with(" bob <bob> (edited) (deleted since)\n"), "{text}");
}

async fn a_time_means_the_last_event_by_then(store: Store) {
    let posts: Vec<_> = (1..=9)
        .map(|seq| post(11, seq, "alice", &format!("words {seq}")))
        .collect();
    run_with_input(&store, &["log", "import"], &export(&posts)).await.done();
    // The post at position n was made at 14:32:0n.
    for (time, last) in [
        ("2024-03-15T14:32:00Z", 0),
        ("2024-03-15T14:32:01Z", 1),
        ("2024-03-15T14:32:01.999Z", 1),
        ("2024-03-15T15:32:05+01:00", 5),
        ("2024-03-15T14:32:09Z", 9),
        ("2024-03-15", 0),
        ("2024-03-16", 9),
        ("1999-01-01", 0),
    ] {
        let told = messages(&store, &["--at", time]).await;
        assert_eq!(told.last().map_or(0, |(seq, _)| *seq), last, "{time}");
    }
}

async fn the_newest_messages_are_told_first_of_all(store: Store) {
    let posts: Vec<_> = (1..=1_200)
        .map(|seq| post(11, seq, "alice", &format!("words {seq}")))
        .collect();
    run_with_input(&store, &["log", "import"], &export(&posts)).await.done();
    for (limit, count) in [
        ("1", 1),
        ("50", 50),
        ("500", 500),
        ("501", 501),
        ("1200", 1_200),
        ("10000", 1_200),
    ] {
        let told = messages(&store, &["--limit", limit]).await;
        let expected: Vec<_> = (1_201 - count..=1_200)
            .map(|seq| self::told(seq, &format!("words {seq}")))
            .collect();
        assert!(told == expected, "{limit}");
    }
    let text = history(&store, &[]).await;
    assert!(
        text.lines().nth(1).unwrap().contains("older messages are left out"),
        "{text}"
    );
    assert_eq!(text.lines().count(), 52);
    let nobody = run(&store, &["log", "history", "12"]).await.done();
    assert_eq!(nobody, "room 12 at position 0 of 0\n");
}
