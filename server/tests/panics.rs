//! A panic of the process is a log line like others, is counted, and tells nothing of what was handled.
#![allow(clippy::unwrap_used, reason = "a test")]

use std::process::Command;

use readrealm_server::config::LogFormat;
use readrealm_server::logging;
use readrealm_server::metrics::Metrics;
use serde_json::Value;

/// Set in the process that panics.
const CHILD: &str = "READREALM_TEST_PANICS";

#[test]
fn a_panic_is_a_line_of_json_that_tells_where_and_is_counted() {
    if std::env::var_os(CHILD).is_some() {
        return panic_twice();
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "a_panic_is_a_line_of_json_that_tells_where_and_is_counted",
        "--nocapture",
    ]);
    let ended = child.env(CHILD, "1").env_remove("RUST_BACKTRACE").output().unwrap();
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{said}");
    assert!(!said.contains("canary"), "{said}");
    let lines: Vec<Value> = said
        .lines()
        .map(|line| serde_json::from_str(line).expect(line))
        .collect();
    assert_eq!(lines.len(), 2, "{said}");
    for line in &lines {
        assert_eq!(line["level"], "ERROR");
        assert!(line["fields"]["at"].as_str().unwrap().contains("panics.rs:"), "{line}");
        assert_eq!(line["fields"]["thread"], "of the test");
    }
    assert_eq!(lines[0]["fields"]["what"], Value::Null, "there may be a message in it");
    assert_eq!(lines[1]["fields"]["what"], "words of the program");
}

fn panic_twice() {
    logging::start(LogFormat::Json);
    let panicking = |what: fn()| {
        let thread = std::thread::Builder::new().name("of the test".to_owned());
        thread.spawn(what).unwrap().join().unwrap_err();
    };
    panicking(|| panic!("what {} said", std::hint::black_box("canary")));
    panicking(|| panic!("words of the program"));
    let metrics = Metrics::default().render();
    assert!(metrics.contains("readrealm_panics_total 2\n"), "{metrics}");
}
