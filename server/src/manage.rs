//! `/admin/revocations`: what an operator's own programs revoke, list and lift. Asked with a secret of its own: no token, a
//! moderator's neither, opens it.

mod guesses;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, to_bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{ConnectInfo, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use readrealm_protocol::server::ErrorReply;
use readrealm_protocol::{ErrorCode, Timestamp, UserId};
use ring::hmac;
use ring::rand::SystemRandom;
use serde::{Deserialize, Serialize};

use self::guesses::Guesses;
use crate::app::Shared;
use crate::auth::keys::{self, KeyError};
use crate::auth::revoked::{Revocation, Revoked, Subject, TokenId};
use crate::config::AuthConfig;
use crate::history;
use crate::metrics::Refusal;
use crate::pace::in_seconds;
use crate::revocation::{RevocationError, Revocations};

/// Bytes of a request's body.
const BODY_BYTES: usize = 4_096;

/// Revocations of one answer.
const PAGE: u32 = 1_000;

/// Where revocations are kept, and what this node knows of them.
type Store = (Arc<dyn Revocations>, Arc<Revoked>);

/// What the operator's programs work with.
#[derive(Debug)]
pub struct Manage {
    /// A key of this process, and the secret's tag by it: comparing tags takes as long whatever is wrong.
    key: hmac::Key,
    tag: hmac::Tag,
    /// `None` where authentication is off: there is nobody to revoke.
    revocations: Option<Store>,
    guesses: Guesses,
}

impl Manage {
    /// As the operator has set it; `None` where no secret is named.
    pub fn new(config: &AuthConfig, revocations: Option<Store>) -> Result<Option<Self>, KeyError> {
        let Some(secret) = keys::admin_secret(config)? else {
            return Ok(None);
        };
        let key = hmac::Key::generate(hmac::HMAC_SHA256, &SystemRandom::new()).map_err(|_| KeyError::NoRandomness)?;
        let tag = hmac::sign(&key, secret);
        Ok(Some(Self {
            key,
            tag,
            revocations,
            guesses: Guesses::new(),
        }))
    }

    fn is_operator(&self, secret: &str) -> bool {
        hmac::verify(&self.key, secret.as_bytes(), self.tag.as_ref()).is_ok()
    }
}

/// What is to be revoked, or not any more.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Whom {
    user: Option<String>,
    token: Option<String>,
    #[serde(default)]
    ban: bool,
    until: Option<Timestamp>,
}

impl Whom {
    fn revoked(&self) -> Result<Subject, ErrorReply> {
        let named = match (&self.user, &self.token) {
            (Some(user), None) if self.ban => UserId::try_from(&**user).map(Subject::Ban),
            (Some(user), None) => UserId::try_from(&**user).map(Subject::User),
            (None, Some(token)) if !self.ban => TokenId::try_from(&**token).map(Subject::Token),
            (None, Some(_)) => return Err(invalid("a ban is of a user")),
            _ => return Err(invalid("name a user or the jti of a token, and not both")),
        };
        named.map_err(|rule| invalid(rule.0))
    }

    fn lifted(&self) -> Result<Vec<Subject>, ErrorReply> {
        Ok(match self.revoked()? {
            Subject::User(user) | Subject::Ban(user) => vec![Subject::User(user.clone()), Subject::Ban(user)],
            token @ Subject::Token(_) => vec![token],
        })
    }
}

/// Where a list goes on.
#[derive(Debug, Deserialize)]
pub struct After {
    after: Option<String>,
}

/// One revocation, as it is told.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Told {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ban: bool,
    at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<Timestamp>,
}

impl From<&Revocation> for Told {
    fn from(revocation: &Revocation) -> Self {
        let (user, token) = match &revocation.subject {
            Subject::User(user) | Subject::Ban(user) => (Some(user.to_string()), None),
            Subject::Token(token) => (None, Some(token.as_str().to_owned())),
        };
        Self {
            user,
            token,
            ban: matches!(revocation.subject, Subject::Ban(_)),
            at: revocation.at,
            until: Some(revocation.until).filter(|until| *until < Timestamp::MAX),
        }
    }
}

