//! `log new-epoch`: clients of before take every room anew.

use e2e::client::Client;
use e2e::command::{run, run_with_input};
use e2e::{Server, Store};
use readrealm_protocol::ServerEvent;
use readrealm_protocol::client::ClientEvent;

use super::{conversation, export, post};

e2e::on_durable_stores!(clients_take_rooms_anew, an_import_done_again_does_not_undo_it);

async fn an_import_done_again_does_not_undo_it(store: Store) {
    let lines = export(&[post(11, 1, "alice", "words")]);
    let import = async |arguments: &[&str]| {
        let arguments = [&["log", "import"], arguments].concat();
        run_with_input(&store, &arguments, &lines).await.done()
    };
    let printed = import(&[]).await;
    assert!(printed.contains("taken over the epoch an-epoch"), "{printed}");
    let printed = run(&store, &["log", "new-epoch"]).await.done();
    let epoch = printed
        .trim_end()
        .strip_suffix(" now")
        .unwrap()
        .split(' ')
        .next_back()
        .unwrap();
    let kept = format!("keeps its own epoch {epoch}: it was told to");
    let printed = import(&[]).await;
    assert!(printed.contains(&kept), "{printed}");

    let other = Store::sqlite();
    run_with_input(&other, &["log", "import", "--own-epoch"], &lines)
        .await
        .done();
    let printed = run_with_input(&other, &["log", "import"], &lines).await.done();
    assert!(printed.contains("it was told to"), "{printed}");
}

async fn clients_take_rooms_anew(store: Store) {
    let mut server = Server::start(&store).await;
    conversation(&server).await;
    let mut reader = Client::connect(&server, "reader").await;
    let before = reader.join(11).await;
    let why = run(&store, &["log", "new-epoch"]).await.refused();
    assert!(why.contains("stop"), "{why}");
    server.terminate();
    server.ended().await;

    let printed = run(&store, &["log", "new-epoch"]).await.done();
    assert!(
        printed.starts_with(&format!("the epoch was {}, and is ", before.epoch)),
        "{printed}"
    );
    run(&store, &["log", "verify"]).await.done();
    server.restart().await;
    let mut reader = Client::connect(&server, "reader").await;
    let ClientEvent::JoinRoom(mut join) = reader.joining(11) else {
        unreachable!()
    };
    (join.after, join.epoch) = (Some(before.seq), Some(before.epoch.clone()));
    let answer = reader.ask(ClientEvent::JoinRoom(join)).await.unwrap();
    let ServerEvent::PreviousMessages(after) = answer else {
        panic!("{answer:?}")
    };
    assert_ne!(after.epoch, before.epoch);
    assert!(printed.contains(after.epoch.as_str()));
    assert_eq!((after.messages, after.seq), (before.messages, before.seq));
}

#[tokio::test]
async fn beside_a_live_node_only_by_force() {
    let store = Store::mongodb().await;
    let mut server = Server::start(&store).await;
    let why = run(&store, &["log", "new-epoch"]).await.refused();
    assert!(
        why.contains("1 live readrealm-server(s) follow") && why.contains("stop them first"),
        "{why}"
    );
    run(&store, &["log", "new-epoch", "--force"]).await.done();
    // What a crash leaves behind is no sign of life for long.
    server.kill();
    let mut tries = 0;
    while run(&store, &["log", "new-epoch"]).await.code != 0 {
        tries += 1;
        assert!(tries < 100, "a node that is gone still counts as alive");
    }
}
