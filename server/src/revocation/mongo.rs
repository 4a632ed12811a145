//! Revocations in a collection beside the log's, `revocations`, over connections of their own.

mod changes;

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::TryStreamExt;
use mongodb::bson::{Bson, DateTime, Document, doc};
use mongodb::error::{Error, ErrorKind, WriteFailure};
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, IndexOptions, ReadConcern, ReadPreference, ReturnDocument,
    SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, IndexModel};
use readrealm_protocol::Timestamp;

use super::{KEPT, MOST, Mark, Page, RevocationError, Revocations};
use crate::auth::revoked::{Revocation, Subject};
use crate::log::open::OpenError;

/// The database of a URL that names none, as the log has it.
const DATABASE: &str = "readrealm";

/// One polls, the others write and list.
const CONNECTIONS: u32 = 3;

/// A change that is not read by then is asked for again.
const POLL_TIME: Duration = Duration::from_secs(1);

/// Anything else has failed when it takes longer.
const TIME: Duration = Duration::from_secs(5);

pub(super) struct InMongo {
    options: ClientOptions,
    reached: Mutex<Reached>,
}

/// The way to the database.
struct Reached {
    collection: Collection<Document>,
    since: Instant,
    /// How long it is given before another is tried: to open one is several answers in turn, which a slow database needs more time
    /// for than a question has.
    patience: Duration,
}

impl std::fmt::Debug for InMongo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InMongo").finish_non_exhaustive()
    }
}

impl InMongo {
    pub(super) async fn open(url: &str) -> Result<Self, OpenError> {
        let failed = |error: Error| OpenError::Failed(error.kind.to_string());
        let mut options = ClientOptions::parse(url).await.map_err(failed)?;
        options.server_selection_timeout = Some(TIME);
        options.max_pool_size = Some(CONNECTIONS);
        options
            .app_name
            .get_or_insert_with(|| "readrealm-server revocations".to_owned());
        let collection = connect(&options).map_err(failed)?;
        let ends = IndexOptions::builder().expire_after(KEPT).build();
        let by_end = IndexModel::builder().keys(doc! { "until": 1 }).options(ends).build();
        let by_change = IndexModel::builder().keys(doc! { "changed": 1, "_id": 1 }).build();
        collection.create_indexes([by_end, by_change]).await.map_err(failed)?;
        Ok(Self {
            options,
            reached: Mutex::new(Reached {
                collection,
                since: Instant::now(),
                patience: Duration::ZERO,
            }),
        })
    }

    fn collection(&self) -> Collection<Document> {
        self.reached().collection.clone()
    }

    fn reached(&self) -> MutexGuard<'_, Reached> {
        self.reached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The clock of the server that is read from.
    async fn clock(&self) -> Result<DateTime, Error> {
        let collection = self.collection();
        let options = collection.selection_criteria().cloned();
        let database = collection.client().database(&collection.namespace().db);
        let hello = database.run_command(doc! { "hello": 1 });
        let hello = match options {
            Some(criteria) => hello.selection_criteria(criteria).await?,
            None => hello.await?,
        };
        let time = hello.get_datetime("localTime");
        time.copied()
            .map_err(|_| Error::custom("the server does not say what time it is"))
    }

    /// Bounds what is asked in time. Where no answer comes, what is asked next goes over new connections: at once the first time, then
    /// after one second, two, and four.
    async fn within<T>(
        &self,
        time: Duration,
        asked: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, RevocationError> {
        let failed = |error: Error| RevocationError::Unavailable(error.kind.to_string());
        if let Ok(answer) = tokio::time::timeout(time, asked).await {
            self.reached().patience = Duration::ZERO;
            return answer.map_err(failed);
        }
        let mut reached = self.reached();
        if reached.since.elapsed() >= reached.patience {
            *reached = Reached {
                collection: connect(&self.options).map_err(failed)?,
                since: Instant::now(),
                patience: (2 * reached.patience).clamp(POLL_TIME, 4 * POLL_TIME),
            };
        }
        let seconds = time.as_secs();
        Err(RevocationError::Unavailable(format!("no answer within {seconds} s")))
    }
}

fn connect(options: &ClientOptions) -> Result<Collection<Document>, Error> {
    let durable = WriteConcern::builder()
        .w(Acknowledgment::Majority)
        .journal(true)
        .w_timeout(TIME)
        .build();
    let concerns = CollectionOptions::builder()
        .write_concern(durable)
        .read_concern(ReadConcern::majority())
        // While a primary is being elected, a secondary knows what was revoked before.
        .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::PrimaryPreferred {
            options: None,
        }))
        .build();
    let database = options.default_database.clone().unwrap_or_else(|| DATABASE.to_owned());
    let client = Client::with_options(options.clone())?;
    Ok(client
        .database(&database)
        .collection_with_options("revocations", concerns))
}

