//! The lines of an export. The first is about the log, the last counts, so that what was cut off is noticed; between
//! them stands one stored event a line, by room and position. The format is fixed by a golden file.

use serde::{Deserialize, Deserializer, Serialize, de::Error};
use serde_json::{Map, Value};

use crate::log::record::Record;

/// The version of this format.
pub const VERSION: u32 = 1;

/// One line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Line {
    /// The first.
    Head(Head),
    /// The last.
    End {
        /// What was written.
        end: End,
    },
    /// An event, in its stored form.
    Event(#[serde(deserialize_with = "alone")] Box<Record>),
}

/// An event with no field beside its own: what nobody knows would be lost on the way.
fn alone<'de, D: Deserializer<'de>>(line: D) -> Result<Box<Record>, D::Error> {
    #[derive(Deserialize)]
    struct Fields {
        #[serde(flatten)]
        record: Record,
        #[serde(flatten)]
        more: Map<String, Value>,
    }
    let Fields { record, more } = Fields::deserialize(line)?;
    match more.keys().next() {
        Some(field) => Err(D::Error::custom(format_args!("unknown field {field:?}"))),
        None => Ok(Box::new(record)),
    }
}

/// What an export is of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Head {
    /// [`VERSION`].
    pub readrealm_export: u32,
    /// The format of the log's stored events.
    pub format: i64,
    /// The log's epoch.
    pub epoch: String,
    /// The version of the server that wrote it.
    pub version: String,
    /// Whether it holds every room.
    pub all_rooms: bool,
    /// Whether it holds the words of messages that are deleted.
    pub deleted_words: bool,
}

/// What was written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// Rooms.
    pub rooms: u64,
    /// Events.
    pub events: u64,
    /// Whether the log was seen to stand still: nothing was appended while the export was made, and it holds all.
    pub whole: bool,
}

impl Line {
    /// As it stands in the file, without its line's end.
    pub fn text(&self) -> String {
        // Strings, numbers and what was JSON before: there is nothing in it that JSON cannot say.
        serde_json::to_string(self).unwrap_or_default()
    }
}
