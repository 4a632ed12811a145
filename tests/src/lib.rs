//! The harness of the end-to-end tests: real processes, real sockets, a real mongod. Nothing here knows the server's
//! insides; it speaks the protocol and sends signals, as a client and an operator would.
//!
//! Every wait is bounded by [`PATIENCE`] and fails with what it waited for. Nothing sleeps to let something happen.

#![allow(clippy::missing_panics_doc, reason = "a test fails by panicking")]

pub mod chaos;
pub mod checker;
pub mod client;
pub mod command;
pub mod metrics;
pub mod mongod;
pub mod pair;
pub mod process;
pub mod proxy;
pub mod replica_set;
pub mod server;
pub mod store;
pub mod token;

use std::time::Duration;

pub use checker::Checker;
pub use client::Client;
pub use metrics::Metrics;
pub use server::Server;
pub use store::Store;

/// The longest a test waits for one thing. Far more than it takes: a loaded machine is no failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits for one thing, and fails with its name where it does not come.
pub async fn within<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("waited {PATIENCE:?} for {what}"))
}

/// Runs each `async fn(Store)` once per durable engine, as tests `sqlite::…` and `mongodb::…`.
#[macro_export]
macro_rules! on_durable_stores {
    ($($promise:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise($crate::Store::sqlite()).await;
            })+
        }
        mod mongodb {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $promise() {
                super::$promise($crate::Store::mongodb().await).await;
            })+
        }
    };
}
