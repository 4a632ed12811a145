//! `log import`: an export becomes a log, or the rest of one. What is there already must be the same.

use std::{
    fs::File,
    io::{self, BufRead, BufReader, Read},
    path::PathBuf,
    sync::Arc,
};

use clap::Args;
use readrealm_protocol::Epoch;

use super::appending::append;
use super::line::{End, Head, Line, VERSION};
use super::progress::Progress;
use super::{AdminError, counted};
use crate::log::inspect::open_reader;
use crate::log::keep::{LogKeeper, open_keeper};
use crate::log::open::{OpenError, StoreUrl};
use crate::log::record::{FORMAT, Record};
use crate::log::{Append, BATCH_BYTES, BATCH_EVENTS, Stop, StoredEvent};

/// Bytes of a line at most: as much as an event may have in any engine.
const LINE: u64 = 16 * 1024 * 1024;

/// Read an export into a log, of any engine.
///
/// Reads what `log export` wrote into an empty log, or goes on with one that was read in part. Doing it again changes
/// nothing. A room that holds other events than the export at a position is refused.
///
/// Where the log is the same as the exported one afterwards, room by room, it takes over its epoch: clients resume on it
/// as if nothing had happened. Otherwise it keeps its own, and clients take their rooms anew.
#[derive(Debug, Args)]
pub struct Import {
    /// The export; `-` is stdin.
    #[arg(default_value = "-", value_name = "FILE")]
    file: PathBuf,

    /// Take what there is of an export whose end is missing.
    #[arg(long)]
    allow_cut: bool,

    /// Leave the log its own epoch. Right for a backup: clients may have seen events that it does not hold.
    #[arg(long)]
    own_epoch: bool,
}

/// Reads the lines of an export.
struct Lines {
    from: Box<dyn BufRead + Send>,
    name: String,
    number: u64,
}

impl Lines {
    fn open(file: &PathBuf) -> Result<Self, AdminError> {
        if file.as_os_str() == "-" {
            return Ok(Self {
                from: Box::new(BufReader::new(io::stdin())),
                name: "stdin".to_owned(),
                number: 0,
            });
        }
        let name = file.display().to_string();
        let opened = File::open(file).map_err(|error| AdminError::File(name.clone(), error))?;
        Ok(Self {
            from: Box::new(BufReader::with_capacity(64 * 1024, opened)),
            name,
            number: 0,
        })
    }

    /// The next line; `None` at the end, and where the last line was cut off and `allow_cut` says so.
    fn next(&mut self, allow_cut: bool) -> Result<Option<Line>, AdminError> {
        let mut text = Vec::new();
        let read = (&mut self.from).take(LINE).read_until(b'\n', &mut text);
        read.map_err(|error| AdminError::File(self.name.clone(), error))?;
        self.number += 1;
        match serde_json::from_slice(&text) {
            Ok(line) => Ok(Some(line)),
            _ if text.is_empty() => Ok(None),
            Err(_) if allow_cut && !text.ends_with(b"\n") => Ok(None),
            Err(_) if !text.ends_with(b"\n") => Err(self.cut()),
            Err(_) => Err(self.wrong("is none of an export that this server knows")),
        }
    }

    /// Whether nothing follows: two exports in one file are one too many.
    fn end(&mut self) -> Result<(), AdminError> {
        let rest = self.from.fill_buf();
        let at_end = rest
            .map_err(|error| AdminError::File(self.name.clone(), error))?
            .is_empty();
        if at_end {
            return Ok(());
        }
        Err(self.wrong("ends the export, and the file goes on after it: import one export at a time"))
    }

    fn wrong(&self, what: &str) -> AdminError {
        AdminError::refused(format!("{}: line {} {what}", self.name, self.number))
    }

    fn cut(&self) -> AdminError {
        AdminError::refused(format!(
            "{} ends at line {}, before the export does: it was cut off (--allow-cut takes what there is)",
            self.name, self.number
        ))
    }
}

/// What is read and not yet appended, and what was.
struct Importer<'a> {
    log: &'a dyn LogKeeper,
    batch: Vec<(readrealm_protocol::BookId, Vec<StoredEvent>)>,
    events: usize,
    bytes: usize,
    seen: End,
    last: Option<(readrealm_protocol::BookId, readrealm_protocol::Seq)>,
    progress: Progress,
}

impl Import {
    /// Runs the command.
    pub async fn run(self, store: &StoreUrl) -> Result<(), AdminError> {
        let mut lines = Lines::open(&self.file)?;
        let head = match lines.next(false)? {
            Some(Line::Head(head)) if head.format > FORMAT => {
                let (found, known) = (head.format, FORMAT);
                return Err(OpenError::NewerFormat { found, known }.into());
            }
            Some(Line::Head(head)) if head.readrealm_export == VERSION => head,
            Some(Line::Head(_)) => return Err(lines.wrong("is of a newer export: use a newer readrealm-server")),
            _ => return Err(lines.wrong("is not the first of an export")),
        };
        let log = open_keeper(store).await?;
        let imported = self.import(&mut lines, &head, &*log, store).await;
        log.close().await;
        imported
    }

