//! `peers/nestjs`: the gateway that was replaced, on the same mongod as ours.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use mongodb::bson::{DateTime, doc};
use mongodb::{Client, Collection, IndexModel};

use super::program::Program;
use super::{Kind, Peer, Running, Site, database};
use crate::load::{Outcome, Speech};

/// Documents of one insert.
const BATCH: u32 = 5_000;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("peers/nestjs")
}

/// Installs and compiles it, where that is still to do.
pub(super) fn prepare() -> Outcome<()> {
    if !folder().join("node_modules").exists() {
        println!("nestjs: npm installs the packages of bench/peers/nestjs");
        npm(&["ci", "--no-audit", "--no-fund"])?;
    }
    npm(&["run", "build"])
}

fn npm(arguments: &[&str]) -> Outcome<()> {
    let output = Command::new("npm").current_dir(folder()).args(arguments).output()?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("npm {} failed: {}", arguments.join(" "), said.trim()).into())
}

pub(super) async fn start(kind: Kind, site: &Site, rooms: &[(u32, u32)]) -> Outcome<Peer> {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let mongod = site.mongod.as_ref().ok_or("no mongod was started")?;
    let name = format!("nestjs_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let url = mongod.database(&name);
    let indexed = kind == Kind::NestjsIndexed;
    fill(&url, rooms, indexed).await?;
    if !rooms.is_empty() {
        database::settle(&url).await?;
    }
    let mut command = Command::new("node");
    command
        .arg(folder().join("dist/main.js"))
        .env("NODE_ENV", "production")
        .env("MONGODB_URL", &url)
        .env("INDEXED", if indexed { "1" } else { "0" });
    let program = Program::start("nestjs", command).await?;
    Ok(Peer {
        address: program.address,
        speech: Speech::SocketIo,
        server: vec![program.pid()],
        database: mongod.pid().into_iter().collect(),
        stored: Some(url),
        running: Running::Program(program),
    })
}

/// Rooms of so many messages, as Mongoose stores them.
async fn fill(url: &str, rooms: &[(u32, u32)], indexed: bool) -> Outcome<()> {
    let client = Client::with_uri_str(url).await?;
    let messages: Collection<_> = client
        .default_database()
        .ok_or("the URL names no database")?
        .collection("messages");
    if indexed {
        let index = IndexModel::builder()
            .keys(doc! { "bookId": 1, "createdAt": -1 })
            .build();
        messages.create_index(index).await?;
    }
    for (room, events) in rooms {
        for first in (0..*events).step_by(BATCH as usize) {
            let batch = (first..(first + BATCH).min(*events)).map(|number| {
                let at = DateTime::from_millis(1_700_000_000_000 + i64::from(number));
                doc! {
                    "bookId": room,
                    "userId": format!("reader-{}", number % 500),
                    "username": "A reader",
                    "content": format!("Message {number}: the Cheshire Cat scene is my favourite, and I have read it more than once."),
                    "createdAt": at,
                    "updatedAt": at,
                    "__v": 0,
                }
            });
            messages.insert_many(batch).await?;
        }
    }
    client.shutdown().await;
    Ok(())
}
