//! What a load balancer sees of a server that is told to end: it is not ready at once, and serves on for the delay.

use std::time::Duration;

use e2e::{Client, Server, Store, within};

const BOOK: u32 = 1661;

#[tokio::test]
async fn it_is_not_ready_before_it_closes_anything() {
    let arguments = ["--drain-delay", "2s", "--reconnect-spread", "0"];
    let mut server = Server::start_with(&Store::memory(), &arguments).await;
    let mut alice = Client::connect(&server, "alice").await;
    alice.join(BOOK).await;
    server.terminate();
    let unready = async {
        loop {
            let (status, body) = server.get("/readyz").await;
            if status != 200 {
                return (status, body);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let (status, body) = within("the server not to be ready", unready).await;
    assert_eq!((status, body.as_str()), (503, "shutting down\n"));
    assert_eq!(server.get("/healthz").await.0, 200, "it is not to be killed for that");
    alice.post(BOOK, "as before").await;
    let mut late = Client::connect(&server, "late").await;
    assert_eq!(
        late.join(BOOK).await.seq.get(),
        1,
        "who was sent here a moment before is let in"
    );
    for client in [&mut alice, &mut late] {
        let (code, reason) = client.closed().await;
        assert_eq!((code, reason.as_str()), (4001, "retry in 0 ms"));
    }
    assert_eq!(server.ended().await.code(), Some(0));
}
