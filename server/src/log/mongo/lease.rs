//! The lease on a standalone server: a document in `meta` that one node holds, and renews as long as it lives. Time
//! is the server's own, so no node's clock matters.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use mongodb::{
    Collection,
    bson::{DateTime, Document, doc},
    error::Error,
    options::ReturnDocument,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::Link;
use super::schema::failed;
use crate::log::engine::Poison;
use crate::log::open::OpenError;

/// A lease ends so long after it was last renewed: what a restart waits after a crash. It keeps two nodes from serving
/// past each other; the order in the log does not rest on it.
const TERM: Duration = Duration::from_secs(6);

/// How often it is renewed.
const RENEWAL: Duration = Duration::from_secs(2);

/// How often a node that waits for it looks.
const LOOK: Duration = Duration::from_millis(250);

const LEASE: &str = "lease";

/// The right to be the one node of a standalone server.
pub(super) struct Lease {
    link: Arc<Link>,
    holder: String,
    renewing: Mutex<JoinHandle<()>>,
}

impl Lease {
    /// Takes the lease when it is free. A held one is waited for, unless its holder is seen to renew it: so a node
    /// that died is replaced once its term is over, and one that lives is noticed soon.
    pub(super) async fn acquire(link: Arc<Link>, poison: Poison) -> Result<Self, OpenError> {
        let meta = link.store().meta;
        let holder = format!("{:032x}", rand::random::<u128>());
        let mut held: Option<Document> = None;
        loop {
            let lease = take(&meta, &holder).await.map_err(failed)?;
            if lease.get_str("holder").is_ok_and(|name| name == holder) {
                break;
            }
            match &held {
                Some(known) if *known != lease => {
                    return Err(OpenError::InUse(format!(
                        "{} (a standalone MongoDB serves one node; several need a replica set)",
                        meta.namespace().db
                    )));
                }
                Some(_) => {}
                None => {
                    tracing::info!("the event log was held by another server: waiting for it to be gone");
                    held = Some(lease);
                }
            }
            sleep(LOOK).await;
        }
        let renewing = tokio::spawn(renew(Arc::clone(&link), holder.clone(), poison));
        Ok(Self {
            link,
            holder,
            renewing: Mutex::new(renewing),
        })
    }

    /// Ends the lease at once.
    pub(super) async fn release(&self) {
        self.renewing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .abort();
        // The name stays, so that a holder that comes back late sees another's.
        let ended = doc! { "$set": { "expiresAt": DateTime::from_millis(0) } };
        let own = doc! { "_id": LEASE, "holder": &self.holder };
        let meta = self.link.store().meta;
        match timeout(RENEWAL, meta.update_one(own, ended)).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => tracing::warn!(error = %error.kind, "the lease was not released, it ends by itself"),
            Err(_) => tracing::warn!("the lease was not released in time, it ends by itself"),
        }
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .abort();
    }
}

/// Takes the lease if it is free, in one step. Returns it as it is then, whoever holds it.
async fn take(meta: &Collection<Document>, holder: &str) -> Result<Document, Error> {
    let expires = doc! { "$ifNull": ["$expiresAt", DateTime::from_millis(0)] };
    let free = doc! { "$lte": [expires, "$$NOW"] };
    let take = doc! { "$set": {
        "holder": { "$cond": [free.clone(), { "$literal": holder }, "$holder"] },
        "expiresAt": { "$cond": [free, expiry(), "$expiresAt"] },
    } };
    let taken = meta.find_one_and_update(doc! { "_id": LEASE }, vec![take]);
    Ok(taken
        .upsert(true)
        .return_document(ReturnDocument::After)
        .await?
        .unwrap_or_default())
}

fn expiry() -> Document {
    let term = i64::try_from(TERM.as_millis()).expect("seconds fit");
    doc! { "$add": ["$$NOW", term] }
}

/// Renews until another has the lease. A server out of reach takes nobody's lease away: nobody else can get it there.
async fn renew(link: Arc<Link>, holder: String, poison: Poison) {
    loop {
        sleep(RENEWAL).await;
        let own = doc! { "_id": LEASE, "holder": &holder };
        let longer = vec![doc! { "$set": { "expiresAt": expiry() } }];
        let store = link.store();
        match timeout(RENEWAL, store.meta.update_one(own, longer)).await {
            Ok(Ok(renewed)) if renewed.matched_count == 1 => store.answered(None),
            Ok(Ok(_)) => return poison.set("another server has taken the event log over".to_owned()),
            Ok(Err(error)) => tracing::warn!(error = %error.kind, "the lease was not renewed, trying on"),
            Err(_) => {
                store.answers.failed_to_come(RENEWAL);
                tracing::warn!("the lease was not renewed in time, trying on");
            }
        }
    }
}
