//! The way to the database, made anew where nobody answers.
//!
//! The driver waits without end for an answer, also for the first one on a new connection, and sets up no more than two
//! connections at a time. So a route that swallows what is sent, for seconds, can hold up every operation for ever after:
//! two new connections wait for their greeting, and all others for them. Connections of a new client begin from nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::Store;

/// Silence of this length, with something asked all the while, is answered with a new client.
const SILENCE: Duration = Duration::from_secs(5);

/// Whether answers come. Clones share it.
#[derive(Clone, Default)]
pub(super) struct Answers(Arc<Mutex<Heard>>);

#[derive(Default)]
struct Heard {
    last: Option<Instant>,
    /// Since when something is asked, and nothing was answered.
    silent: Option<Instant>,
}

impl Answers {
    /// Something was answered.
    pub(super) fn came(&self) {
        let last = Some(Instant::now());
        *self.lock() = Heard { last, silent: None };
    }

    /// Something was given up that was asked so long ago.
    pub(super) fn failed_to_come(&self, waited: Duration) {
        let mut heard = self.lock();
        let asked = Instant::now().checked_sub(waited);
        // What was answered meanwhile shows that the way was open then.
        heard.silent = heard.silent.or(asked.max(heard.last));
    }

    /// Whether it is time for a new client.
    pub(super) fn are_missing(&self) -> bool {
        self.lock().silent.is_some_and(|since| since.elapsed() >= SILENCE)
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The store as it is reached now.
pub(super) struct Link(Mutex<Store>);

impl Link {
    pub(super) fn new(store: Store) -> Self {
        Self(Mutex::new(store))
    }

    /// What the next operation is to use. Operations under way go on with what they have.
    pub(super) fn store(&self) -> Store {
        let mut store = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if store.answers.are_missing() {
            match store.anew() {
                Ok(anew) => {
                    tracing::warn!("the event log gave no answer for some seconds: connecting to it anew");
                    *store = anew;
                }
                Err(error) => tracing::error!(error = %error.kind, "no new connections to the event log"),
            }
        }
        store.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn silence_counts_from_the_first_unanswered_question_or_the_last_answer() {
        let answers = Answers::default();
        assert!(!answers.are_missing());
        answers.failed_to_come(SILENCE / 2);
        assert!(!answers.are_missing());
        answers.came();
        answers.failed_to_come(SILENCE);
        assert!(!answers.are_missing(), "another question was answered just now");

        let answers = Answers::default();
        answers.failed_to_come(SILENCE);
        answers.failed_to_come(Duration::ZERO);
        assert!(answers.are_missing());
        answers.came();
        assert!(!answers.are_missing());
    }
}
