//! Signs tokens: for tests, and for trying a server out. A real service signs its own, where it knows who logged in.

use std::path::Path;
use std::time::Duration;

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, get_current_timestamp};
use readrealm_protocol::{BookId, UserId, Username};
use serde::Serialize;

use super::keys::{self, KeyError};
use crate::config::Secret;

/// What a token is to say.
#[derive(Debug, Clone)]
pub struct Claims {
    /// The user.
    pub sub: UserId,
    /// The name shown; `sub` where it is left out.
    pub name: Option<Username>,
    /// The rooms; every room where they are left out.
    pub rooms: Option<Vec<BookId>>,
    /// Whether the bearer may edit and delete the messages of others.
    pub moderator: bool,
    /// For how long, from now on.
    pub expires_in: Duration,
}

#[derive(Serialize)]
struct Payload<'a> {
    sub: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<&'a Username>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rooms: Option<&'a [BookId]>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    moderator: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    aud: Option<&'a str>,
    iat: u64,
    exp: u64,
}

/// Signs tokens with one key.
#[derive(Debug)]
pub struct Minter {
    algorithm: Algorithm,
    key: EncodingKey,
}

impl Minter {
    /// With the private key of a PEM file, else with the shared secret.
    pub fn new(secret: Option<&Secret>, private_key: Option<&Path>) -> Result<Self, KeyError> {
        super::crypto::install();
        let (algorithm, key) = match (private_key, secret) {
            (Some(path), _) => keys::private(path)?,
            (None, Some(secret)) => keys::signing_secret(secret)?,
            (None, None) => return Err(KeyError::None),
        };
        Ok(Self { algorithm, key })
    }

    /// A token with these claims. Fails where the key cannot sign.
    pub fn mint(&self, claims: &Claims, audience: Option<&str>) -> Result<String, MintError> {
        let now = get_current_timestamp();
        let payload = Payload {
            sub: &claims.sub,
            name: claims.name.as_ref(),
            rooms: claims.rooms.as_deref(),
            moderator: claims.moderator,
            aud: audience,
            iat: now,
            exp: now.saturating_add(claims.expires_in.as_secs()),
        };
        encode(&Header::new(self.algorithm), &payload, &self.key).map_err(|_| MintError)
    }
}

/// The private key cannot sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the private key cannot sign: it must be RSA of 2048 bits or more, P-256 or Ed25519, whole and unencrypted")]
pub struct MintError;
