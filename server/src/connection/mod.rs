//! One connection: reads its frames in the order they came, keeps it within its limits, and writes what its rooms
//! tell it. Generic over the transport, so that it is the same for every kind of socket and can be tested without one.

mod alarm;
pub mod limits;
mod line;
pub mod outbox;
mod refusals;
mod requests;
mod resume;
mod session;
mod shares;
mod writing;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{Sink, Stream, StreamExt};
use readrealm_protocol::codec::DecodeError;
use readrealm_protocol::server::User;
use readrealm_protocol::{ClientFrame, CloseCode};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub use limits::UserLimits;
pub use line::{Line, Sent};
pub use outbox::{Close, Outbox};
pub use resume::Resumes;

pub use crate::room::{Deliver, Frame, Told};

pub(crate) use writing::Writing;

use alarm::Alarm;

use crate::auth::Auth;
use crate::config::Limits;
use crate::hub::Hub;
use crate::log::EventLog;
use crate::metrics::Metrics;
use crate::room::ConnectionId;
use requests::Requests;

/// What a connection works with; one for the whole process.
#[derive(Debug)]
pub struct Services {
    /// The rooms.
    pub hub: Hub,
    /// Where older messages are read.
    pub log: Arc<dyn EventLog>,
    /// Who is who.
    pub auth: Auth,
    /// What clients may do.
    pub limits: Limits,
    /// What users may do over all their connections.
    pub users: Arc<UserLimits>,
    /// What bringing long-gone clients forward may take, over all connections.
    pub resumes: Resumes,
    /// Cancelled when the process is to end.
    pub shutdown: CancellationToken,
    /// The number of the next connection.
    pub next_connection: AtomicU64,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// A queue keeps its memory for so many frames.
const USUAL_FRAMES: usize = 16;

/// What a transport reads.
#[derive(Debug)]
pub enum Inbound {
    /// A frame of the protocol, or what is wrong with it.
    Frame(Result<ClientFrame, DecodeError>),
    /// A post that names its author, who counts where authentication is off: a connection may speak for several.
    By(Arc<User>, ClientFrame),
    /// A sign of life.
    Alive,
    /// A question for one, which is answered with the same bytes.
    Asked(Bytes),
    /// Something that closes the connection.
    Fatal(Close),
}

/// What a transport writes.
#[derive(Debug)]
pub enum Outbound {
    /// A frame of the protocol.
    Frame(Frame),
    /// A question for a sign of life.
    Ping,
    /// The answer to one.
    Pong(Bytes),
}

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// The peer closed it, or cannot be reached any more: there is nobody to tell.
    Gone,
    /// The server closes it, and says why.
    Closed(Close),
}

/// What a transport does by itself.
#[derive(Debug, Default)]
pub struct Terms {
    /// Its socket, where frames may be written beside the sink.
    pub line: Option<Arc<dyn Line>>,
    /// Where its peer is, a proxy's client behind it.
    pub peer: Option<IpAddr>,
    /// It asks for signs of life, and ends where none comes.
    pub has_heartbeat: bool,
    /// How long the connection is served on when the process is to end: for clients that cannot be told when to come
    /// back, so that not all do at once.
    pub stays: Duration,
}

/// Serves a connection until it ends. The caller then closes the socket.
pub async fn run<R, W>(reader: R, writer: W, services: Arc<Services>) -> End
where
    R: Stream<Item = Inbound> + Unpin,
    W: Sink<Outbound> + Unpin,
{
    run_on(Terms::default(), reader, writer, services).await
}

