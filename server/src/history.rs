//! `GET /rooms/{bookId}/messages?before=&limit=`: a room's history for server rendering and for bots. Read only:
//! live messages are neither sent nor received this way.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use readrealm_protocol::client::PageLimit;
use readrealm_protocol::server::{ErrorReply, Members, MessagesPage, PreviousMessages};
use readrealm_protocol::{BookId, ErrorCode, Seq, UserId};
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::app::Shared;
use crate::auth::{self, Auth, Identity};
use crate::config::Limits;
use crate::connection::{self, limits};
use crate::log::PageQuery;
use crate::metrics::{Limit, Refusal};
use crate::pace::{AddressPaces, Paces, in_seconds};
use crate::room::{Command, unavailable};
use crate::seldom::seldom;

/// The part of the history that is asked for.
#[derive(Debug, Deserialize)]
pub struct Window {
    /// A message's seq: the page holds those before it. The newest where it is left out.
    before: Option<u64>,
    /// 1 to 100; 50 where it is left out.
    limit: Option<u64>,
}

/// The answer to a browser that asks whether a page may send its token: what it may send along, and for how long its browser need not ask
/// again, in seconds.
pub const PREFLIGHT: (StatusCode, [(header::HeaderName, &str); 3]) = (
    StatusCode::NO_CONTENT,
    [
        (header::ACCESS_CONTROL_ALLOW_METHODS, "GET"),
        (header::ACCESS_CONTROL_ALLOW_HEADERS, "authorization"),
        (header::ACCESS_CONTROL_MAX_AGE, "600"),
    ],
);

/// What a page may read of an answer besides.
const EXPOSED: HeaderValue = HeaderValue::from_static("retry-after, x-request-id");

/// So many times as often as a user reads, an address may be told that it shows no good token: an app whose token has ended must
/// hear just that, whoever else shares its address.
const REFUSALS: u32 = 10;

/// How often a user may read, and where authentication is off an address.
#[derive(Debug)]
pub struct Reads {
    users: Paces<UserId>,
    addresses: AddressPaces,
    refusals: AddressPaces,
}

impl Reads {
    /// The budgets as configured.
    pub fn new(limits: &Limits) -> Self {
        let per_second = limits.user_reads_per_second;
        let burst = limits.message_burst.max(per_second);
        Self {
            users: Paces::new(per_second, burst),
            addresses: AddressPaces::new(per_second, burst),
            refusals: AddressPaces::new(per_second.saturating_mul(REFUSALS), burst.saturating_mul(REFUSALS)),
        }
    }

    fn take(&self, bearer: &Result<Option<Identity>, ErrorReply>, address: IpAddr) -> Result<(), ErrorReply> {
        let (what, taken) = match bearer {
            Ok(Some(who)) => ("this user reads", self.users.take(&who.user.user_id)),
            Ok(None) => ("this address reads", self.addresses.take(address)),
            Err(_) => ("this address asks without a good token", self.refusals.take(address)),
        };
        taken.map_err(|wait| limits::refused(what, wait))
    }
}

