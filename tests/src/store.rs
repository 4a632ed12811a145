//! Where a server keeps its log: a place of its own for each test.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tempfile::TempDir;

use crate::mongod::Mongod;

/// The log of one test. Gone when dropped.
#[derive(Debug)]
pub struct Store {
    url: String,
    _folder: Option<TempDir>,
    _mongod: Option<Arc<Mongod>>,
}

impl Store {
    /// One that somebody else keeps.
    pub fn at(url: String) -> Self {
        Self {
            url,
            _folder: None,
            _mongod: None,
        }
    }

    /// In the server's memory: gone with the server.
    pub fn memory() -> Self {
        Self {
            url: "memory:".into(),
            _folder: None,
            _mongod: None,
        }
    }

    /// A new file.
    pub fn sqlite() -> Self {
        let folder = tempfile::Builder::new()
            .prefix("readrealm-e2e-")
            .tempdir()
            .expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("readrealm.db").display());
        Self {
            url,
            _folder: Some(folder),
            _mongod: None,
        }
    }

    /// A new database on a replica set of one member.
    pub async fn mongodb() -> Self {
        let mongod = Mongod::shared().await;
        Self {
            url: mongod.database(&new_name()),
            _folder: None,
            _mongod: Some(mongod),
        }
    }

    /// A new database on a mongod that is no replica set.
    pub async fn standalone_mongodb() -> Self {
        let mongod = Arc::new(Mongod::standalone().await);
        Self {
            url: mongod.database(&new_name()),
            _folder: None,
            _mongod: Some(mongod),
        }
    }

    /// What `--store` takes.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// A name no other test of this run has.
fn new_name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("e2e_{}_{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
