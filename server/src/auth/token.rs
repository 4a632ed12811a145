//! A token: verified, and read into who its bearer is and what they may do.

use std::sync::Arc;

use jsonwebtoken::errors::{Error, ErrorKind};
use jsonwebtoken::{DecodingKey, Validation, decode};
use readrealm_protocol::server::User;
use readrealm_protocol::{BookId, Timestamp, UserId, Username};
use serde_json::{Map, Value};

use super::identity::{Identity, Rooms};
use super::keys::Key;
use super::revoked::{Holder, Holding, Revoked, TokenId};
use crate::metrics::Refusal;

/// Bytes of a token; a larger one is not looked into.
pub const TOKEN_BYTES: usize = 16 * 1024;

/// Seconds by which the clock of whoever signs may be ahead of this one (`nbf`, `iat`). `exp` is taken by the second: a token that has
/// expired would not serve any more in any case.
const LEEWAY: u64 = 5;

/// The same in milliseconds.
pub(super) const LEEWAY_MILLIS: i64 = 5_000;

/// The beginning of the year 3000, in milliseconds: an `exp` beyond it was meant in another unit.
const YEAR_3000: i64 = 32_503_680_000_000;

/// Why a token is refused. Says nothing of what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// It is not looked into.
    #[error("the token is larger than {TOKEN_BYTES} bytes")]
    TooLarge,
    /// Not three parts of JSON, or an algorithm nobody knows, as `none`.
    #[error("this is no signed JWT of a known algorithm")]
    Malformed,
    /// Its `alg` is not the one of this server's key.
    #[error("the token is signed with another algorithm than this server's key has")]
    Algorithm,
    /// Signed with another key, or changed since.
    #[error("the token's signature is not one of this server's key")]
    Signature,
    /// Its `exp` has passed.
    #[error("the token has expired")]
    Expired,
    /// Its `nbf` has not come.
    #[error("the token is not valid yet")]
    TooEarly,
    /// A claim that must be there is not.
    #[error("the token has no valid {0}")]
    Missing(&'static str),
    /// A claim is out of its bounds.
    #[error("a claim of the token is out of its bounds: {0}")]
    Claim(&'static str),
    /// It, or its user, was revoked before its time.
    #[error("the token has been revoked")]
    Revoked,
    /// It is for another service.
    #[error("the token is for another audience")]
    Audience,
    /// Its header asks for something that is not understood (RFC 7515, 4.1.11).
    #[error("the token's header has critical fields that are not understood")]
    Critical,
}

impl Refused {
    /// As what it is counted.
    pub const fn counted(self) -> Refusal {
        match self {
            Self::TooLarge => Refusal::TooLarge,
            Self::Malformed | Self::Critical => Refusal::Malformed,
            Self::Algorithm => Refusal::Algorithm,
            Self::Signature => Refusal::Signature,
            Self::Expired => Refusal::Expired,
            Self::TooEarly => Refusal::TooEarly,
            Self::Missing(_) | Self::Claim(_) => Refusal::Claim,
            Self::Audience => Refusal::Audience,
            Self::Revoked => Refusal::Revoked,
        }
    }
}

/// Verifies tokens with a key, and with the one before it where there is one: each by its one algorithm.
#[derive(Debug)]
pub struct Verifier {
    current: Lock,
    previous: Option<Lock>,
    revoked: Arc<Revoked>,
}

/// What one key opens.
#[derive(Debug)]
struct Lock {
    key: DecodingKey,
    validation: Validation,
}

impl Lock {
    fn new((algorithm, key): Key, audience: Option<&str>) -> Self {
        let mut validation = Validation::new(algorithm);
        validation.leeway = LEEWAY;
        validation.validate_nbf = true;
        validation.set_required_spec_claims(&["exp", "sub"]);
        if let Some(audience) = audience {
            validation.set_audience(&[audience]);
            validation.required_spec_claims.insert("aud".to_owned());
        }
        Self { key, validation }
    }

    fn open(&self, token: &str) -> Result<Identity, Refused> {
        let verified = decode::<Map<String, Value>>(token, &self.key, &self.validation).map_err(|e| refused(&e))?;
        if verified.header.crit.is_some() {
            return Err(Refused::Critical);
        }
        identity(&verified.claims)
    }
}

impl Verifier {
    /// Where an audience is named, a token must be for it; where none is, for nobody in particular.
    pub(super) fn new(current: Key, previous: Option<Key>, audience: Option<&str>) -> Self {
        Self {
            current: Lock::new(current, audience),
            previous: previous.map(|key| Lock::new(key, audience)),
            revoked: Arc::default(),
        }
    }

    /// What is revoked, as this node knows it.
    pub fn revoked(&self) -> &Arc<Revoked> {
        &self.revoked
    }

    /// Who bears the token, whose holder is told when it is revoked.
    pub fn verify_for(&self, token: &str, holder: &Arc<dyn Holder>) -> Result<(Identity, Holding), Refused> {
        let identity = self.read(token)?;
        let holding = self.revoked.hold(&identity, holder).ok_or(Refused::Revoked)?;
        Ok((identity, holding))
    }

    /// Who bears the token now.
    pub fn verify(&self, token: &str) -> Result<Identity, Refused> {
        let identity = self.read(token)?;
        if self.revoked.includes(&identity) {
            return Err(Refused::Revoked);
        }
        Ok(identity)
    }

    fn read(&self, token: &str) -> Result<Identity, Refused> {
        if token.len() > TOKEN_BYTES {
            return Err(Refused::TooLarge);
        }
        let by_another = |opened: &Result<_, _>| matches!(opened, Err(Refused::Signature | Refused::Algorithm));
        let opened = self.current.open(token);
        let previous = self.previous.as_ref().filter(|_| by_another(&opened));
        let opened_before = previous.map(|previous| previous.open(token));
        // What neither has signed is refused as if there was one key.
        opened_before.filter(|before| !by_another(before)).unwrap_or(opened)
    }
}

fn refused(error: &Error) -> Refused {
    match error.kind() {
        ErrorKind::InvalidSignature => Refused::Signature,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => Refused::Algorithm,
        ErrorKind::ExpiredSignature => Refused::Expired,
        ErrorKind::ImmatureSignature => Refused::TooEarly,
        ErrorKind::InvalidAudience => Refused::Audience,
        ErrorKind::MissingRequiredClaim(claim) => Refused::Missing(match &**claim {
            "exp" => "exp",
            "sub" => "sub",
            _ => "aud",
        }),
        ErrorKind::InvalidClaimFormat(_) => Refused::Claim("nbf must be a number of seconds"),
        _ => Refused::Malformed,
    }
}

fn identity(claims: &Map<String, Value>) -> Result<Identity, Refused> {
    let text = |claim| claims.get(claim).and_then(Value::as_str);
    let user_id =
        UserId::try_from(text("sub").ok_or(Refused::Missing("sub"))?).map_err(|rule| Refused::Claim(rule.0))?;
    let username = match claims.get("name") {
        None | Some(Value::Null) => Username::from_user_id(&user_id),
        Some(name) => Username::try_from(name.as_str().unwrap_or_default()).map_err(|rule| Refused::Claim(rule.0))?,
    };
    let expires_at = seconds(claims.get("exp")).ok_or(Refused::Missing("exp"))?;
    if expires_at.as_millis() >= YEAR_3000 {
        return Err(Refused::Claim(
            "exp must be in seconds since 1970, and before the year 3000",
        ));
    }
    if expires_at <= Timestamp::now() {
        return Err(Refused::Expired);
    }
    let issued_at = match claims.get("iat") {
        None | Some(Value::Null) => None,
        iat => Some(seconds(iat).ok_or(Refused::Claim("iat must be a number of seconds"))?),
    };
    // What was issued before a revocation must not look as if it was after it.
    if issued_at.is_some_and(|issued| issued.as_millis() > Timestamp::now().as_millis() + LEEWAY_MILLIS) {
        return Err(Refused::TooEarly);
    }
    let token_id = match claims.get("jti") {
        None | Some(Value::Null) => None,
        Some(jti) => Some(TokenId::try_from(jti.as_str().unwrap_or_default()).map_err(|rule| Refused::Claim(rule.0))?),
    };
    let moderator = match claims.get("moderator") {
        None | Some(Value::Null) => false,
        Some(moderator) => moderator
            .as_bool()
            .ok_or(Refused::Claim("moderator must be true or false"))?,
    };
    Ok(Identity {
        user: Arc::new(User { user_id, username }),
        rooms: rooms(claims.get("rooms"))?,
        moderator,
        expires_at,
        issued_at,
        token_id,
    })
}

/// Seconds since 1970, which may have a fraction (RFC 7519, 2).
fn seconds(claim: Option<&Value>) -> Option<Timestamp> {
    let seconds = claim?.as_f64().filter(|seconds| *seconds >= 0.0)?;
    #[allow(
        clippy::cast_possible_truncation,
        reason = "saturates, and a Timestamp has a largest of its own"
    )]
    Some(Timestamp::from_millis((seconds * 1_000.0) as i64))
}

/// Every room, where nothing is said: not where something is said that cannot be read.
fn rooms(rooms: Option<&Value>) -> Result<Rooms, Refused> {
    let Some(rooms) = rooms else { return Ok(Rooms::All) };
    let books = rooms.as_array().and_then(|books| {
        let read = |book: &Value| BookId::try_from(book.as_u64()?).ok();
        books.iter().map(read).collect::<Option<Vec<_>>>()
    });
    books.map(Rooms::only).ok_or(Refused::Claim(
        "rooms must be an array of bookIds, integers from 0 to 2^53-1",
    ))
}
