//! Socketioxide as it comes: rooms and broadcasts, and nothing stored. `TCP_NODELAY` is set, which axum leaves off.

use std::convert::Infallible;

use axum::Router;
use axum::serve::ListenerExt;
use serde::{Deserialize, Serialize};
use socketioxide::SocketIo;
use socketioxide::extract::{AckSender, Data, SocketRef};
use socketioxide::handler::ConnectHandler;
use tokio::net::TcpListener;

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Join {
    book_id: u64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Post {
    book_id: u64,
    user_id: String,
    username: String,
    content: String,
}

/// The fields that a stored message has.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
struct Message {
    _id: &'static str,
    book_id: u64,
    user_id: String,
    username: String,
    content: String,
    created_at: &'static str,
    updated_at: &'static str,
    __v: u8,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Accepted {
    message_id: &'static str,
}

const ID: &str = "64a1f3c2e4b0a1234567890a";
const NOW: &str = "2026-01-01T00:00:00.000Z";

async fn joins(socket: SocketRef, Data(join): Data<Join>) {
    socket.join(join.book_id.to_string());
    let none: [Message; 0] = [];
    // Whoever has gone meanwhile needs no answer.
    let _ = socket.emit("previousMessages", &none);
}

async fn posts(socket: SocketRef, Data(post): Data<Post>, ack: AckSender) {
    let message = Message {
        _id: ID,
        book_id: post.book_id,
        user_id: post.user_id,
        username: post.username,
        content: post.content,
        created_at: NOW,
        updated_at: NOW,
        __v: 0,
    };
    let room = post.book_id.to_string();
    if let Err(error) = socket.within(room).emit("newMessage", &message).await {
        eprintln!("not everybody was told: {error}");
    }
    let _ = ack.send(&Accepted { message_id: ID });
}

#[tokio::main]
async fn main() -> std::io::Result<()> {
    // What does not fit is dropped: 128 packets are not enough for 32 messages under way on a busy machine.
    let (layer, io) = SocketIo::builder().max_buffer_size(4096).build_layer();
    // In a middleware, as that runs before the client hears that it may speak; a handler runs beside what it says then.
    let listens = async |socket: SocketRef| {
        socket.on("joinRoom", joins);
        socket.on("message", posts);
        Ok::<_, Infallible>(())
    };
    io.ns("/", (async || ()).with(listens));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("listening on http://{}", listener.local_addr()?);
    let listener = listener.tap_io(|socket| {
        if let Err(error) = socket.set_nodelay(true) {
            eprintln!("no TCP_NODELAY: {error}");
        }
    });
    axum::serve(listener, Router::new().layer(layer)).await
}
