//! What of a folder is for everybody: no name that begins with a dot, and nothing outside of it, whatever links say.

use std::fs::Metadata;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;

use tower_http::services::fs::{Backend, TokioBackend, TokioFile};

type Doing<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;

/// A folder whose files are served.
#[derive(Debug, Clone)]
pub(super) struct Folder(Arc<Path>);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.into())
    }

    /// The file that is meant, by its own name. What is not for everybody is not there.
    async fn own(self, path: PathBuf) -> io::Result<PathBuf> {
        let asked = path.strip_prefix(&self.0).unwrap_or(&path);
        if asked.components().any(is_hidden) {
            return Err(io::ErrorKind::NotFound.into());
        }
        // Asked each time: the folder may be a link that is moved to a newer page.
        let (folder, file) = tokio::try_join!(tokio::fs::canonicalize(&self.0), tokio::fs::canonicalize(&path))?;
        if file.starts_with(folder) {
            Ok(file)
        } else {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

/// Such files are of those who made the page: `.env`, `.git`.
fn is_hidden(component: Component<'_>) -> bool {
    component.as_os_str().as_encoded_bytes().starts_with(b".") && component != Component::CurDir
}

impl Backend for Folder {
    type File = TokioFile;
    type Metadata = Metadata;
    type OpenFuture = Doing<TokioFile>;
    type MetadataFuture = Doing<Metadata>;

    fn open(&self, path: PathBuf) -> Self::OpenFuture {
        let own = self.clone().own(path);
        Box::pin(async move { TokioBackend.open(own.await?).await })
    }

    fn metadata(&self, path: PathBuf) -> Self::MetadataFuture {
        let own = self.clone().own(path);
        Box::pin(async move { TokioBackend.metadata(own.await?).await })
    }
}