/// `POST`: revokes; durable and in force on this node once answered, on every other within two seconds.
pub async fn revoke(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let revoke = async {
        let (store, revoked) = operator(&shared, address, &headers).await?;
        let whom = whom(body).await?;
        let now = Timestamp::now();
        let until = whom.until.unwrap_or(Timestamp::MAX);
        if until <= now {
            return Err(invalid("until must be a time to come"));
        }
        let revocation = Revocation {
            subject: whom.revoked()?,
            at: store.now().await.map_err(|error| failed(&error))?,
            until,
        };
        let stands = store.revoke(&revocation).await.map_err(|error| failed(&error))?;
        revoked.learn(vec![stands.clone()]);
        tracing::info!(subject = ?stands.subject, "revoked by an operator's program");
        Ok(Json(Told::from(&stands)).into_response())
    };
    answer(revoke.await)
}

/// `GET`: those that stand, a thousand at a time; `next` is what `?after=` goes on from.
pub async fn list(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    query: Result<Query<After>, QueryRejection>,
) -> Response {
    let list = async {
        let (store, _) = operator(&shared, address, &headers).await?;
        let Query(query) = query.map_err(|_| invalid("after must be given once, as text"))?;
        let after = query.after.as_deref().map(str::parse).transpose();
        let after: Option<Subject> = after.map_err(|_| invalid("after must be the next of an answer before"))?;
        let page = store.list(after.as_ref(), PAGE).await.map_err(|error| failed(&error))?;
        let next = page.last().filter(|_| page.len() >= PAGE as usize);
        let next = next.map(|last| last.subject.to_string());
        let revocations: Vec<_> = page.iter().map(Told::from).collect();
        Ok(Json(serde_json::json!({ "revocations": revocations, "next": next })).into_response())
    };
    answer(list.await)
}

/// `DELETE`: lifts what was revoked of a user, the ban too, or of a token.
pub async fn lift(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let lift = async {
        let (store, revoked) = operator(&shared, address, &headers).await?;
        let whom = whom(body).await?;
        let mut lifted = 0;
        for subject in whom.lifted()? {
            let at = Timestamp::now();
            if store.lift(&subject).await.map_err(|error| failed(&error))? {
                tracing::info!(?subject, "a revocation was lifted by an operator's program");
                revoked.learn(vec![Revocation { subject, at, until: at }]);
                lifted += 1;
            }
        }
        Ok(Json(serde_json::json!({ "lifted": lifted })).into_response())
    };
    answer(lift.await)
}

/// What may be asked by whoever shows the secret, and by nobody else.
async fn operator(shared: &Shared, address: SocketAddr, headers: &HeaderMap) -> Result<Store, ErrorReply> {
    let Some(manage) = &shared.manage else {
        let unset = "no READREALM_ADMIN_SECRET is set on this server";
        return Err(ErrorReply::new(ErrorCode::Unsupported, unset));
    };
    let secret = history::bearer_token(headers).unwrap_or_default();
    if !manage.is_operator(secret) {
        shared.connections.metrics.refused(Refusal::AdminSecret);
        return Err(manage.guesses.refuse(address.ip()).await);
    }
    let off = "authentication is off on this server: there are no tokens to revoke";
    manage
        .revocations
        .clone()
        .ok_or_else(|| ErrorReply::new(ErrorCode::InvalidData, off))
}

async fn whom(body: Body) -> Result<Whom, ErrorReply> {
    let bytes = to_bytes(body, BODY_BYTES).await;
    let bytes = bytes.map_err(|_| invalid("a body of at most 4096 bytes is needed, in time"))?;
    serde_json::from_slice(&bytes).map_err(|error| invalid(&format!("the body: {error}")))
}

fn invalid(rule: &str) -> ErrorReply {
    ErrorReply::new(ErrorCode::InvalidData, rule)
}

fn failed(error: &RevocationError) -> ErrorReply {
    tracing::warn!(%error, "a revocation was not made");
    let code = match error {
        RevocationError::Full => ErrorCode::RateLimited,
        RevocationError::Unavailable(_) => ErrorCode::Unavailable,
    };
    ErrorReply::new(code, error.to_string())
}

fn answer(done: Result<Response, ErrorReply>) -> Response {
    let mut response = done.unwrap_or_else(|reply| {
        let status = match reply.code {
            ErrorCode::InvalidData => StatusCode::BAD_REQUEST,
            ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
            ErrorCode::Unsupported => StatusCode::NOT_FOUND,
            ErrorCode::RateLimited if reply.retry_after_ms.is_some() => StatusCode::TOO_MANY_REQUESTS,
            ErrorCode::RateLimited => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        let mut response = (status, Json(&reply)).into_response();
        if let Some(millis) = reply.retry_after_ms {
            let wait = in_seconds(Duration::from_millis(millis));
            response.headers_mut().insert(header::RETRY_AFTER, wait.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            let challenge = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        response
    });
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    response
}
