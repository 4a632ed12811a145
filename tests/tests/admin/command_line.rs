//! The command line itself: present flags stay, commands stand beside them.

use std::fs;

use e2e::command::{command, run, run_bare, run_with_input};
use e2e::{Server, Store};
use mongodb::bson::{Document, doc};

use super::{database, export, file};

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
    for store in [Store::mongodb().await, Store::standalone_mongodb().await] {
        for command in [&["log", "new-epoch"][..], &["log", "redact", "--user", "u1", "--yes"]] {
            let why = run(&store, command).await.refused();
            assert!(
                why.contains("there is no event log at MongoDB database"),
                "{command:?}: {why}"
            );
        }
        let made = database(&store).await.list_collection_names().await.unwrap();
        assert!(made.is_empty(), "{made:?}");
    }
    fs::write(file(&store), "").unwrap();
    let why = run(&store, &["log", "new-epoch"]).await.refused();
    assert!(why.contains("there is no event log at"), "{why}");
    let memory = run_bare(&["log", "verify", "--store", "memory:"]).await;
    assert_eq!(memory.code, 2);
    assert!(memory.stderr.contains("gone with the server"), "{}", memory.stderr);
}

#[tokio::test]
async fn the_database_of_another_program_is_not_touched() {
    for (tables, why) in [
        ("CREATE TABLE books (x)", "is the database of another program"),
        (
            "CREATE TABLE meta (key TEXT PRIMARY KEY, value); CREATE TABLE books (x)",
            "is the database of another program",
        ),
        (
            "CREATE TABLE meta (key TEXT PRIMARY KEY, value); CREATE TABLE events (x)",
            "has no format",
        ),
    ] {
        let store = Store::sqlite();
        let theirs = rusqlite::Connection::open(file(&store)).unwrap();
        theirs.execute_batch(tables).unwrap();
        drop(theirs);
        let before = fs::read(file(&store)).unwrap();
        let commands: [&[&str]; 3] = [
            &["log", "new-epoch"],
            &["log", "redact", "--user", "u1", "--yes"],
            &["log", "import"],
        ];
        for command in commands {
            let told = run_with_input(&store, command, &export(&[])).await.refused();
            assert!(told.contains(why), "{command:?}: {told}");
            assert!(fs::read(file(&store)).unwrap() == before, "{command:?} changed it");
            let beside = file(&store).parent().unwrap().read_dir().unwrap().count();
            assert_eq!(beside, 1, "{command:?} left something beside it");
        }
    }
}

#[tokio::test]
async fn the_collections_of_another_program_are_not_touched() {
    let store = Store::mongodb().await;
    let theirs = database(&store).await.collection::<Document>("events");
    theirs.insert_one(doc! { "what": "a concert" }).await.unwrap();
    let commands: [&[&str]; 3] = [
        &["log", "new-epoch"],
        &["log", "redact", "--user", "u1", "--yes"],
        &["log", "import"],
    ];
    for command in commands {
        let told = run_with_input(&store, command, &export(&[])).await.refused();
        assert!(
            told.contains("has no format") || told.contains("it is another program's"),
            "{command:?}: {told}"
        );
        assert_eq!(theirs.list_index_names().await.unwrap(), ["_id_"], "{command:?}");
        let made = database(&store).await.list_collection_names().await.unwrap();
        assert_eq!(made, ["events"], "{command:?}");
    }
}

#[tokio::test]
async fn a_password_is_shown_to_nobody() {
    let secret = "mongodb://bob:hunter2pw@h/db";
    for arguments in [
        &["--help"][..],
        &["log", "verify", "--help"],
        &["import-messages", "--help"],
    ] {
        let mut command = command(&Store::memory(), arguments);
        let help = command.env("READREALM_STORE", secret).output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        assert!(
            help.contains("READREALM_STORE") && !help.contains("hunter2pw"),
            "{help}"
        );
    }
    for wrong in [
        "mongodb://bob:hunter2pw@h:99999999/db",
        "mongodb://bob:hunter2pw@x@h/db",
        "mongo://bob:hunter2pw@h/db",
    ] {
        for arguments in [
            ["log", "verify", "--store", wrong],
            ["import-messages", "--from", wrong, "--dry-run"],
        ] {
            let ended = run_bare(&arguments).await;
            assert_eq!(ended.code, 2, "{}", ended.stderr);
            assert!(ended.stderr.contains("invalid value for '--"), "{}", ended.stderr);
            assert!(!ended.stderr.contains("hunter2pw"), "{}", ended.stderr);
        }
    }
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
