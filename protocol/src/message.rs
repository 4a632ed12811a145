//! The message object, and the times in it.

use crate::ids::{BookId, ClientMessageId, Content, MessageId, Seq, UserId, Username};

/// A message as everybody sees it, its edits applied.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[cfg_attr(
    feature = "json",
    derive(serde::Serialize, serde::Deserialize),
    serde(rename_all = "camelCase")
)]
pub struct Message {
    /// `"<bookId>-<seq>"`.
    pub id: MessageId,
    /// The place of the post in its room. It never moves.
    pub seq: Seq,
    /// The room.
    pub book_id: BookId,
    /// Its author.
    pub user_id: UserId,
    /// The author's display name at the time of the post.
    pub username: Username,
    /// The words, as last edited.
    pub content: Content,
    /// When it was posted, by the server's clock; never going backwards within a room.
    pub created_at: Timestamp,
    /// When it was last edited; that of the post until then.
    pub updated_at: Timestamp,
    /// The key its author's client gave it, where it gave one.
    #[cfg_attr(feature = "json", serde(default, skip_serializing_if = "Option::is_none"))]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub client_message_id: Option<ClientMessageId>,
}

/// Milliseconds since 1970-01-01T00:00:00Z; on the wire ISO 8601 with milliseconds and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// 0000-01-01T00:00:00.000Z, the first time that four digits of a year can write.
    pub const MIN: Self = Self(-62_167_219_200_000);

    /// 9999-12-31T23:59:59.999Z, the last one.
    pub const MAX: Self = Self(253_402_300_799_999);

    /// The time so many milliseconds after 1970-01-01T00:00:00Z, held between [`MIN`](Self::MIN) and
    /// [`MAX`](Self::MAX): another could not be written.
    pub const fn from_millis(millis: i64) -> Self {
        if millis < Self::MIN.0 {
            Self::MIN
        } else if millis > Self::MAX.0 {
            Self::MAX
        } else {
            Self(millis)
        }
    }

    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub const fn as_millis(self) -> i64 {
        self.0
    }
}

#[cfg(feature = "std-time")]
mod calendar {
    use std::{fmt, str::FromStr, time::SystemTime};

    use time::{OffsetDateTime, format_description::well_known::Rfc3339};

    use super::Timestamp;
    use crate::ids::Invalid;

    const RULE: &str = "a time must be ISO 8601, as 2024-03-15T14:32:00.000Z";

    impl Timestamp {
        /// The time now, by the system's clock.
        pub fn now() -> Self {
            let since = SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .unwrap_or_default();
            Self::from_millis(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
        }
    }

    /// A time as it is written.
    struct Text([u8; 24]);

    impl AsRef<str> for Text {
        fn as_ref(&self) -> &str {
            str::from_utf8(&self.0).unwrap_or_default()
        }
    }

    impl Timestamp {
        /// Digit by digit: a message has two times, and a format that is read anew for each costs more than all else of its JSON.
        fn text(self) -> Text {
            // There is one for every time from `MIN` to `MAX`.
            let moment =
                OffsetDateTime::from_unix_timestamp(self.0.div_euclid(1_000)).unwrap_or(OffsetDateTime::UNIX_EPOCH);
            let (year, month, day) = moment.to_calendar_date();
            let (hour, minute, second) = moment.to_hms();
            let mut text = *b"0000-00-00T00:00:00.000Z";
            write_digits(&mut text[..4], year.unsigned_abs());
            for (at, number) in [(5, month.into()), (8, day), (11, hour), (14, minute), (17, second)] {
                write_digits(&mut text[at..at + 2], number.into());
            }
            let millis = u32::try_from(self.0.rem_euclid(1_000)).unwrap_or_default();
            write_digits(&mut text[20..23], millis);
            Text(text)
        }
    }

    impl fmt::Display for Timestamp {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.text().as_ref())
        }
    }

    /// Writes the last digits of a number.
    fn write_digits(place: &mut [u8], mut number: u32) {
        for digit in place.iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }

    impl FromStr for Timestamp {
        type Err = Invalid;

        fn from_str(text: &str) -> Result<Self, Invalid> {
            let moment = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| Invalid(RULE))?;
            let millis = moment.unix_timestamp_nanos().div_euclid(1_000_000);
            Ok(Self::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)))
        }
    }

    #[cfg(feature = "json")]
    crate::text::serde_as_text!(Timestamp, str::parse, RULE, |time: &Timestamp| time.text());
}
