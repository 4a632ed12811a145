//! The command line itself: present flags stay, commands stand beside them.

use e2e::command::{run, run_bare};
use e2e::{Server, Store};

use super::file;

#[tokio::test]
async fn help_tells_of_flags_and_commands() {
    let help = run_bare(&["--help"]).await.done();
    for word in [
        "--listen",
        "--store",
        "--max-connections",
        "Commands:",
        "log ",
        "import-messages",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
    let log = run_bare(&["log", "--help"]).await.done();
    for word in [
        "verify",
        "export",
        "import",
        "history",
        "redact",
        "new-epoch",
        "--store",
    ] {
        assert!(log.contains(word), "{word}: {log}");
    }
    let redact = run_bare(&["log", "redact", "--help"]).await.done();
    assert!(redact.contains("oplog"), "what remains is said: {redact}");
}

#[tokio::test]
async fn the_store_stands_before_or_after_the_command() {
    let store = Store::sqlite();
    drop(Server::start(&store).await);
    for arguments in [
        ["--store", store.url(), "log", "verify"],
        ["log", "verify", "--store", store.url()],
    ] {
        assert_eq!(run_bare(&arguments).await.done(), "0 rooms, 0 events, 0 findings\n");
    }
    let within = run_bare(&["log", "--store", store.url(), "verify"]).await;
    assert_eq!(within.code, 0, "{}", within.stderr);
}

#[tokio::test]
async fn a_missing_log_is_one_sentence_and_no_file() {
    let store = Store::sqlite();
    let commands: [(&[&str], i32); 6] = [
        (&["log", "verify"], 2),
        (&["log", "export"], 1),
        (&["log", "history", "11"], 1),
        (&["log", "redact", "--message", "11-1"], 1),
        (&["log", "redact", "--message", "11-1", "--yes"], 1),
        (&["log", "new-epoch"], 1),
    ];
    for (command, code) in commands {
        let ended = run(&store, command).await;
        assert_eq!(ended.code, code, "{command:?}: {}", ended.stderr);
        let sentence = format!(
            "readrealm-server: there is no event log at {}\n",
            file(&store).display()
        );
        assert_eq!((ended.stdout.as_str(), ended.stderr), ("", sentence), "{command:?}");
    }
    assert_eq!(file(&store).parent().unwrap().read_dir().unwrap().count(), 0);

    let empty = run(&Store::mongodb().await, &["log", "verify"]).await;
    assert_eq!(empty.code, 2);
    assert!(
        empty.stderr.contains("there is no event log at MongoDB database"),
        "{}",
        empty.stderr
    );
    let memory = run_bare(&["log", "verify", "--store", "memory:"]).await;
    assert_eq!(memory.code, 2);
    assert!(memory.stderr.contains("gone with the server"), "{}", memory.stderr);
}

#[tokio::test]
async fn what_changes_a_log_needs_it_alone() {
    for store in [Store::sqlite(), Store::standalone_mongodb().await] {
        let server = Server::start(&store).await;
        let commands: [&[&str]; 3] = [
            &["log", "new-epoch"],
            &["log", "redact", "--user", "alice", "--yes"],
            &["import-messages", "--from", "mongodb://127.0.0.1:1/chat"],
        ];
        for command in &commands[..2] {
            let why = run(&store, command).await.refused();
            assert!(
                why.contains("in use by another readrealm-server; stop that one first"),
                "{why}"
            );
        }
        let epoch = run(&store, &["log", "export"]).await.done();
        drop(server);
        assert_eq!(
            run(&store, &["log", "export"]).await.done(),
            epoch,
            "a refusal changes nothing"
        );
    }
}

#[tokio::test]
async fn a_wrong_command_line_is_2() {
    for wrong in [
        &["log"][..],
        &["log", "redact"],
        &["log", "redact", "--message", "11"],
        &["log", "history", "-1"],
        &["log", "history", "11", "--at", "yesterday"],
        &["log", "history", "11", "--with-deleted"],
        &["log", "verify", "--book", "x"],
        &["import-messages"],
    ] {
        assert_eq!(run_bare(wrong).await.code, 2, "{wrong:?}");
    }
}
