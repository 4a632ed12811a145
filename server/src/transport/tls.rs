//! TLS, with a certificate and its key out of PEM files, which are read anew when they change.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use readrealm_protocol::Timestamp;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{self, ServerConfig};

use super::certificate;
use crate::metrics::Metrics;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(30);

/// Why there is no TLS. One sentence an operator can act upon.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// Whoever meant to set it must not find that everybody can listen in.
    #[error("{0} is set to nothing: give it its value, or do not set it at all")]
    Empty(&'static str),
    /// The file is not there, or may not be read.
    #[error("the file {path} cannot be read: {reason}", path = .0.display(), reason = .1)]
    Unreadable(PathBuf, String),
    /// The file holds something else.
    #[error("the file {path} holds no {what} in PEM", path = .0.display(), what = .1)]
    Nothing(PathBuf, &'static str),
    /// The key asks for a passphrase, which nobody is there to give.
    #[error("the key {key} is encrypted; a server needs one that is not (openssl pkey -in KEY -out ANOTHER)", key = .0.display())]
    Encrypted(PathBuf),
    /// The two do not belong together, or are of a kind that is not supported.
    #[error("the certificate {cert} cannot be used with the key {key}: {reason}", cert = .0.display(), key = .1.display(), reason = .2)]
    Unfit(PathBuf, PathBuf, String),
}

/// The certificate in use.
#[derive(Debug)]
pub struct Tls {
    cert: PathBuf,
    key: PathBuf,
    current: Mutex<Current>,
}

struct Current {
    acceptor: TlsAcceptor,
    /// When it ends, where that is known.
    end: Option<Timestamp>,
    /// What the files held.
    files: Files,
}

impl std::fmt::Debug for Current {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Current").finish_non_exhaustive()
    }
}

impl Current {
    fn of(cert: &Path, key: &Path, files: Files) -> Result<Self, TlsError> {
        let (acceptor, end) = acceptor(cert, key, &files)?;
        Ok(Self { acceptor, end, files })
    }
}

#[derive(PartialEq, Eq)]
struct Files {
    cert: Vec<u8>,
    key: Vec<u8>,
}

impl Tls {
    /// With the certificate, those that lead to its authority behind it, and the key in these files.
    pub fn new(cert: &Path, key: &Path) -> Result<Arc<Self>, TlsError> {
        for (path, name) in [(cert, "READREALM_TLS_CERT"), (key, "READREALM_TLS_KEY")] {
            if path.as_os_str().is_empty() {
                return Err(TlsError::Empty(name));
            }
        }
        let files = read(cert, key)?;
        let current = Current::of(cert, key, files)?;
        Ok(Arc::new(Self {
            cert: cert.to_owned(),
            key: key.to_owned(),
            current: Mutex::new(current),
        }))
    }

    /// What takes the next connection.
    pub(super) fn acceptor(&self) -> TlsAcceptor {
        self.lock().acceptor.clone()
    }

    /// Says it where the certificate has expired, or ends soon.
    pub fn warn_of_end(&self) {
        let Some(end) = self.lock().end else { return };
        if let Some(warning) = certificate::warning(end, Timestamp::now()) {
            tracing::warn!(certificate = %self.cert.display(), %end, "{warning}");
        }
    }

    /// Looks at the files every half minute, and whenever the process gets SIGHUP, until it is dropped. A certificate that
    /// cannot be used changes nothing.
    pub async fn follow(self: Arc<Self>, metrics: &Metrics) {
        let tell = || metrics.certificate_ends(self.lock().end.map_or(0, |end| end.as_millis() / 1_000));
        tell();
        let mut hangup = Hangup::new();
        loop {
            let _ = tokio::time::timeout(LOOK, hangup.next()).await;
            let tls = Arc::clone(&self);
            let looked = tokio::task::spawn_blocking(move || tls.look()).await;
            match looked {
                Ok(Ok(false)) => {}
                Ok(Ok(true)) => {
                    tracing::info!("the TLS certificate was read anew");
                    self.warn_of_end();
                    tell();
                }
                Ok(Err(error)) => tracing::error!(%error, "the TLS certificate in use stays"),
                Err(error) => tracing::error!(%error, "the TLS certificate was not looked at"),
            }
        }
    }

    /// Returns whether there is another one now.
    fn look(&self) -> Result<bool, TlsError> {
        let files = read(&self.cert, &self.key)?;
        if files == self.lock().files {
            return Ok(false);
        }
        let current = Current::of(&self.cert, &self.key, files)?;
        *self.lock() = current;
        Ok(true)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Current> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read(cert: &Path, key: &Path) -> Result<Files, TlsError> {
    let read =
        |path: &Path| std::fs::read(path).map_err(|error| TlsError::Unreadable(path.to_owned(), error.to_string()));
    Ok(Files {
        cert: read(cert)?,
        key: read(key)?,
    })
}

fn acceptor(cert: &Path, key: &Path, files: &Files) -> Result<(TlsAcceptor, Option<Timestamp>), TlsError> {
    let nothing = |path: &Path, what| TlsError::Nothing(path.to_owned(), what);
    let unfit = |error: rustls::Error| TlsError::Unfit(cert.to_owned(), key.to_owned(), error.to_string());
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&files.cert).collect();
    let chain = chain.ok().filter(|chain| !chain.is_empty());
    let chain = chain.ok_or_else(|| nothing(cert, "certificate"))?;
    let end = chain.first().and_then(certificate::end);
    let secret = PrivateKeyDer::from_pem_slice(&files.key).map_err(|_| {
        if is_encrypted(&files.key) {
            TlsError::Encrypted(key.to_owned())
        } else {
            nothing(key, "private key")
        }
    })?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(unfit)?
        .with_no_client_auth()
        .with_single_cert(chain, secret)
        .map_err(unfit)?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    // Who reconnects, as phones do all day, need not shake hands from the start.
    config.ticketer = ring::Ticketer::new().map_err(unfit)?;
    Ok((TlsAcceptor::from(Arc::new(config)), end))
}

/// In the form of PKCS #8, or in those before it.
fn is_encrypted(key: &[u8]) -> bool {
    let key = String::from_utf8_lossy(key);
    ["-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED"]
        .iter()
        .any(|mark| key.contains(mark))
}

/// SIGHUP, where there is such a thing.
struct Hangup {
    #[cfg(unix)]
    signal: Option<tokio::signal::unix::Signal>,
}

impl Hangup {
    #[cfg(unix)]
    fn new() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        let signal = signal(SignalKind::hangup()).ok();
        Self { signal }
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        match &mut self.signal {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    }

    #[cfg(not(unix))]
    fn new() -> Self {
        Self {}
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        std::future::pending().await
    }
}
