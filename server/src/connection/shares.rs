//! So many at a time for each of many: whoever takes more waits for what is theirs, and for nobody else's.

use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustc_hash::FxHashMap;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What each has taken. Whoever has taken nothing takes no memory.
#[derive(Debug)]
pub(super) struct Shares<K>(Mutex<FxHashMap<K, Of>>);

#[derive(Debug)]
struct Of {
    free: Arc<Semaphore>,
    /// Who holds some or waits for some.
    users: usize,
}

/// One of them. It is free again when this is dropped.
#[derive(Debug)]
pub(super) struct Share<'a, K: Hash + Eq> {
    _taken: OwnedSemaphorePermit,
    _place: Place<'a, K>,
}

#[derive(Debug)]
struct Place<'a, K: Hash + Eq> {
    shares: &'a Shares<K>,
    key: K,
}

impl<K> Default for Shares<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Hash + Eq + Clone> Shares<K> {
    /// Takes one of the `most` that `key` may have, once there is one. The same number is to be named for the same key.
    pub(super) async fn take(&self, key: &K, most: usize) -> Option<Share<'_, K>> {
        let free = {
            let mut all = self.lock();
            let of = all.entry(key.clone()).or_insert_with(|| Of {
                free: Arc::new(Semaphore::new(most)),
                users: 0,
            });
            of.users += 1;
            Arc::clone(&of.free)
        };
        // Given up also where this is not waited for to the end.
        let place = Place {
            shares: self,
            key: key.clone(),
        };
        let taken = free.acquire_owned().await.ok()?;
        Some(Share {
            _taken: taken,
            _place: place,
        })
    }
}

impl<K> Shares<K> {
    fn lock(&self) -> MutexGuard<'_, FxHashMap<K, Of>> {
        // No code that holds this lock can panic half-way through a change.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<K: Hash + Eq> Drop for Place<'_, K> {
    fn drop(&mut self) {
        let mut all = self.shares.lock();
        if let Some(of) = all.get_mut(&self.key) {
            of.users -= 1;
            if of.users == 0 {
                all.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_waits_for_its_own_and_leaves_nothing_behind() {
        let shares = Shares::default();
        let within = |key| timeout(Duration::from_secs(1), shares.take(key, 2));
        let first = within(&"ann").await.unwrap();
        let second = within(&"ann").await.unwrap();
        assert!(within(&"ann").await.is_err(), "two are out");
        let others = within(&"bob").await.unwrap();
        let waiting = async {
            let third = within(&"ann").await;
            assert!(third.is_ok(), "one came free");
        };
        tokio::join!(waiting, async { drop(first) });
        drop((second, others));
        assert!(shares.lock().is_empty());
    }
}
