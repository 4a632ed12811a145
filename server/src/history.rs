//! `GET /rooms/{bookId}/messages?before=&limit=`: a room's history for server rendering and for bots. Read only:
//! live messages are neither sent nor received this way.

use std::sync::Arc;

use axum::Json;
use axum::extract::rejection::{PathRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use readrealm_protocol::client::PageLimit;
use readrealm_protocol::server::{ErrorReply, Members, MessagesPage, PreviousMessages};
use readrealm_protocol::{BookId, ErrorCode, Seq};
use serde::Deserialize;
use tokio::sync::oneshot;

use crate::app::Shared;
use crate::log::PageQuery;
use crate::room::{Command, unavailable};

/// The part of the history that is asked for.
#[derive(Debug, Deserialize)]
pub struct Window {
    /// A message's seq: the page holds those before it. The newest where it is left out.
    before: Option<u64>,
    /// 1 to 100; 50 where it is left out.
    limit: Option<u64>,
}

/// Answers what `previousMessages` carries, or with `before` what `messagesPage` does; else an `error` object.
pub async fn messages(
    State(shared): State<Arc<Shared>>,
    book: Result<Path<u64>, PathRejection>,
    window: Result<Query<Window>, QueryRejection>,
    headers: HeaderMap,
) -> Response {
    if !shared.origins.allow(&headers) {
        let message = "pages of this origin may not read this; see --allow-origin";
        return failed(StatusCode::FORBIDDEN, &ErrorReply::new(ErrorCode::Forbidden, message));
    }
    let mut response = match (book, window) {
        (Ok(Path(book)), Ok(Query(window))) => match read(&shared, book, &window).await {
            Ok(response) => response,
            Err(reply) if reply.code == ErrorCode::InvalidData => failed(StatusCode::BAD_REQUEST, &reply),
            Err(reply) => failed(StatusCode::SERVICE_UNAVAILABLE, &reply),
        },
        (Err(_), _) => failed(
            StatusCode::BAD_REQUEST,
            &invalid("bookId must be an integer from 0 to 2^53-1"),
        ),
        (_, Err(_)) => failed(StatusCode::BAD_REQUEST, &invalid("before and limit must be integers")),
    };
    let answer = response.headers_mut();
    answer.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    answer.insert(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = headers.get(header::ORIGIN) {
        answer.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone());
    }
    response
}

async fn read(shared: &Shared, book: u64, window: &Window) -> Result<Response, ErrorReply> {
    let book = BookId::try_from(book).map_err(|rule| invalid(rule.0))?;
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
        tracing::warn!(%book, %error, "a page could not be read");
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

fn failed(status: StatusCode, reply: &ErrorReply) -> Response {
    (status, Json(reply)).into_response()
}
