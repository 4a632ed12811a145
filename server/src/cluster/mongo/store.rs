//! The collections, and the connections they are reached by.

use mongodb::bson::{Document, doc};
use mongodb::error::Result;
use mongodb::options::{
    Acknowledgment, ClientOptions, CollectionOptions, ReadConcern, ReadPreference, SelectionCriteria, WriteConcern,
};
use mongodb::{Client, Collection, Database};

use super::TIME;

/// The database of a URL that names none, as the log has it.
const DATABASE: &str = "readrealm";

/// Connections at most: one follows, one publishes, one reads for rooms that open, the rest for `GET /rooms`.
const CONNECTIONS: u32 = 8;

/// How the database is reached.
pub(super) struct Connector {
    options: ClientOptions,
    database: String,
}

/// The database over connections of its own.
#[derive(Clone)]
pub(super) struct Store {
    pub(super) client: Client,
    pub(super) database: Database,
    /// Read as a majority has it, which is what change streams tell.
    pub(super) presence: Collection<Document>,
    /// Counters, read as they are.
    pub(super) nodes: Collection<Document>,
}

impl Connector {
    pub(super) async fn new(url: &str) -> Result<Self> {
        let mut options = ClientOptions::parse(url).await?;
        options.server_selection_timeout = Some(TIME);
        options.max_pool_size = Some(CONNECTIONS);
        options
            .app_name
            .get_or_insert_with(|| "readrealm-server presence".to_owned());
        // What is lost with a primary is found to be missing, and written again. In the journal, though: a read of what a
        // majority has waits for all that was written before it, and a set of one member keeps what nobody waits for only ten
        // times a second.
        let concern = WriteConcern::builder().w(Acknowledgment::Nodes(1)).journal(true);
        options.write_concern = Some(concern.build());
        let database = options.default_database.clone().unwrap_or_else(|| DATABASE.to_owned());
        Ok(Self { options, database })
    }

    /// A way to the database that shares nothing with one made before.
    pub(super) fn store(&self) -> Result<Store> {
        let client = Client::with_options(self.options.clone())?;
        let database = client.database(&self.database);
        let reading = |concern| {
            CollectionOptions::builder()
                .read_concern(concern)
                .selection_criteria(SelectionCriteria::ReadPreference(ReadPreference::Primary))
                .build()
        };
        Ok(Store {
            presence: database.collection_with_options("presence", reading(ReadConcern::majority())),
            nodes: database.collection_with_options("nodes", reading(ReadConcern::local())),
            client,
            database,
        })
    }
}

impl Store {
    /// Whether there may be other nodes: on a replica set or a sharded cluster. Elsewhere there are no change streams.
    pub(super) async fn is_shared(&self) -> Result<bool> {
        let hello = self.client.database("admin").run_command(doc! { "hello": 1 }).await?;
        Ok(hello.contains_key("setName") || hello.get_str("msg").is_ok_and(|kind| kind == "isdbgrid"))
    }
}
