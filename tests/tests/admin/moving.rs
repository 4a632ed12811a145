//! From SQLite to MongoDB: the same rooms, the same positions, and clients resume.

use e2e::client::Client;
use e2e::command::{run, run_with_input};
use e2e::{Server, Store};
use readrealm_protocol::ServerEvent;
use readrealm_protocol::client::ClientEvent;

use super::conversation;

#[tokio::test]
async fn a_log_moves_from_sqlite_to_mongodb_and_clients_resume() {
    for (from, to) in [
        (Store::sqlite(), Store::mongodb().await),
        (Store::mongodb().await, Store::sqlite()),
    ] {
        let server = Server::start(&from).await;
        conversation(&server).await;
        let mut reader = Client::connect(&server, "reader").await;
        let before = [reader.join(11).await, reader.join(84).await];
        drop(server);

        let lines = run(&from, &["log", "export"]).await.done();
        let imported = run_with_input(&to, &["log", "import"], &lines).await.done();
        assert!(imported.contains("clients resume on it"), "{imported}");
        assert_eq!(
            run(&to, &["log", "verify"]).await.done(),
            "2 rooms, 7 events, 0 findings\n"
        );
        assert_eq!(
            run(&to, &["log", "export"]).await.done(),
            lines,
            "the same, line for line"
        );

        let server = Server::start(&to).await;
        let mut reader = Client::connect(&server, "reader").await;
        for (book, before) in [(11, &before[0]), (84, &before[1])] {
            let after = reader.join(book).await;
            assert_eq!(
                (&after.messages, after.seq, &after.epoch, after.has_more),
                (&before.messages, before.seq, &before.epoch, before.has_more)
            );
        }
        let mut resumer = Client::connect(&server, "resumer").await;
        let ClientEvent::JoinRoom(mut join) = resumer.joining(11) else {
            unreachable!()
        };
        (join.after, join.epoch) = (Some(4_u32.into()), Some(before[0].epoch.clone()));
        let answer = resumer.ask(ClientEvent::JoinRoom(join)).await.unwrap();
        assert!(matches!(answer, ServerEvent::Resumed(_)), "{answer:?}");
        let again = reader.try_post(84, "once", Some("new")).await.unwrap();
        assert_eq!(again.seq.get(), 2);
    }
}
