//! Signs tokens, to try a server out and to test with. A real service signs its own, where it knows who logged in.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use jsonwebtoken::{Header, encode, get_current_timestamp};
use readrealm_protocol::ids::Invalid;
use readrealm_protocol::{BookId, UserId, Username};
use serde::Serialize;

use super::keys::{self, KeyError};
use super::revoked::TokenId;
use crate::config::AuthConfig;

/// Print a token, signed with `READREALM_AUTH_SECRET` or with a private key, to try a server out.
#[derive(Debug, Args)]
pub struct MintToken {
    /// The user.
    #[arg(long, value_name = "ID", value_parser = |text: &str| UserId::try_from(text))]
    pub sub: UserId,

    /// The name shown; the user's id where it is left out.
    #[arg(long, value_name = "NAME", value_parser = |text: &str| Username::try_from(text))]
    pub name: Option<Username>,

    /// The rooms it opens, as `1,2`; every room where they are left out.
    #[arg(long, value_name = "BOOKS", value_delimiter = ',', value_parser = book)]
    pub rooms: Option<Vec<BookId>>,

    /// Let the user edit and delete the messages of others.
    #[arg(long)]
    pub moderator: bool,

    /// The id it is revoked by.
    #[arg(long, value_name = "JTI", value_parser = |text: &str| TokenId::try_from(text))]
    pub jti: Option<TokenId>,

    /// How long it counts, from now on.
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = humantime::parse_duration)]
    pub expires_in: Duration,

    /// PEM file of the private key to sign with, in the place of the secret: RSA, P-256 or Ed25519.
    #[arg(long, value_name = "FILE")]
    pub private_key: Option<PathBuf>,
}

fn book(text: &str) -> Result<BookId, Invalid> {
    let number: u64 = text
        .parse()
        .map_err(|_| Invalid("bookId must be an integer from 0 to 2^53-1"))?;
    BookId::try_from(number)
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum MintError {
    /// There is no key to sign with.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key is there, and cannot sign.
    #[error(
        "the private key cannot sign: it must be RSA of 2048 bits or more, P-256 or Ed25519, whole and unencrypted"
    )]
    Unfit,
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
    #[serde(skip_serializing_if = "Option::is_none")]
    jti: Option<&'a str>,
    iat: u64,
    exp: u64,
}

impl MintToken {
    /// The token. It names the audience of this configuration, where there is one.
    pub fn mint(&self, config: &AuthConfig) -> Result<String, MintError> {
        super::crypto::install();
        keys::none_is_empty(config)?;
        let (algorithm, key) = match (&self.private_key, &config.auth_secret) {
            (Some(path), _) => keys::private(path)?,
            (None, Some(secret)) => keys::signing_secret(secret)?,
            (None, None) => return Err(KeyError::None.into()),
        };
        let iat = get_current_timestamp();
        let payload = Payload {
            sub: &self.sub,
            name: self.name.as_ref(),
            rooms: self.rooms.as_deref(),
            moderator: self.moderator,
            aud: config.auth_audience.as_deref(),
            jti: self.jti.as_ref().map(TokenId::as_str),
            iat,
            exp: iat.saturating_add(self.expires_in.as_secs()),
        };
        encode(&Header::new(algorithm), &payload, &key).map_err(|_| MintError::Unfit)
    }
}