/// The same, on a transport that does some of it by itself.
pub async fn run_on<R, W>(terms: Terms, reader: R, writer: W, services: Arc<Services>) -> End
where
    R: Stream<Item = Inbound> + Unpin,
    W: Sink<Outbound> + Unpin,
{
    let Terms {
        line,
        peer,
        has_heartbeat,
        stays,
    } = terms;
    let (idle_timeout, ping_interval) = if has_heartbeat {
        (Duration::ZERO, Duration::ZERO)
    } else {
        (services.limits.idle_timeout, services.limits.ping_interval)
    };
    let id = ConnectionId(services.next_connection.fetch_add(1, Ordering::Relaxed));
    tracing::Span::current().record("id", id.0);
    let outbox = Outbox::new(services.limits.outbox_bytes, line);
    let mut requests = Requests::new(id, peer, Arc::clone(&outbox), Arc::clone(&services));
    let mut writing = Writing::new(writer, Arc::clone(&services.metrics));
    let end = tokio::select! {
        biased;
        // First: it takes all that waits at once, where a peer that floods would use up the task's budget of reads for good.
        end = writing.run(&outbox, ping_interval) => end,
        end = read(reader, &mut requests, idle_timeout) => end,
        () = going(&services.shutdown, stays) => End::Closed(going_away(services.limits.reconnect_spread)),
    };
    requests.leave_all().await;
    writing.finish(&outbox, &end).await;
    end
}

async fn read<R>(mut reader: R, requests: &mut Requests, idle_timeout: Duration) -> End
where
    R: Stream<Item = Inbound> + Unpin,
{
    let mut last_heard = Instant::now();
    let timer = sleep(idle_timeout);
    tokio::pin!(timer);
    let mut alarm = Alarm::new(timer);
    loop {
        let silent_at = (!idle_timeout.is_zero()).then(|| last_heard + idle_timeout);
        let deadline = requests.deadline();
        let inbound = tokio::select! {
            biased;
            inbound = reader.next() => inbound,
            () = alarm.at(silent_at.into_iter().chain(deadline).min()) => match requests.over(Instant::now()) {
                Some(close) => return End::Closed(close),
                None => return End::Gone,
            },
        };
        let (frame, author) = match inbound {
            Some(Inbound::Frame(frame)) => (Some(frame), None),
            Some(Inbound::By(author, frame)) => (Some(Ok(frame)), Some(author)),
            Some(Inbound::Alive) => (None, None),
            Some(Inbound::Asked(payload)) => {
                requests.answer(payload);
                (None, None)
            }
            Some(Inbound::Fatal(close)) => return End::Closed(close),
            None => return End::Gone,
        };
        // However long an answer takes to be taken, nobody is told more than their token allows.
        let held_back = match frame {
            Some(Ok(frame)) => tokio::select! {
                biased;
                held_back = requests.serve(frame, author) => held_back,
                () = alarm.at(deadline) => return End::Closed(overdue(requests)),
            },
            Some(Err(error)) => requests.refuse_unread(&error),
            None => None,
        };
        if let Some(wait) = held_back {
            tokio::select! {
                biased;
                () = Box::pin(requests.hold_back(wait)) => {}
                () = alarm.at(deadline) => return End::Closed(overdue(requests)),
            }
        }
        // Once it is served: until then the peer could not be heard.
        last_heard = Instant::now();
        if let Some(close) = requests.over(last_heard) {
            return End::Closed(close);
        }
    }
}

/// Why a connection ends while a frame of it is served. Also where its token was being renewed: what was begun then is not whole.
fn overdue(requests: &Requests) -> Close {
    requests.over(Instant::now()).unwrap_or_else(session::expired)
}

/// Waits until this connection is to end with the process.
async fn going(shutdown: &CancellationToken, stays: Duration) {
    shutdown.cancelled().await;
    if !stays.is_zero() {
        sleep(stays).await;
    }
}

/// Spreads reconnects, so that the nodes that take over are not met by all at once.
fn going_away(spread: Duration) -> Close {
    let most = u64::try_from(spread.as_millis()).unwrap_or(u64::MAX);
    let delay = rand::random_range(0..=most);
    Close::new(CloseCode::GoingAway, format!("retry in {delay} ms"))
}
