//! A fresh log of each engine, to hold to the contract.

use std::{ops::Deref, sync::Arc};

use readrealm_server::log::EventLog;
use readrealm_server::log::memory::MemoryLog;
use readrealm_server::log::open::{StoreUrl, open};
use tempfile::TempDir;

use super::mongod;

/// An open log, and the way to open it again.
pub(crate) struct Subject {
    log: Arc<dyn EventLog>,
    store: Store,
}

enum Store {
    Memory(MemoryLog),
    /// Its folder goes with it.
    Url(StoreUrl, #[expect(dead_code, reason = "held")] Option<TempDir>),
}

impl Subject {
    #[allow(clippy::unused_async, reason = "as for the other engines")]
    pub(crate) async fn memory() -> Self {
        let log = MemoryLog::new();
        Self {
            log: Arc::new(log.clone()),
            store: Store::Memory(log),
        }
    }

    pub(crate) async fn sqlite() -> Self {
        let folder = TempDir::new().expect("a folder");
        let url = StoreUrl::Sqlite(folder.path().join("log.db"));
        Self {
            log: open(&url).await.expect("a log"),
            store: Store::Url(url, Some(folder)),
        }
    }

    pub(crate) async fn mongo() -> Self {
        Self::at(&mongod::replica_set()).await
    }

    pub(crate) async fn mongo_standalone() -> Self {
        Self::at(&mongod::standalone()).await
    }

    pub(crate) async fn at(url: &str) -> Self {
        let url: StoreUrl = url.parse().expect("a URL");
        Self {
            log: open(&url).await.expect("a log"),
            store: Store::Url(url, None),
        }
    }

    pub(crate) fn log(&self) -> Arc<dyn EventLog> {
        Arc::clone(&self.log)
    }

    /// Closes the log, and opens it again.
    pub(crate) async fn reopen(&mut self) {
        match &self.store {
            Store::Memory(log) => self.log = Arc::new(log.clone()),
            Store::Url(url, _) => {
                self.log.close().await;
                self.log = open(url).await.expect("the log again");
            }
        }
    }

    /// A second handle, as another node has it; for logs that several may write.
    pub(crate) async fn second(&self) -> Arc<dyn EventLog> {
        match &self.store {
            Store::Memory(log) => Arc::new(log.clone()),
            Store::Url(url, _) => open(url).await.expect("a second handle"),
        }
    }
}

impl Deref for Subject {
    type Target = dyn EventLog;

    fn deref(&self) -> &Self::Target {
        &*self.log
    }
}
