//! Which nodes are dead. Judged by this node's own clock alone, by whether a counter that each node moves was seen to
//! move: no two clocks are compared. Pure: it is told the time.

use std::time::{Duration, Instant};

use rustc_hash::FxHashMap;

use super::NodeId;

/// How often a node moves its counter, and looks at the others'.
pub const BEAT: Duration = Duration::from_millis(2_500);

/// A counter that has not moved for so long is a dead node's.
pub const SILENCE: Duration = Duration::from_secs(15);

/// Who has not looked for so long does not know who was silent meanwhile, as it may have been cut off itself.
const BLINK: Duration = Duration::from_secs(6);

/// What this node has seen of the others.
#[derive(Debug, Default)]
pub struct Watch {
    seen: FxHashMap<NodeId, Seen>,
    looked: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    beats: Option<i64>,
    since: Instant,
    /// Nothing of it was left at the last look.
    missing: bool,
}

/// What is to be done.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Nodes that are dead, with the counter at which they stood.
    pub dead: Vec<(NodeId, Option<i64>)>,
    /// Nodes that were known and of which nothing was left for two looks: a net under what should have been told of
    /// their members by now. One that shuts down tells that itself.
    pub gone: Vec<NodeId>,
}

impl Watch {
    /// Looks at the counters of all other nodes, `None` for one that has left members and no counter.
    pub fn look(&mut self, now: Instant, nodes: &FxHashMap<NodeId, Option<i64>>) -> Verdict {
        let blinked = self.looked.is_none_or(|looked| now - looked > BLINK);
        self.looked = Some(now);
        let mut verdict = Verdict::default();
        self.seen.retain(|node, seen| {
            let was_missing = std::mem::replace(&mut seen.missing, !nodes.contains_key(node));
            let is_gone = was_missing && seen.missing;
            if is_gone {
                verdict.gone.push(*node);
            }
            !is_gone
        });
        for (&node, &beats) in nodes {
            let first = Seen {
                beats,
                since: now,
                missing: false,
            };
            let seen = self.seen.entry(node).or_insert(first);
            if blinked || seen.beats != beats {
                *seen = first;
            } else if now - seen.since >= SILENCE {
                verdict.dead.push((node, beats));
                // Should something of it be left, it is dead once more after as long.
                seen.since = now;
            }
        }
        verdict.dead.sort_unstable();
        verdict.gone.sort_unstable();
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nodes<const N: usize>(nodes: [(NodeId, Option<i64>); N]) -> FxHashMap<NodeId, Option<i64>> {
        nodes.into_iter().collect()
    }

    #[test]
    fn a_counter_that_stands_still_is_a_dead_nodes() {
        let (mut watch, start) = (Watch::default(), Instant::now());
        let (lives, dies) = (NodeId::random(), NodeId::random());
        for beat in 0..6 {
            let seen = nodes([(lives, Some(beat)), (dies, Some(7))]);
            let now = start + BEAT * u32::try_from(beat).unwrap();
            assert_eq!(watch.look(now, &seen), Verdict::default(), "beat {beat}");
        }
        let verdict = watch.look(start + SILENCE, &nodes([(lives, Some(6)), (dies, Some(7))]));
        assert_eq!((verdict.dead, verdict.gone), (vec![(dies, Some(7))], vec![]));
        let mut look = |beats| watch.look(start + SILENCE + BEAT, &nodes([(lives, Some(beats))]));
        assert_eq!(look(7), Verdict::default());
        let verdict = look(8);
        assert_eq!((verdict.dead, verdict.gone), (vec![], vec![dies]));
    }

    #[test]
    fn members_without_a_counter_are_a_dead_nodes_too() {
        let (mut watch, start, orphan) = (Watch::default(), Instant::now(), NodeId::random());
        let mut dead = Vec::new();
        for beat in 0..7 {
            dead = watch.look(start + BEAT * beat, &nodes([(orphan, None)])).dead;
        }
        assert_eq!(dead, [(orphan, None)]);
    }

    #[test]
    fn who_did_not_look_judges_nobody() {
        let (mut watch, start, other) = (Watch::default(), Instant::now(), NodeId::random());
        let still = nodes([(other, Some(1))]);
        watch.look(start, &still);
        let back = start + Duration::from_secs(25);
        assert_eq!(
            watch.look(back, &still),
            Verdict::default(),
            "it was this node that was away"
        );
        assert_eq!(
            watch.look(back + BEAT, &still),
            Verdict::default(),
            "and it begins to count anew"
        );
    }

    #[test]
    fn a_counter_that_goes_back_has_moved() {
        let (mut watch, start, other) = (Watch::default(), Instant::now(), NodeId::random());
        for beat in 0..20_u32 {
            let beats = i64::from(20 - beat / 3);
            let verdict = watch.look(start + BEAT * beat, &nodes([(other, Some(beats))]));
            assert_eq!(verdict, Verdict::default());
        }
    }
}
