//! Stored data to payloads and back: `type` and `v` say how `data` is to be read.
//!
//! A change that old readers can ignore keeps `v`. Any other makes a new version, and an upcaster from the one before
//! it: a function on the data, chained here, so that stored events are never rewritten and readers know the newest
//! version alone. A type or a version this server does not know is kept as [`Payload::Unknown`].

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::ReadError;
use super::event::Payload;

pub(super) const POSTED: &str = "MessagePosted";
pub(super) const EDITED: &str = "MessageEdited";
pub(super) const DELETED: &str = "MessageDeleted";

/// Brings the data of one version to the next.
type Upcaster = fn(Value) -> Value;

/// The upcasters of a type, the first being from version 1 to 2: there are as many as versions, less one.
fn upcasters(kind: &str) -> Option<&'static [Upcaster]> {
    match kind {
        POSTED | EDITED | DELETED => Some(&[]),
        _ => None,
    }
}

/// The data of a payload, as it is stored.
#[derive(Debug)]
pub(super) struct Data<'a>(pub(super) &'a Payload);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Payload::Posted(posted) => posted.serialize(serializer),
            Payload::Edited(edited) => edited.serialize(serializer),
            Payload::Deleted => serializer.serialize_map(Some(0))?.end(),
            Payload::Unknown { data, .. } => data.serialize(serializer),
        }
    }
}

impl Payload {
    /// The type it is stored as.
    pub fn kind(&self) -> &str {
        match self {
            Self::Posted(_) => POSTED,
            Self::Edited(_) => EDITED,
            Self::Deleted => DELETED,
            Self::Unknown { kind, .. } => kind,
        }
    }

    /// The version it is stored as.
    pub fn version(&self) -> u32 {
        match self {
            Self::Posted(_) | Self::Edited(_) | Self::Deleted => 1,
            Self::Unknown { version, .. } => *version,
        }
    }

    /// Its data as JSON.
    pub fn data(&self) -> Value {
        serde_json::to_value(Data(self)).unwrap_or(Value::Null)
    }

    /// Reads what is stored as this type and version.
    pub fn read(kind: &str, version: u32, mut data: Value) -> Result<Self, ReadError> {
        let chain = upcasters(kind).unwrap_or_default();
        let known = upcasters(kind).is_some() && (1..=chain.len() + 1).contains(&(version as usize));
        if !known {
            return Ok(Self::Unknown {
                kind: kind.to_owned(),
                version,
                data,
            });
        }
        for upcast in &chain[version as usize - 1..] {
            data = upcast(data);
        }
        let payload = match kind {
            POSTED => serde_json::from_value(data).map(Self::Posted),
            EDITED => serde_json::from_value(data).map(Self::Edited),
            _ => Ok(Self::Deleted),
        };
        payload.map_err(|error| ReadError::Corrupt(format!("{kind} version {version}: {error}")))
    }
}
