//! `log new-epoch`: positions that clients hold are of the log as it was before the backup; a new epoch tells them.

use clap::Args;

use super::AdminError;
use crate::log::keep::{LogKeeper, open_keeper};
use crate::log::new_epoch;
use crate::log::open::StoreUrl;

/// Give the log a new name, after a backup was restored: clients then take every room anew.
///
/// The name is its epoch. With another one, no client resumes at a position that stands for another event now.
///
/// To be run when a backup has been restored, before a server is started on it. No server may use the log: SQLite's
/// lock and a standalone MongoDB's lease see to that; on a replica set the command refuses while a live node follows
/// the events.
#[derive(Debug, Args)]
pub struct NewEpoch {
    /// On a replica set: do it although a live node seems to use the log. Nodes keep the old epoch until restarted.
    #[arg(long)]
    force: bool,
}

impl NewEpoch {
    /// Runs the command.
    pub async fn run(self, store: &StoreUrl) -> Result<(), AdminError> {
        super::must_exist(store).await?;
        let log = open_keeper(store).await?;
        let renamed = self.rename(&*log).await;
        log.close().await;
        renamed
    }

    async fn rename(&self, log: &dyn LogKeeper) -> Result<(), AdminError> {
        if let Some(sign) = log.in_use().await?
            && !self.force
        {
            return Err(AdminError::refused(sign));
        }
        // First: an import of the same backup, done again later, is not to bring the old one back.
        log.own_epoch().await?;
        let epoch = new_epoch();
        log.set_epoch(&epoch).await?;
        super::say(&format!("the epoch was {}, and is {epoch} now", log.epoch()))?;
        Ok(())
    }
}