/// Answers what `previousMessages` carries, or with `before` what `messagesPage` does; else an `error` object.
pub async fn messages(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(address): ConnectInfo<SocketAddr>,
    book: Result<Path<u64>, PathRejection>,
    window: Result<Query<Window>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    let read = async {
        let bearer = bearer(&shared.connections, &headers);
        let taken = shared.reads.take(&bearer, address.ip());
        taken.inspect_err(|_| shared.connections.metrics.limited(Limit::Reads))?;
        let bearer = bearer?;
        let Path(book) = book.map_err(|_| invalid("bookId must be an integer from 0 to 2^53-1"))?;
        let book = BookId::try_from(book).map_err(|rule| invalid(rule.0))?;
        if bearer.is_some_and(|bearer| !bearer.rooms.contain(book)) {
            return Err(auth::forbidden(book));
        }
        let Query(window) = window.map_err(|_| invalid("before and limit must be integers"))?;
        read(&shared, book, &window).await
    };
    let mut response = read.await.unwrap_or_else(|reply| failed(&reply, &headers));
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

/// Refuses pages of other origins than may read this, and lets all others read the answer, whatever it is.
pub async fn to_pages(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    if !shared.origins.allow(request.headers()) {
        return foreign();
    }
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = next.run(request).await;
    let answer = response.headers_mut();
    answer.insert(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        answer.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
    response
}

/// Who asks; `None` where authentication is off.
fn bearer(services: &connection::Services, headers: &HeaderMap) -> Result<Option<Identity>, ErrorReply> {
    let Auth::Tokens(tokens) = &services.auth else {
        return Ok(None);
    };
    let refuse = |message: &str| ErrorReply::new(ErrorCode::Unauthorized, message);
    let Some(token) = bearer_token(headers) else {
        services.metrics.refused(Refusal::Missing);
        return Err(refuse("a token is needed: Authorization: Bearer …"));
    };
    let identity = tokens.verify(token).map_err(|refused| {
        services.metrics.refused(refused.counted());
        refuse(&refused.to_string())
    })?;
    Ok(Some(identity))
}

/// What a request shows as `Authorization: Bearer …`.
pub(crate) fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

async fn read(shared: &Shared, book: BookId, window: &Window) -> Result<Response, ErrorReply> {
    let limit = window
        .limit
        .map_or(Ok(PageLimit::default()), PageLimit::try_from)
        .map_err(|rule| invalid(rule.0))?;
    let before = window
        .before
        .map(Seq::try_from)
        .transpose()
        .map_err(|rule| invalid(rule.0))?;
    let log = &shared.connections.log;
    let query = PageQuery {
        before,
        at: None,
        limit: limit.get(),
    };
    let page = log.read_page(book, query).await.map_err(|error| {
        seldom!(warn, %book, %error, "a page could not be read; this is told once a minute");
        unavailable()
    })?;
    let (seq, messages, has_more) = (page.seq, page.messages, page.has_more);
    if before.is_some() {
        return Ok(Json(MessagesPage {
            book_id: book,
            seq,
            messages,
            has_more,
        })
        .into_response());
    }
    let (epoch, members) = (log.epoch().clone(), members(shared, book).await);
    Ok(Json(PreviousMessages {
        book_id: book,
        epoch,
        seq,
        messages,
        has_more,
        members,
    })
    .into_response())
}

/// Who is in a room that is not in memory other nodes know.
async fn members(shared: &Shared, book: BookId) -> Members {
    let hub = &shared.connections.hub;
    let Some(room) = hub.in_memory(book) else {
        return hub.members_elsewhere(book).await;
    };
    let (reply, members) = oneshot::channel();
    let _ = room.mailbox.send(Command::Members { reply }).await;
    members.await.unwrap_or_default()
}

fn invalid(rule: &str) -> ErrorReply {
    ErrorReply::new(ErrorCode::InvalidData, rule)
}

fn foreign() -> Response {
    let message = "pages of this origin may not read this; see --allow-origin";
    let reply = ErrorReply::new(ErrorCode::Forbidden, message);
    (StatusCode::FORBIDDEN, Json(reply)).into_response()
}

fn failed(reply: &ErrorReply, headers: &HeaderMap) -> Response {
    let status = match reply.code {
        ErrorCode::InvalidData => StatusCode::BAD_REQUEST,
        ErrorCode::Unauthorized => StatusCode::UNAUTHORIZED,
        ErrorCode::Forbidden => StatusCode::FORBIDDEN,
        ErrorCode::RateLimited => StatusCode::TOO_MANY_REQUESTS,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    let mut response = (status, Json(reply)).into_response();
    if let Some(millis) = reply.retry_after_ms {
        let wait = in_seconds(Duration::from_millis(millis));
        response.headers_mut().insert(header::RETRY_AFTER, wait.into());
    }
    if status == StatusCode::UNAUTHORIZED {
        // RFC 6750, 3.1: what was wrong is named only to who sent a token.
        let challenge = match bearer_token(headers) {
            Some(_) => r#"Bearer error="invalid_token""#,
            None => "Bearer",
        };
        let challenge = HeaderValue::from_static(challenge);
        response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
    }
    response
}
