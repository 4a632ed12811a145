//! Which log a server uses: the URL an operator writes, and the way from it to an open log.

use std::{fmt, path::PathBuf, str::FromStr, sync::Arc};

use mongodb::options::ConnectionString;

use super::EventLog;
use super::memory::MemoryLog;
use super::mongo::MongoLog;
use super::sqlite::SqliteLog;

/// Where the event log is. Its text, also for debugging, shows neither credentials nor options.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite:PATH`: a file of this machine, made where there is none.
    Sqlite(PathBuf),
    /// `mongodb://…` or `mongodb+srv://…`.
    Mongo(Box<str>),
    /// `memory:`: gone with the process.
    Memory,
}

/// A text that names no log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStoreUrl {
    /// No engine goes by its scheme.
    #[error("expected sqlite:PATH, mongodb://…, mongodb+srv://… or memory:")]
    Scheme,
    /// `sqlite:` without a path to a file.
    #[error("sqlite: needs the path of a file, as in sqlite:readrealm.db (for a log in memory, say memory:)")]
    Path,
    /// The driver's reason, which quotes no credentials.
    #[error("the MongoDB URL cannot be read: {0}")]
    Mongo(String),
}

impl InvalidStoreUrl {
    /// The driver quotes what it stumbles over. What it says of the URL without credentials is told; where it has
    /// nothing to say of that one, it stumbled over them.
    fn mongo(text: &str, error: &mongodb::error::Error) -> Self {
        let reason = match (text.split_once("://"), text.rsplit_once('@')) {
            (Some((scheme, _)), Some((_credentials, rest))) => {
                match ConnectionString::parse(format!("{scheme}://{rest}")) {
                    Ok(_) => {
                        "its user name or password is not as in a URL, where @ is %40, : %3A, / %2F, ? %3F and % %25"
                            .to_owned()
                    }
                    Err(error) => error.kind.to_string(),
                }
            }
            _ => error.kind.to_string(),
        };
        Self::Mongo(reason)
    }
}

impl FromStr for StoreUrl {
    type Err = InvalidStoreUrl;

    fn from_str(text: &str) -> Result<Self, InvalidStoreUrl> {
        if text == "memory:" {
            return Ok(Self::Memory);
        }
        if let Some(path) = text.strip_prefix("sqlite:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            let is_file = !path.is_empty() && path != ":memory:" && !path.ends_with('/');
            return is_file.then(|| Self::Sqlite(path.into())).ok_or(InvalidStoreUrl::Path);
        }
        if text.starts_with("mongodb://") || text.starts_with("mongodb+srv://") {
            return match ConnectionString::parse(text) {
                Ok(_) => Ok(Self::Mongo(text.into())),
                Err(error) => Err(InvalidStoreUrl::mongo(text, &error)),
            };
        }
        Err(InvalidStoreUrl::Scheme)
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Memory => f.write_str("memory:"),
            Self::Mongo(url) => {
                let (scheme, rest) = url.split_once("://").unwrap_or((url, ""));
                let (hidden, rest) = rest
                    .rsplit_once('@')
                    .map_or(("", rest), |(_credentials, rest)| ("***@", rest));
                let (place, _options) = rest.split_once('?').unwrap_or((rest, ""));
                write!(f, "{scheme}://{hidden}{place}")
            }
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// Why a log was not opened. Each is one sentence an operator can act upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It cannot be reached, or is not a log at all.
    #[error("the event log cannot be opened: {0}")]
    Failed(String),
    /// There is no log, where one is to be looked at.
    #[error("there is no event log at {0}")]
    Missing(String),
    /// A log that only one server may use is in use.
    #[error("{0} is in use by another readrealm-server; stop that one first")]
    InUse(String),
    /// It was written by a newer server.
    #[error("the event log has format {found}, this server knows {known} and older: run a newer readrealm-server")]
    NewerFormat {
        /// Its format.
        found: i64,
        /// The newest this server reads.
        known: i64,
    },
    /// What its promises rest on is not there.
    #[error("the event log is not safe to use: {0}")]
    Unsound(String),
}

impl OpenError {
    /// A log in memory has no operator.
    pub(super) fn in_memory() -> Self {
        Self::Failed("memory: is gone with the server that has it, and holds nothing to work on".to_owned())
    }
}

/// Opens the log, making it where there is none, and checks all that its promises rest on.
pub async fn open(url: &StoreUrl) -> Result<Arc<dyn EventLog>, OpenError> {
    Ok(match url {
        StoreUrl::Memory => Arc::new(MemoryLog::new()),
        StoreUrl::Sqlite(path) => Arc::new(SqliteLog::open(path).await?),
        StoreUrl::Mongo(url) => Arc::new(MongoLog::open(url).await?),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schemes() {
        assert_eq!("memory:".parse(), Ok(StoreUrl::Memory));
        assert_eq!(
            "sqlite:readrealm.db".parse(),
            Ok(StoreUrl::Sqlite("readrealm.db".into()))
        );
        assert_eq!(
            "sqlite:/var/lib/chat.db".parse(),
            Ok(StoreUrl::Sqlite("/var/lib/chat.db".into()))
        );
        assert_eq!(
            "sqlite:///var/lib/chat.db".parse(),
            Ok(StoreUrl::Sqlite("/var/lib/chat.db".into()))
        );
        assert_eq!("sqlite:".parse::<StoreUrl>(), Err(InvalidStoreUrl::Path));
        assert_eq!("sqlite::memory:".parse::<StoreUrl>(), Err(InvalidStoreUrl::Path));
        assert_eq!("postgres://db".parse::<StoreUrl>(), Err(InvalidStoreUrl::Scheme));
        assert_eq!("".parse::<StoreUrl>(), Err(InvalidStoreUrl::Scheme));
        assert!("mongodb://db/chat?replicaSet=rs0".parse::<StoreUrl>().is_ok());
        assert!("mongodb+srv://cluster.example.org/chat".parse::<StoreUrl>().is_ok());
        assert!(matches!(
            "mongodb://".parse::<StoreUrl>(),
            Err(InvalidStoreUrl::Mongo(_))
        ));
    }

    #[test]
    fn what_is_wrong_is_told_without_credentials() {
        for text in [
            "mongodb://bob:hunter2@h:99999999/db",
            "mongodb://bob:hunter2@",
            "mongodb://bob:hunter2/x@h/db",
            "mongodb://bob:hunter2@x@h/db",
            "mongodb://bob:hunter2%zz@h/db",
            "mongodb://bob:hunter2:x@h/db",
            "mongodb://bob:hunter2?x@h/db",
            "mongodb://bob:hunter2@h/db?readPreference=none",
        ] {
            let why = text.parse::<StoreUrl>().expect_err(text).to_string();
            assert!(!why.contains("hunter2") && !why.contains("bob"), "{text}: {why}");
        }
    }

    #[test]
    fn shows_no_credentials() {
        let url: StoreUrl = "mongodb://ann:s3cret@a:1,b:2/chat?replicaSet=rs0&appName=s3cret"
            .parse()
            .expect("a URL");
        assert_eq!(url.to_string(), "mongodb://***@a:1,b:2/chat");
        assert!(!format!("{url:?}").contains("s3cret"));
    }
}
