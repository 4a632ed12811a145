//! The gate every event passes on its way to the members: each position once, in order, whoever brings it first.
//!
//! A node learns of an event from its own append or from the log's tail, in any order and often from both.

use std::collections::BTreeMap;

use readrealm_protocol::Seq;

/// Events that may wait behind a hole. What comes beyond is dropped: the room reads it from the log.
const WAITING: usize = 4_096;

/// Lets events through by position. Pure: it knows neither time nor log.
#[derive(Debug)]
pub struct Gate<E> {
    position: Seq,
    waiting: BTreeMap<Seq, E>,
}

impl<E> Gate<E> {
    /// A gate that everything up to `position` has passed.
    pub const fn new(position: Seq) -> Self {
        Self {
            position,
            waiting: BTreeMap::new(),
        }
    }

    /// The position of the last event that passed.
    pub const fn position(&self) -> Seq {
        self.position
    }

    /// Takes an event in. One that passed already, or waits already, is dropped.
    pub fn offer(&mut self, seq: Seq, event: E) {
        if seq > self.position && (self.waiting.len() < WAITING || seq == self.position.next()) {
            self.waiting.entry(seq).or_insert(event);
        }
    }

    /// The next event to pass, where it is there.
    pub fn pass(&mut self) -> Option<E> {
        let next = self.position.next();
        let event = self.waiting.remove(&next)?;
        self.position = next;
        Some(event)
    }

    /// Whether events wait behind one that has not come.
    pub fn has_hole(&self) -> bool {
        self.waiting
            .first_key_value()
            .is_some_and(|(seq, _)| *seq > self.position.next())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seq(n: u64) -> Seq {
        Seq::try_from(n).unwrap()
    }

    proptest! {
        /// Whatever order, and however often, events are offered in: each passes once, in order, as soon as it can.
        #[test]
        fn every_position_passes_once_in_order(offers in prop::collection::vec(1_u64..40, 0..200), start in 0_u64..5) {
            let mut gate = Gate::new(seq(start));
            let (mut seen, mut passed) = (std::collections::BTreeSet::new(), Vec::new());
            for offer in offers {
                gate.offer(seq(offer), offer);
                seen.insert(offer);
                passed.extend(std::iter::from_fn(|| gate.pass()));
                let reachable: Vec<u64> = (start + 1..40).take_while(|n| seen.contains(n)).collect();
                prop_assert_eq!(&passed, &reachable);
                let last = passed.last().copied().unwrap_or(start);
                prop_assert_eq!(gate.position().get(), last);
                prop_assert_eq!(gate.has_hole(), seen.iter().any(|n| *n > last + 1));
            }
        }
    }

    #[test]
    fn what_waits_is_bounded_and_the_next_is_always_taken() {
        let mut gate = Gate::new(Seq::ZERO);
        for n in 2..10_000 {
            gate.offer(seq(n), n);
        }
        gate.offer(seq(1), 1);
        let passed = std::iter::from_fn(|| gate.pass()).count();
        assert_eq!(passed, WAITING + 1);
        assert!(!gate.has_hole());
    }
}
