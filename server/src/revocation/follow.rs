//! What was revoked at any node or by a command, brought to this node's connections: a page at a time, however much there is.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::{Mark, RevocationError, Revocations};
use crate::auth::revoked::Revoked;
use crate::metrics::Metrics;

/// Revocations of a page: a store reads, and a node learns, so many well within the second that a question may take.
const PAGE: u32 = 5_000;

/// How often the store is asked. With the second an unanswered question may take this keeps the promise of two.
const EVERY: Duration = Duration::from_millis(500);

/// Pages that may fail before all is known for the first time.
const TRIES: u32 = 10;

/// After a longer silence all is read anew: what ended meanwhile may be forgotten in the store.
const SILENCE: Duration = Duration::from_mins(30);

/// How often what has ended is forgotten.
const FORGET: Duration = Duration::from_mins(1);

/// The task that follows. It ends by a panic alone.
pub type Following = JoinHandle<()>;

/// Reads all that stands, however long that takes, then follows what changes, until it is aborted. A node that cannot
/// know who is revoked does not begin: it fails where the first page cannot be read, or others too often.
pub async fn follow(
    store: Arc<dyn Revocations>,
    revoked: Arc<Revoked>,
    metrics: Arc<Metrics>,
) -> Result<Following, RevocationError> {
    follow_by(PAGE, store, revoked, metrics).await
}

/// The same in pages of another size, which is at least 1.
pub async fn follow_by(
    page: u32,
    store: Arc<dyn Revocations>,
    revoked: Arc<Revoked>,
    metrics: Arc<Metrics>,
) -> Result<Following, RevocationError> {
    let mut reader = Reader {
        store,
        revoked,
        metrics,
        page,
        mark: Mark::default(),
        whole: Instant::now(),
        behind: None,
        is_anew: false,
    };
    let mut failures = 0;
    while let Err(error) = reader.catch_up().await {
        failures += 1;
        // The first page shows whether the store is there; of the others one may fail.
        if reader.mark == Mark::default() || failures == TRIES {
            return Err(error);
        }
        tokio::time::sleep(EVERY).await;
    }
    Ok(tokio::spawn(reader.go_on()))
}

/// How far this node has read.
struct Reader {
    store: Arc<dyn Revocations>,
    revoked: Arc<Revoked>,
    metrics: Arc<Metrics>,
    page: u32,
    mark: Mark,
    /// When everything was known, or began to be read anew.
    whole: Instant,
    /// Since when there is more than a page, and how many were read since.
    behind: Option<(Instant, usize)>,
    /// Whether everything is being read, those among it that are known.
    is_anew: bool,
}

impl Reader {
    async fn go_on(mut self) {
        let mut ticks = interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (mut forgotten, mut is_heard) = (Instant::now(), true);
        loop {
            ticks.tick().await;
            if self.whole.elapsed() >= SILENCE {
                self.begin_anew();
            }
            match self.catch_up().await {
                Ok(()) if is_heard => {}
                Ok(()) => {
                    tracing::info!("revocations are heard again");
                    is_heard = true;
                }
                Err(error) => {
                    self.metrics.revocation_failures.inc();
                    if is_heard {
                        tracing::warn!(%error, "what is revoked elsewhere is not heard; trying on");
                    }
                    is_heard = false;
                }
            }
            if forgotten.elapsed() >= FORGET {
                self.revoked.forget_ended();
                forgotten = Instant::now();
            }
        }
    }

    /// Reads on until nothing is new. What was read by then counts, whatever becomes of the next page: nothing is read twice
    /// because another failed.
    async fn catch_up(&mut self) -> Result<(), RevocationError> {
        loop {
            let page = self.store.changes(&self.mark, self.page).await?;
            let count = page.news.len();
            self.revoked.learn(page.news);
            self.mark = page.mark;
            self.metrics.heard_revocations();
            if page.is_last {
                break;
            }
            let (_, behind) = self.behind.get_or_insert_with(|| {
                tracing::info!("more was revoked than is read at once: catching up");
                (Instant::now(), 0)
            });
            *behind += count;
        }
        if let Some((since, revocations)) = self.behind.take() {
            let elapsed = since.elapsed();
            tracing::info!(revocations, ?elapsed, "caught up with what is revoked");
        }
        if std::mem::take(&mut self.is_anew) {
            self.revoked.forget_unread();
        }
        self.whole = Instant::now();
        Ok(())
    }

    fn begin_anew(&mut self) {
        self.revoked.read_anew();
        self.mark = Mark::default();
        self.whole = Instant::now();
        self.is_anew = true;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicU32, Ordering};

