//! A map from places to values for a history: grown and shrunk at its ends, read in order.

use std::collections::VecDeque;

use crate::ids::Seq;

/// Values by place, in order. Places come at the ends almost always, so a sorted queue needs neither the allocations nor
/// the code of a tree: in the browser that code would be a fifth of the whole module.
#[derive(Debug, Clone)]
pub(crate) struct Slots<T>(VecDeque<(Seq, T)>);

impl<T> Slots<T> {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    fn index(&self, place: Seq) -> Result<usize, usize> {
        match self.0.back() {
            Some((last, _)) if *last < place => Err(self.0.len()),
            _ => self.0.binary_search_by_key(&place, |(place, _)| *place),
        }
    }

    pub(crate) fn get(&self, place: Seq) -> Option<&T> {
        self.index(place).ok().map(|index| &self.0[index].1)
    }

    pub(crate) fn get_mut(&mut self, place: Seq) -> Option<&mut T> {
        self.index(place).ok().map(|index| &mut self.0[index].1)
    }

    pub(crate) fn insert(&mut self, place: Seq, value: T) {
        match self.index(place) {
            Ok(index) => self.0[index].1 = value,
            Err(index) => self.0.insert(index, (place, value)),
        }
    }

    pub(crate) fn first(&self) -> Option<&(Seq, T)> {
        self.0.front()
    }

    pub(crate) fn pop_first(&mut self) -> Option<(Seq, T)> {
        self.0.pop_front()
    }

    pub(crate) fn from(&self, floor: Seq) -> impl DoubleEndedIterator<Item = &(Seq, T)> {
        let start = self.index(floor).unwrap_or_else(|index| index);
        self.0.range(start..)
    }

    pub(crate) fn retain(&mut self, mut keep: impl FnMut(Seq, &T) -> bool) {
        self.0.retain(|(place, value)| keep(*place, value));
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &T> {
        self.0.iter().map(|(_, value)| value)
    }

    pub(crate) fn into_iter(self) -> impl DoubleEndedIterator<Item = (Seq, T)> {
        self.0.into_iter()
    }
}
