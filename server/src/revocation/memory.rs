//! Revocations of a server without a store: gone with the process, as its log is.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use readrealm_protocol::Timestamp;

use super::{MOST, Mark, Page, RevocationError, Revocations, forgotten_before};
use crate::auth::revoked::{Revocation, Subject};

/// In memory, by the text of what is revoked. Who makes one tells this node itself: nobody else has to hear of it.
#[derive(Debug, Default)]
pub(super) struct InMemory(Mutex<BTreeMap<String, Revocation>>);

impl InMemory {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Revocation>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Revocations for InMemory {
    async fn revoke(&self, revocation: &Revocation) -> Result<Revocation, RevocationError> {
        let mut all = self.lock();
        let before = forgotten_before();
        all.retain(|_, one| one.until >= before);
        let key = revocation.subject.to_string();
        if all.len() as u64 >= MOST && !all.contains_key(&key) {
            return Err(RevocationError::Full);
        }
        let known = all.entry(key).or_insert_with(|| revocation.clone());
        known.at = known.at.max(revocation.at);
        known.until = known.until.max(revocation.until);
        Ok(known.clone())
    }

    async fn lift(&self, subject: &Subject) -> Result<bool, RevocationError> {
        let now = Timestamp::now();
        let lifted = self.lock().remove(&subject.to_string());
        Ok(lifted.is_some_and(|one| one.until > now))
    }

    async fn list(&self, after: Option<&Subject>, limit: u32) -> Result<Vec<Revocation>, RevocationError> {
        let (after, now) = (after.map(Subject::to_string).unwrap_or_default(), Timestamp::now());
        let all = self.lock();
        let rest = all.range((Bound::Excluded(after), Bound::Unbounded));
        let standing = rest.map(|(_, one)| one).filter(|one| one.until > now);
        Ok(standing.take(limit as usize).cloned().collect())
    }

    async fn changes(&self, after: &Mark, _: u32) -> Result<Page, RevocationError> {
        // None stands when the process begins, and nobody else makes any.
        Ok(Page {
            news: Vec::new(),
            mark: after.clone(),
            is_last: true,
        })
    }
}