    use async_trait::async_trait;
    use readrealm_protocol::{Timestamp, UserId};

    use super::*;
    use crate::auth::revoked::{Revocation, Subject};
    use crate::revocation::Page;

    /// So many revocations by their number, of which every second page cannot be read.
    #[derive(Debug, Default)]
    struct Shaky {
        standing: AtomicU32,
        fails: AtomicU32,
        asked: Mutex<Vec<(i64, bool)>>,
    }

    #[async_trait]
    impl Revocations for Shaky {
        async fn revoke(&self, revocation: &Revocation) -> Result<Revocation, RevocationError> {
            Ok(revocation.clone())
        }

        async fn lift(&self, _: &Subject) -> Result<bool, RevocationError> {
            Ok(false)
        }

        async fn list(&self, _: Option<&Subject>, _: u32) -> Result<Vec<Revocation>, RevocationError> {
            Ok(Vec::new())
        }

        async fn changes(&self, after: &Mark, limit: u32) -> Result<Page, RevocationError> {
            let is_up = self.fails.load(Ordering::Relaxed) == 0 || self.asked.lock().unwrap().len().is_multiple_of(2);
            let begin = after.read.change;
            self.asked.lock().unwrap().push((begin, is_up));
            if !is_up {
                return Err(RevocationError::Unavailable("it rains".to_owned()));
            }
            let standing = i64::from(self.standing.load(Ordering::Relaxed));
            let end = standing.min(begin + i64::from(limit));
            Ok(Page {
                news: (begin..end).map(of).collect(),
                mark: Mark::at(end),
                is_last: end - begin < i64::from(limit),
            })
        }
    }

    fn user(number: i64) -> Subject {
        Subject::Ban(UserId::try_from(&*format!("u{number}")).unwrap())
    }

    fn of(number: i64) -> Revocation {
        Revocation {
            subject: user(number),
            at: Timestamp::now(),
            until: Timestamp::MAX,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_page_that_fails_is_the_one_that_is_asked_for_again() {
        let (store, revoked) = (Arc::new(Shaky::default()), Arc::new(Revoked::default()));
        store.standing.store(25, Ordering::Relaxed);
        let metrics = Arc::<Metrics>::default();
        let following = follow_by(10, store.clone(), Arc::clone(&revoked), Arc::clone(&metrics)).await;
        let following = following.unwrap();
        assert_eq!(revoked.len(), 25, "all of them before it begins");
        store.asked.lock().unwrap().clear();
        store.fails.store(1, Ordering::Relaxed);
        store.standing.store(65, Ordering::Relaxed);
        while revoked.len() < 65 {
            tokio::time::advance(EVERY).await;
            tokio::task::yield_now().await;
        }
        following.abort();
        let asked = store.asked.lock().unwrap().clone();
        // Each page is read once, and what failed is asked for again from where it was, not from further back.
        let read: Vec<_> = asked
            .iter()
            .filter(|(_, is_up)| *is_up)
            .map(|(begin, _)| *begin)
            .collect();
        assert_eq!(read[..4], [25, 35, 45, 55], "{asked:?}");
        assert!(asked.iter().any(|(begin, is_up)| !is_up && *begin == 35), "{asked:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_bears_pages_that_fail_while_it_begins_but_not_too_many() {
        for (standing, begins) in [(10 * i64::from(TRIES) - 5, true), (10 * i64::from(TRIES), false)] {
            let store = Arc::new(Shaky::default());
            store
                .standing
                .store(u32::try_from(standing).unwrap(), Ordering::Relaxed);
            store.fails.store(1, Ordering::Relaxed);
            let revoked = Arc::new(Revoked::default());
            let following = follow_by(10, store, Arc::clone(&revoked), Arc::default()).await;
            let rains = RevocationError::Unavailable("it rains".to_owned());
            assert_eq!(following.as_ref().err(), (!begins).then_some(&rains));
            assert!(!begins || revoked.len() == usize::try_from(standing).unwrap());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_node_that_cannot_read_the_first_page_does_not_begin() {
        let store = Arc::new(Shaky::default());
        store.fails.store(1, Ordering::Relaxed);
        store.asked.lock().unwrap().push((0, true));
        let failed = follow_by(10, store.clone(), Arc::default(), Arc::default()).await;
        assert_eq!(failed.unwrap_err(), RevocationError::Unavailable("it rains".to_owned()));
        assert_eq!(store.asked.lock().unwrap().len(), 2, "it is asked for once");
    }
}
