//! SECURITY.md names a test for each promise: every one of them is there, and is one.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::path::Path;

/// `(file, test)` of every pair of words in backquotes of which the first is a file of tests.
fn named(text: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('|')) {
        let words: Vec<&str> = line.split('`').skip(1).step_by(2).collect();
        for pair in words.windows(2) {
            let is_tests = [".rs", ".mjs"].iter().any(|end| pair[0].ends_with(end)) && pair[0].contains('/');
            if is_tests {
                found.push((pair[0].to_owned(), pair[1].to_owned()));
            }
        }
    }
    found
}

/// Whether the source has a test of that name which is run.
fn has(source: &str, test: &str) -> bool {
    if source.contains(&format!("story(\"{test}\"")) || source.contains(&format!("test(\"{test}\"")) {
        return true;
    }
    let Some(at) = source.find(&format!("fn {test}(")) else {
        return false;
    };
    let attributes = source[..at].rsplit("\n\n").next().unwrap_or_default();
    let on_stores = source.split("on_durable_stores!").nth(1).unwrap_or_default();
    let is_ignored = attributes.contains("#[ignore");
    !is_ignored && (attributes.contains("#[tokio::test") || attributes.contains("#[test]") || on_stores.contains(test))
}

fn read(path: &str) -> String {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    std::fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn every_test_that_security_md_names_is_there() {
    let text = read("SECURITY.md");
    let named = named(&text);
    let promises = text
        .lines()
        .filter(|line| line.starts_with("| ") && line.contains("tests/"))
        .count();
    assert!(
        promises > 30 && named.len() >= promises,
        "{promises} promises, {} tests",
        named.len()
    );
    let missing: Vec<_> = named.iter().filter(|(file, test)| !has(&read(file), test)).collect();
    assert!(missing.is_empty(), "SECURITY.md names what is not there: {missing:#?}");
    let table = text.split("| promise | test |").nth(1).unwrap();
    for line in table.lines().skip(2).take_while(|line| line.starts_with('|')) {
        assert!(line.matches('`').count() >= 4, "no test shows: {line}");
    }
}

/// What is refused on `/ws` is refused on `/socket.io/` too, and shown there.
const ON_BOTH: [&str; 21] = [
    "no token:",
    "no token in time:",
    "wrong key, ",
    "a token that expires",
    "a renewal makes",
    "revoked:",
    "a room outside the token:",
    "the author is the token's",
    "another's message",
    "pages of foreign origins:",
    "too fast:",
    "too many connections:",
    "new connections too fast:",
    "too many rooms:",
    "too big:",
    "garbage: answered",
    "refused without end:",
    "garbage before a token,",
    "too slow to say what it wants:",
    "too slow to read:",
    "silent:",
];

#[test]
fn each_refusal_is_shown_on_both_transports() {
    let text = read("SECURITY.md");
    for promise in ON_BOTH {
        let begins = format!("| {promise}");
        let lines: Vec<_> = text.lines().filter(|line| line.starts_with(&begins)).collect();
        let [line] = lines[..] else {
            panic!("not one line begins with {begins:?}: {lines:?}")
        };
        let tests = named(line);
        let (socketio, others): (Vec<_>, Vec<_>) =
            tests.iter().partition(|(file, _)| file.starts_with("tests/socketio/"));
        assert!(
            !socketio.is_empty() && !others.is_empty(),
            "one transport alone: {line}"
        );
    }
}

#[test]
fn what_is_no_test_is_found_missing() {
    let source = "#[tokio::test]\nasync fn runs() {}\n\nasync fn helper() {}\n\n#[tokio::test]\n#[ignore]\nasync fn sleeps() {}\n\n\
                  async fn twice(store: Store) {}\n\non_durable_stores!(twice);\n";
    for (test, is_there) in [
        ("runs", true),
        ("twice", true),
        ("helper", false),
        ("sleeps", false),
        ("gone", false),
    ] {
        assert_eq!(has(source, test), is_there, "{test}");
    }
    assert!(has("story(\"it works\", async () => {});", "it works"));
    assert_eq!(named("| a | `tests/x.rs` `one`, `tests/y.rs` `two` |").len(), 2);
}
