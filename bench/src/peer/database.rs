//! A database of one measurement: what is written to it is on the disk before it is measured, and gone after.

use mongodb::Client;
use mongodb::bson::doc;

use crate::load::Outcome;

/// Waits for a checkpoint: else mongod would be at it while it is measured.
pub(super) async fn settle(url: &str) -> Outcome<()> {
    let client = Client::with_uri_str(url).await?;
    client.database("admin").run_command(doc! { "fsync": 1 }).await?;
    client.shutdown().await;
    Ok(())
}

/// Drops it.
pub(super) async fn forget(url: &str) -> Outcome<()> {
    let client = Client::with_uri_str(url).await?;
    let database = client.default_database().ok_or("the URL names no database")?;
    database.drop().await?;
    client.shutdown().await;
    Ok(())
}