    async fn import(
        &self,
        lines: &mut Lines,
        head: &Head,
        log: &dyn LogKeeper,
        store: &StoreUrl,
    ) -> Result<(), AdminError> {
        let mut importer = Importer {
            log,
            batch: Vec::new(),
            events: 0,
            bytes: 0,
            seen: End::default(),
            last: None,
            progress: Progress::new("events", None),
        };
        let end = loop {
            match lines.next(self.allow_cut)? {
                Some(Line::Event(record)) => importer.take(*record, lines).await?,
                Some(Line::End { end }) => {
                    lines.end()?;
                    break Some(end);
                }
                Some(Line::Head(_)) => return Err(lines.wrong("begins another export")),
                None if self.allow_cut => break None,
                None => {
                    importer.flush().await?;
                    return Err(lines.cut());
                }
            }
        };
        importer.flush().await?;
        let Importer { seen, progress, .. } = importer;
        progress.finish();
        if let Some(end) = end
            && (end.rooms, end.events) != (seen.rooms, seen.events)
        {
            let told = format!("{} in {}", counted(end.events, "event"), counted(end.rooms, "room"));
            let read = format!("{} in {}", counted(seen.events, "event"), counted(seen.rooms, "room"));
            return Err(lines.wrong(&format!("counts {told}, and {read} were read")));
        }
        let (rooms, events) = (counted(seen.rooms, "room"), counted(seen.events, "event"));
        let epoch = if let Some(why) = self.keeps_epoch(head, end, log, store).await? {
            format!("the log keeps its own epoch {}: {why}", log.epoch())
        } else {
            let epoch = Epoch::try_from(head.epoch.as_str()).map_err(|why| AdminError::refused(why.to_string()))?;
            log.set_epoch(&epoch).await?;
            format!("the log has taken over the epoch {epoch}: clients resume on it")
        };
        super::say(&format!("imported {rooms}, {events}\n{epoch}"))
    }

    /// Why the log does not take over the epoch of the export; `None` where it does (ADR 0005). A position means the same
    /// in two logs only where they hold the same, and the first got no more since.
    async fn keeps_epoch(
        &self,
        head: &Head,
        end: Option<End>,
        log: &dyn LogKeeper,
        store: &StoreUrl,
    ) -> Result<Option<String>, AdminError> {
        if self.own_epoch {
            log.own_epoch().await?;
            return Ok(Some("--own-epoch was given".to_owned()));
        }
        let Some(end) = end else {
            return Ok(Some("the export was cut off".to_owned()));
        };
        let reader = open_reader(store).await?;
        if reader.about().await?.owns_epoch && log.epoch().as_str() != head.epoch {
            return Ok(Some("it was told to, by log new-epoch or --own-epoch".to_owned()));
        }
        if !head.all_rooms {
            return Ok(Some("the export does not hold every room".to_owned()));
        }
        if !end.whole {
            return Ok(Some("events were appended while the export was made".to_owned()));
        }
        if let Some(sign) = log.in_use().await? {
            return Ok(Some(sign));
        }
        let (mut there, mut last) = (End::default(), None);
        while let Some(book) = reader.next_book(last).await? {
            there.rooms += 1;
            there.events += reader.head(book).await?.seq.get();
            last = Some(book);
        }
        let same = (there.rooms, there.events) == (end.rooms, end.events);
        Ok((!same).then(|| "the log holds more than the export".to_owned()))
    }
}

impl Importer<'_> {
    async fn take(&mut self, record: Record, lines: &Lines) -> Result<(), AdminError> {
        let (book, seq) = (record.book_id, record.seq);
        let follows = match self.last {
            Some((last, at)) if last == book => seq == at.next(),
            Some((last, _)) if last > book => false,
            _ => seq.get() == 1,
        };
        if !follows {
            return Err(lines.wrong(&format!("has position {seq} of room {book} where it does not follow")));
        }
        let event = record
            .clone()
            .read()
            .map_err(|why| lines.wrong(&format!("cannot be read: {why}")))?;
        if Record::new(&event) != record {
            return Err(
                lines.wrong("holds what this server would not store again: import it with the newer one it is of")
            );
        }
        if self.events >= BATCH_EVENTS || (self.events > 0 && self.bytes + event.weight() > BATCH_BYTES) {
            self.flush().await?;
        }
        self.seen.rooms += u64::from(self.last.is_none_or(|(last, _)| last != book));
        self.seen.events += 1;
        self.last = Some((book, seq));
        self.events += 1;
        self.bytes += event.weight();
        match self.batch.last_mut() {
            Some((last, events)) if *last == book => events.push(event),
            _ => self.batch.push((book, vec![event])),
        }
        Ok(())
    }

    async fn flush(&mut self) -> Result<(), AdminError> {
        let batch = std::mem::take(&mut self.batch).into_iter();
        let batch: Vec<_> = batch
            .map(|(book, events)| Append {
                book,
                events: Arc::from(events),
            })
            .collect();
        if batch.is_empty() {
            return Ok(());
        }
        let outcomes = append(self.log, batch.clone()).await?;
        for (room, outcome) in batch.iter().zip(outcomes) {
            let Some(stop) = outcome.stopped else { continue };
            let event = &room.events[outcome.written];
            let what = match stop {
                Stop::Duplicate(known) => format!(
                    "the id of its event is at position {} of room {} there",
                    known.seq, known.book
                ),
                _ => "another event stands there".to_owned(),
            };
            return Err(AdminError::refused(format!(
                "room {} differs from the export at position {}: {what}; the room was imported up to there, and of the \
                 rooms after it some may have been",
                room.book, event.seq
            )));
        }
        self.progress.add(self.events as u64);
        (self.events, self.bytes) = (0, 0);
        Ok(())
    }
}
