//! A node's tail of the log, which loses, repeats and delays what it is to bring, and breaks.

use std::collections::VecDeque;
use std::future::pending;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use readrealm_server::log::{ReadError, Tail, Tailed};
use tokio::time::Instant;

use crate::faults::FaultyLog;

/// Events that may be told again.
const REMEMBERED: usize = 6;

struct State {
    tail: Tail,
    log: FaultyLog,
    remembered: VecDeque<Tailed>,
    /// Until when nothing comes through.
    silent_until: Instant,
}

/// The tail as the plan lets it be. Within a room its order stays, repetitions apart.
pub(crate) fn faulty(tail: Tail, log: FaultyLog) -> Tail {
    let state = State {
        tail,
        log,
        remembered: VecDeque::new(),
        silent_until: Instant::now(),
    };
    stream::unfold(Some(state), |state| async {
        let mut state = state?;
        match state.next().await {
            Some(Ok(event)) => Some((Ok(event), Some(state))),
            Some(Err(error)) => Some((Err(error), None)),
            None => None,
        }
    })
    .boxed()
}

impl State {
    async fn next(&mut self) -> Option<Result<Tailed, ReadError>> {
        loop {
            let faults = self.log.faults;
            if !self.remembered.is_empty() && self.log.goes_wrong(faults.tail_repeats, "tail: again") {
                let again = self.log.dice.below(self.remembered.len());
                return Some(Ok(self.remembered[again].clone()));
            }
            let event = tokio::select! {
                biased;
                () = self.log.dead.cancelled() => pending().await,
                event = self.tail.next() => match event? {
                    Ok(event) => event,
                    Err(error) => return Some(Err(error)),
                },
            };
            if self.log.goes_wrong(200, "tail: lags") {
                self.log.lag(faults.tail_lag).await;
            }
            if self.log.goes_wrong(faults.tail_silent, "tail: silent") {
                let silence = Duration::from_millis(self.log.dice.between(0, 3_000));
                self.silent_until = Instant::now() + silence;
                continue;
            }
            if Instant::now() < self.silent_until {
                continue;
            }
            if self.log.goes_wrong(faults.tail_broken, "tail: broken") || self.log.is_out() {
                let told = self.log.dice.per_mille(500);
                return told.then(|| Err(ReadError::Unavailable("simulated".to_owned())));
            }
            self.remembered.push_back(event.clone());
            if self.remembered.len() > REMEMBERED {
                self.remembered.pop_front();
            }
            return Some(Ok(event));
        }
    }
}
