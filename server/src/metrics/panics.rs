//! Panics are the process's, whichever of its servers they come from.

use std::sync::OnceLock;

use super::Tally;

/// How often the process has panicked, by whoever hears of it.
pub fn panics() -> &'static Tally {
    static PANICS: OnceLock<Tally> = OnceLock::new();
    PANICS.get_or_init(Tally::default)
}
