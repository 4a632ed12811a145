//! Words taken out of a stored event: all else of it stays, so that it is read as before.

use serde_json::Value;

use super::record::Record;
use super::upcast::{DELETED, EDITED, POSTED};

/// What stands where words were. A message that has it is deleted, so nobody is shown it.
pub const REDACTED: &str = "[redacted]";

/// The types that hold words, each as of [`VERSION`].
pub(super) const WORDY: [&str; 2] = [POSTED, EDITED];

/// The version of them whose words are found at `content` and `username`.
pub(super) const VERSION: u32 = 1;

/// Whether, and how, an event holds words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Words {
    /// It is of a type that has them.
    Some,
    /// It is of a type that has none.
    None,
    /// This server does not know its type or version.
    Unknown,
}

impl<At> Record<At> {
    /// Whether it holds words that [`redact`](Self::redact) can take out.
    pub fn words(&self) -> Words {
        match (WORDY.contains(&self.kind.as_str()), self.v) {
            (true, VERSION) => Words::Some,
            (false, VERSION) if self.kind == DELETED => Words::None,
            _ => Words::Unknown,
        }
    }

    /// Replaces its words, and with `name` the display name too. Returns whether that changed anything.
    pub fn redact(&mut self, name: bool) -> bool {
        if self.words() != Words::Some {
            return false;
        }
        let fields: &[&str] = if name { &["content", "username"] } else { &["content"] };
        let mut changed = false;
        for field in fields {
            if let Some(value) = self.data.get_mut(*field).filter(|value| **value != REDACTED) {
                *value = Value::from(REDACTED);
                changed = true;
            }
        }
        changed
    }
}
