//! The keys that tokens are verified with: each a shared secret, or a public key whose kind says the one algorithm accepted.

use std::path::{Path, PathBuf};

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey};

use crate::config::{AuthConfig, Secret};

/// The variables, by which each is named to whoever has set it wrong.
const SECRET: &str = "READREALM_AUTH_SECRET";
const PUBLIC_KEY: &str = "READREALM_AUTH_PUBLIC_KEY";
const SECRET_PREVIOUS: &str = "READREALM_AUTH_SECRET_PREVIOUS";
const PUBLIC_KEY_PREVIOUS: &str = "READREALM_AUTH_PUBLIC_KEY_PREVIOUS";
const ADMIN_SECRET: &str = "READREALM_ADMIN_SECRET";

/// Bytes of a shared secret at least: as many as its signatures have.
const SECRET_BYTES: usize = 32;

/// Different bytes of a shared secret at least: of 32 that are drawn from ten digits, fewer come once in ten million times.
const DIFFERENT_BYTES: usize = 6;

/// The name of the curve P-256, as it stands in a key.
const P256: &[u8] = &[0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07];

/// Bytes of an RSA public key, from 2048 bits to 8192.
const RSA_BYTES: std::ops::RangeInclusive<usize> = 268..=1_100;

/// A key that cannot be used. Says which and why, and nothing of what is in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Whoever meant to set it must not find that everybody gets in.
    #[error("{0} is set to nothing: give it its value, or do not set it at all")]
    Empty(&'static str),
    /// Two ways to verify a token are one too many.
    #[error("{0} and {1} are both set; set one of them")]
    Both(&'static str, &'static str),
    /// Whoever meant to change the key must not find that everybody gets in.
    #[error(
        "a previous key is set and none that came after it: set READREALM_AUTH_SECRET or READREALM_AUTH_PUBLIC_KEY"
    )]
    PreviousAlone,
    /// Guessed too easily.
    #[error("{0} has {1} bytes and needs {SECRET_BYTES} or more: `openssl rand -base64 48` makes one")]
    ShortSecret(&'static str, usize),
    /// Guessed too easily as well.
    #[error("{0} repeats the same few characters: `openssl rand -base64 48` makes one that nobody guesses")]
    WeakSecret(&'static str),
    /// The file is not there, or may not be read.
    #[error("the key {path} cannot be read: {reason}", path = .0.display(), reason = .1)]
    Unreadable(PathBuf, String),
    /// The file is no key that is taken.
    #[error("the key {path} is not taken: {reason}", path = .0.display(), reason = .1)]
    Unfit(PathBuf, &'static str),
    /// Whoever signs tokens, or did, is not to be the operator.
    #[error("READREALM_ADMIN_SECRET is {0}; make another one")]
    SameSecret(&'static str),
    /// The system gave none.
    #[error("the system has no random numbers")]
    NoRandomness,
    /// There is nothing to sign with.
    #[error("set READREALM_AUTH_SECRET, or name a key with --private-key")]
    None,
}

/// Refuses what is there and says nothing, as a variable of a secret that a vault did not hand out.
pub(super) fn none_is_empty(config: &AuthConfig) -> Result<(), KeyError> {
    let is_empty = |secret: &Option<Secret>| secret.as_ref().is_some_and(|secret| secret.reveal().is_empty());
    let no_path = (config.auth_public_key.as_ref()).is_some_and(|path| path.as_os_str().is_empty());
    let all = [
        (SECRET, is_empty(&config.auth_secret)),
        (PUBLIC_KEY, no_path),
        (ADMIN_SECRET, is_empty(&config.admin_secret)),
        ("READREALM_AUTH_AUDIENCE", config.auth_audience.as_deref() == Some("")),
    ];
    let empty = all.into_iter().find(|(_, is_empty)| *is_empty);
    empty.map_or(Ok(()), |(name, _)| Err(KeyError::Empty(name)))
}

/// A key, and the one algorithm it is for.
pub(super) type Key = (Algorithm, DecodingKey);

/// The key, and the one before it while that is named; `None` where authentication is off.
pub(super) fn verifying(config: &AuthConfig) -> Result<Option<(Key, Option<Key>)>, KeyError> {
    let current = one(
        (SECRET, config.auth_secret.as_ref()),
        (PUBLIC_KEY, config.auth_public_key.as_deref()),
    )?;
    let previous = one(
        (SECRET_PREVIOUS, config.auth_secret_previous.as_ref()),
        (PUBLIC_KEY_PREVIOUS, config.auth_public_key_previous.as_deref()),
    )?;
    match (current, previous) {
        (None, Some(_)) => Err(KeyError::PreviousAlone),
        (current, previous) => Ok(current.map(|current| (current, previous))),
    }
}

/// The key of a secret or of a file, whichever is set.
fn one(
    (secret_name, secret): (&'static str, Option<&Secret>),
    (path_name, path): (&'static str, Option<&Path>),
) -> Result<Option<Key>, KeyError> {
    match (secret, path) {
        (None, None) => Ok(None),
        (Some(_), Some(_)) => Err(KeyError::Both(secret_name, path_name)),
        (Some(secret), None) => {
            let bytes = long_enough(secret, secret_name)?;
            Ok(Some((Algorithm::HS256, DecodingKey::from_secret(bytes))))
        }
        (None, Some(path)) => public(path).map(Some),
    }
}

/// A shared secret, to sign with.
pub(super) fn signing_secret(secret: &Secret) -> Result<(Algorithm, EncodingKey), KeyError> {
    let bytes = long_enough(secret, SECRET)?;
    Ok((Algorithm::HS256, EncodingKey::from_secret(bytes)))
}

/// The secret of the operator's programs.
pub(crate) fn admin_secret(config: &AuthConfig) -> Result<Option<&[u8]>, KeyError> {
    let Some(secret) = &config.admin_secret else {
        return Ok(None);
    };
    for (name, of_tokens) in [
        (SECRET, &config.auth_secret),
        (SECRET_PREVIOUS, &config.auth_secret_previous),
    ] {
        if of_tokens.as_ref() == Some(secret) {
            return Err(KeyError::SameSecret(name));
        }
    }
    long_enough(secret, ADMIN_SECRET).map(Some)
}

fn long_enough<'a>(secret: &'a Secret, name: &'static str) -> Result<&'a [u8], KeyError> {
    let bytes = secret.reveal().as_bytes();
    if bytes.len() < SECRET_BYTES {
        return Err(KeyError::ShortSecret(name, bytes.len()));
    }
    if repeats(bytes) {
        return Err(KeyError::WeakSecret(name));
    }
    Ok(bytes)
}

/// Whether a secret was plainly typed and not drawn.
fn repeats(secret: &[u8]) -> bool {
    let mut bytes = secret.to_vec();
    bytes.sort_unstable();
    bytes.dedup();
    bytes.len() < DIFFERENT_BYTES
}

/// The public key in a PEM file.
fn public(path: &Path) -> Result<Key, KeyError> {
    let unfit = |reason| KeyError::Unfit(path.to_owned(), reason);
    let text = read(path)?;
    let parsed = pem::parse(&text).map_err(|_| unfit("it is no PEM file"))?;
    if !pem::parse_many(&text).is_ok_and(|all| all.len() == 1) {
        return Err(unfit("it must hold one key, and nothing else"));
    }
    match parsed.tag() {
        "PUBLIC KEY" | "RSA PUBLIC KEY" => {}
        tag if tag.ends_with("PRIVATE KEY") => {
            return Err(unfit(
                "it is a private key, which belongs to whoever signs the tokens alone",
            ));
        }
        _ => return Err(unfit("it must be a public key, `-----BEGIN PUBLIC KEY-----`")),
    }
    if let Ok(key) = DecodingKey::from_rsa_pem(&text) {
        let fits = key.try_get_as_bytes().is_ok_and(|der| RSA_BYTES.contains(&der.len()));
        return fits
            .then_some((Algorithm::RS256, key))
            .ok_or_else(|| unfit("an RSA key must have 2048 to 8192 bits"));
    }
    if let Ok(key) = DecodingKey::from_ec_pem(&text) {
        let uncompressed = key.try_get_as_bytes().is_ok_and(|point| point.len() == 65);
        return (uncompressed && is_p256(&parsed))
            .then_some((Algorithm::ES256, key))
            .ok_or_else(|| unfit("an EC key must be one of P-256, uncompressed"));
    }
    let key = DecodingKey::from_ed_pem(&text).map_err(|_| unfit("it must be an RSA, P-256 or Ed25519 key"))?;
    Ok((Algorithm::EdDSA, key))
}

/// The private key in a PEM file, to sign with.
pub(super) fn private(path: &Path) -> Result<(Algorithm, EncodingKey), KeyError> {
    let unfit = |reason| KeyError::Unfit(path.to_owned(), reason);
    let text = read(path)?;
    let parsed = pem::parse(&text).map_err(|_| unfit("it is no PEM file"))?;
    if !matches!(parsed.tag(), "PRIVATE KEY" | "RSA PRIVATE KEY") {
        return Err(unfit(
            "it must be an unencrypted private key, `-----BEGIN PRIVATE KEY-----`",
        ));
    }
    if let Ok(key) = EncodingKey::from_rsa_pem(&text) {
        return Ok((Algorithm::RS256, key));
    }
    if let Ok(key) = EncodingKey::from_ec_pem(&text) {
        return is_p256(&parsed)
            .then_some((Algorithm::ES256, key))
            .ok_or_else(|| unfit("an EC key must be one of P-256"));
    }
    let key = EncodingKey::from_ed_pem(&text).map_err(|_| unfit("it must be an RSA, P-256 or Ed25519 key"))?;
    Ok((Algorithm::EdDSA, key))
}

fn is_p256(key: &pem::Pem) -> bool {
    key.contents().windows(P256.len()).any(|bytes| bytes == P256)
}

fn read(path: &Path) -> Result<Vec<u8>, KeyError> {
    std::fs::read(path).map_err(|error| KeyError::Unreadable(path.to_owned(), error.to_string()))
}