fn date(time: Timestamp) -> Bson {
    Bson::DateTime(DateTime::from_millis(time.as_millis()))
}

/// `None` for one of a later server's kind, or whatever somebody put there.
fn revocation(document: &Document) -> Option<Revocation> {
    let time = |field| {
        let time = document.get_datetime(field).ok()?;
        Some(Timestamp::from_millis(time.timestamp_millis()))
    };
    Some(Revocation {
        subject: document.get_str("_id").ok()?.parse().ok()?,
        at: time("at")?,
        until: time("until")?,
    })
}

fn is_duplicate(error: &Error) -> bool {
    match &*error.kind {
        ErrorKind::Write(WriteFailure::WriteError(error)) => error.code == 11000,
        ErrorKind::Command(error) => error.code == 11000,
        _ => false,
    }
}

#[async_trait]
impl Revocations for InMongo {
    async fn revoke(&self, revocation: &Revocation) -> Result<Revocation, RevocationError> {
        let collection = self.collection();
        let same = doc! { "_id": revocation.subject.to_string() };
        let count = collection.estimated_document_count();
        if self.within(TIME, count.into_future()).await? >= MOST {
            let known = collection.find_one(same.clone());
            if self.within(TIME, known.into_future()).await?.is_none() {
                return Err(RevocationError::Full);
            }
        }
        let stricter = doc! {
            "$max": { "at": date(revocation.at), "until": date(revocation.until) },
            "$currentDate": { "changed": true },
        };
        let upsert = || {
            let update = collection.find_one_and_update(same.clone(), stricter.clone());
            update.upsert(true).return_document(ReturnDocument::After).into_future()
        };
        let made = async {
            match upsert().await {
                // Another was first by a hair: now it is there.
                Err(error) if is_duplicate(&error) => upsert().await,
                made => made,
            }
        };
        let stands = self.within(TIME, made).await?;
        let unread = || RevocationError::Unavailable("what stands could not be read".to_owned());
        stands.as_ref().and_then(self::revocation).ok_or_else(unread)
    }

    async fn lift(&self, subject: &Subject) -> Result<bool, RevocationError> {
        let now = date(Timestamp::now());
        let standing = doc! { "_id": subject.to_string(), "until": { "$gt": now.clone() } };
        let end = doc! { "$set": { "until": now }, "$currentDate": { "changed": true } };
        let collection = self.collection();
        let lifting = collection.update_one(standing, end);
        Ok(self.within(TIME, lifting.into_future()).await?.matched_count > 0)
    }

    async fn list(&self, after: Option<&Subject>, limit: u32) -> Result<Vec<Revocation>, RevocationError> {
        let after = after.map(Subject::to_string).unwrap_or_default();
        let filter = doc! { "_id": { "$gt": after }, "until": { "$gt": date(Timestamp::now()) } };
        let collection = self.collection();
        let found = async {
            let found = collection.find(filter).sort(doc! { "_id": 1 }).limit(i64::from(limit));
            found.await?.try_collect::<Vec<_>>().await
        };
        Ok(self.within(TIME, found).await?.iter().filter_map(revocation).collect())
    }

    async fn now(&self) -> Result<Timestamp, RevocationError> {
        let now = self.within(TIME, self.clock()).await?;
        Ok(Timestamp::from_millis(now.timestamp_millis()))
    }

    async fn changes(&self, after: &Mark, limit: u32) -> Result<Page, RevocationError> {
        // Who has nothing yet, or only begins, has no promise to keep but to read all.
        let time = if after.clock.is_some() { POLL_TIME } else { TIME };
        self.within(time, self.read(after, limit)).await
    }
}
