//! Which messages are deleted by now: their words are not to be seen.

use readrealm_protocol::{BookId, Seq};
use rustc_hash::FxHashSet;

use super::AdminError;
use crate::log::inspect::LogReader;
use crate::log::{BATCH_EVENTS, PageQuery, Payload};

/// Those of these places where no message is shown any more.
pub(super) async fn deleted(log: &dyn LogReader, book: BookId, places: &[Seq]) -> Result<FxHashSet<Seq>, AdminError> {
    let mut deleted = FxHashSet::default();
    for some in places.chunks(BATCH_EVENTS) {
        for event in log.read_latest(book, some).await? {
            let is_deleted = match event.payload {
                Payload::Posted(_) | Payload::Edited(_) => false,
                Payload::Deleted => true,
                // It may stand over anything: the fold tells what is under it.
                Payload::Unknown { .. } => !is_shown(log, book, event.place).await?,
            };
            if is_deleted {
                deleted.insert(event.place);
            }
        }
    }
    Ok(deleted)
}

async fn is_shown(log: &dyn LogReader, book: BookId, place: Seq) -> Result<bool, AdminError> {
    let query = PageQuery {
        before: Some(place.next()),
        at: None,
        limit: 1,
    };
    let page = log.read_page(book, query).await?;
    Ok(page.messages.first().is_some_and(|message| message.seq == place))
}
