//! `log history`: a room as it is, or as it was.

use std::str::FromStr;

use clap::Args;
use readrealm_protocol::{BookId, Message, Seq, Timestamp};
use serde_json::{Value, json};

use super::deleted::deleted;
use super::writer::Output;
use super::{AdminError, book_id, visible};
use crate::log::inspect::{LogReader, open_reader};
use crate::log::open::StoreUrl;
use crate::log::{PageQuery, ReadLimit};

/// Messages of one read.
const PAGE: usize = 500;

/// Print a room as it is, or as it was.
///
/// The newest message stands last, as one reads a chat. Works beside a live server. The words of a message that is deleted by now are not printed, whatever --at says,
/// unless --with-deleted does.
#[derive(Debug, Args)]
pub struct RoomHistory {
    /// The room.
    #[arg(value_name = "BOOK", value_parser = book_id)]
    book: BookId,

    /// As it was once the event at this position was there (120), or at this time (2024-03-15T14:32:00Z; a date alone
    /// means its beginning, UTC).
    #[arg(long, value_name = "SEQ|TIME")]
    at: Option<At>,

    /// Messages at most, the newest ones: 1 to 10000.
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..=10_000))]
    limit: u16,

    /// One JSON object a line: a message object, with `"deleted": true` and no `content` where it is deleted by now.
    #[arg(long)]
    json: bool,

    /// With --at: print the words of messages that were deleted after it, too.
    #[arg(long, requires = "at")]
    with_deleted: bool,
}

/// A moment of a room.
#[derive(Debug, Clone, Copy)]
enum At {
    Seq(Seq),
    Time(Timestamp),
}

impl FromStr for At {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(position) = text.parse::<u64>() {
            return Seq::try_from(position).map(Self::Seq).map_err(|rule| rule.to_string());
        }
        let time = if text.contains(['T', 't']) {
            text.parse()
        } else {
            format!("{text}T00:00:00Z").parse()
        };
        time.map(Self::Time)
            .map_err(|_| "expected a position, as 120, or a time, as 2024-03-15T14:32:00Z or 2024-03-15".to_owned())
    }
}

impl RoomHistory {
    /// Runs the command.
    pub async fn run(self, store: &StoreUrl) -> Result<(), AdminError> {
        let log = open_reader(store).await?;
        let head = log.head(self.book).await?;
        let at = match self.at {
            None => head.seq,
            Some(At::Seq(at)) if at > head.seq => {
                let why = format!("room {} ends at position {}", self.book, head.seq);
                return Err(AdminError::refused(why));
            }
            Some(At::Seq(at)) => at,
            Some(At::Time(time)) => position_at(&*log, self.book, head.seq, time).await?,
        };
        let (messages, has_more) = self.read(&*log, at).await?;
        let places: Vec<_> = messages.iter().map(|message| message.seq).collect();
        let deleted = deleted(&*log, self.book, &places).await?;
        let mut output = Output::stdout();
        if !self.json {
            output.line(&format!("room {} at position {at} of {}", self.book, head.seq))?;
            if has_more {
                output.line("(older messages are left out; --limit takes more)")?;
            }
        }
        for message in messages.iter().rev() {
            let is_deleted = deleted.contains(&message.seq);
            let shown = !is_deleted || self.with_deleted;
            output.line(&if self.json {
                json_line(message, is_deleted, shown)?
            } else {
                text_line(message, is_deleted, shown)
            })?;
        }
        output.finish()
    }

    /// Newest first.
    async fn read(&self, log: &dyn LogReader, at: Seq) -> Result<(Vec<Message>, bool), AdminError> {
        let (mut messages, mut before): (Vec<Message>, _) = (Vec::new(), None);
        loop {
            let limit = PAGE.min(usize::from(self.limit) - messages.len());
            let query = PageQuery {
                before,
                at: Some(at),
                limit,
            };
            let page = log.read_page(self.book, query).await?;
            messages.extend(page.messages);
            before = messages.last().map(|message| message.seq);
            if !page.has_more || messages.len() >= usize::from(self.limit) {
                return Ok((messages, page.has_more));
            }
        }
    }
}

/// The position of the last event that had happened by `time`. Times never go back within a room.
async fn position_at(log: &dyn LogReader, book: BookId, head: Seq, time: Timestamp) -> Result<Seq, AdminError> {
    let one = ReadLimit { events: 1, bytes: 0 };
    // What is at `low` had happened; what is after `high` had not.
    let (mut low, mut high) = (0, head.get());
    while low < high {
        let middle = low + (high - low) / 2;
        let after = Seq::try_from(middle).unwrap_or(Seq::ZERO);
        let next = log.read_forward(book, after, one).await?;
        if next.first().is_some_and(|event| event.at <= time) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    Ok(Seq::try_from(low).unwrap_or(Seq::ZERO))
}

fn text_line(message: &Message, is_deleted: bool, shown: bool) -> String {
    let Message { seq, created_at, .. } = message;
    let (name, user) = (visible(message.username.as_str()), visible(message.user_id.as_str()));
    let edited = if message.updated_at > *created_at {
        " (edited)"
    } else {
        ""
    };
    let deleted = if is_deleted { " (deleted since)" } else { "" };
    let words = if shown {
        format!(": {}", visible(message.content.as_str()))
    } else {
        String::new()
    };
    format!("#{seq} {created_at} {name} <{user}>{edited}{deleted}{words}")
}

fn json_line(message: &Message, is_deleted: bool, shown: bool) -> Result<String, AdminError> {
    let mut object = serde_json::to_value(message).map_err(|error| AdminError::refused(error.to_string()))?;
    if let Value::Object(fields) = &mut object {
        if is_deleted {
            fields.insert("deleted".to_owned(), json!(true));
        }
        if !shown {
            fields.remove("content");
        }
    }
    Ok(object.to_string())
}
