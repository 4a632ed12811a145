//! The composition root: the only file that knows every module.

use std::io::Write;
use std::net::SocketAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use axum::Router;
use futures_util::FutureExt;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

use crate::auth::{Auth, KeyError, Revoked, keys};
use crate::cluster::Cluster;
use crate::config::Config;
use crate::connection::{self, Resumes, UserLimits};
use crate::history::Reads;
use crate::hub::Hub;
use crate::log::open::{OpenError, open};
use crate::log::{Appender, EventLog};
use crate::manage::Manage;
use crate::metrics::Metrics;
use crate::revocation::{Following, RevocationError, Revocations};
use crate::room::actor::Services;
use crate::room::ambient::System;
use crate::shutdown::{self, Shutdown};
use crate::transport::admission::Admission;
use crate::transport::listen::{self, Bound, Listening};
use crate::transport::origin::Origins;
use crate::transport::proxies::Proxies;
use crate::transport::tls::{Tls, TlsError};
use crate::{cluster, fanout, files, http, revocation};

/// How often the budgets of users who are silent again are forgotten.
const FORGET: Duration = Duration::from_mins(1);

/// How long letting go of the log may take, the drain being over.
const CLOSING: Duration = Duration::from_secs(5);

/// How long the drain waits for the last requests to be answered, polls among them that tell of their session's end.
const LAST_REQUESTS: Duration = Duration::from_secs(1);

/// How long the drain waits for the other nodes to be told: they find out in any case.
const FAREWELL: Duration = Duration::from_secs(3);

/// What the transports work with.
#[derive(Debug)]
pub struct Shared {
    /// What connections work with.
    pub connections: Arc<connection::Services>,
    /// Who may open a connection.
    pub admission: Arc<Admission>,
    /// Whose pages may.
    pub origins: Origins,
    /// How often rooms may be read over HTTP.
    pub reads: Reads,
    /// What an operator's programs may ask, where they may.
    pub manage: Option<Manage>,
    /// Whether the log can be written.
    pub readiness: http::Readiness,
    /// The connections that are open.
    pub tasks: TaskTracker,
    /// Cancelled when no more traffic is to be sent here, which is [`Config::drain_delay`] before it ends.
    pub draining: CancellationToken,
}

/// Why the server ended, or did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The event log could not be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The event log can be trusted no more.
    #[error("the event log failed, and what it holds is not known: {0}")]
    Poisoned(String),
    /// Nothing can be appended any more.
    #[error("the task that writes the event log failed")]
    Writer,
    /// The other nodes are not heard any more, nor told that this one lives.
    #[error("the task that tells and hears who is at other nodes failed")]
    Presence,
    /// Nobody can connect: another process listens there.
    #[error("cannot listen on {0}: {1}")]
    Listen(SocketAddr, std::io::Error),
    /// The listener cannot say where it listens, or a task of the server failed.
    #[error("the listener failed: {0}")]
    Listener(#[from] std::io::Error),
    /// Who is revoked could not be read.
    #[error(transparent)]
    Revocations(#[from] RevocationError),
    /// What is revoked is not heard any more.
    #[error("the task that hears what is revoked failed")]
    Revoking,
    /// The address for the monitoring could not be listened on.
    #[error("cannot listen on {0} for --metrics-listen: {1}")]
    Monitoring(SocketAddr, std::io::Error),
    /// There is no TLS where it was asked for.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Tokens could not be verified.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// Anybody could claim to be anybody, from anywhere.
    #[error(
        "authentication is off, and {0} is not a loopback address; set READREALM_AUTH_SECRET or \
         READREALM_AUTH_PUBLIC_KEY, or say --allow-anonymous if that is meant"
    )]
    Anonymous(SocketAddr),
}

/// Opens the log and serves until `shutdown` begins, then drains: not ready any more, and after the delay that load
/// balancers need to see that no new WebSockets or sessions, reconnects spread by 4001, no requests, appends flushed.
///
/// Nobody can connect before the log is open. Told to end before that, it ends at once.
pub async fn run(config: Config, socket: Bound, shutdown: Shutdown) -> Result<(), RunError> {
    let address = socket.address();
    if !Auth::new(&config.auth)?.is_on() {
        // Before the log is touched.
        if !address.ip().is_loopback() && !config.allow_anonymous {
            return Err(RunError::Anonymous(address));
        }
        tracing::warn!("authentication is off: whoever connects is who they say they are");
    }
    keys::admin_secret(&config.auth)?;
    if let Some(tls) = tls(&config)? {
        tls.warn_of_end();
    }
    files::take(&config.limits);
    shutdown::warn_of_spread(config.limits.reconnect_spread, config.drain_timeout);
    tracing::info!(store = %config.store, "opening the event log");
    let Some(log) = shutdown.unless_begun(open(&config.store)).await else {
        return ended_early(None).await;
    };
    let log = log?;
    tracing::info!(store = %config.store, epoch = %log.epoch(), "the event log is open");
    let Some(cluster) = shutdown.unless_begun(cluster::open(&config.store)).await else {
        return ended_early(Some(&log)).await;
    };
    serve(config, log, cluster?, socket, shutdown).await
}

async fn ended_early(log: Option<&Arc<dyn EventLog>>) -> Result<(), RunError> {
    tracing::info!("told to end before anybody could connect");
    if let Some(log) = log {
        close(log).await;
    }
    Ok(())
}

/// The same over a log that is open, among other nodes.
pub async fn serve(
    config: Config,
    log: Arc<dyn EventLog>,
    cluster: Arc<dyn Cluster>,
    socket: Bound,
    shutdown: Shutdown,
) -> Result<(), RunError> {
    let auth = Auth::new(&config.auth)?;
    let metrics = Arc::new(Metrics::default());
    let Some(followed) = shutdown
        .unless_begun(follow_revocations(&config, &auth, &metrics))
        .await
    else {
        return ended_early(Some(&log)).await;
    };
    let (revocations, mut revoking) = followed?;
    let address = socket.address();
    let (closing, _delay) = closing(&shutdown, config.drain_delay);
    let (rooms, sockets, writers) = (TaskTracker::new(), TaskTracker::new(), TaskTracker::new());
    let appender = Appender::spawn(Arc::clone(&log), &writers, Arc::clone(&metrics));
    let (writer, writer_failed) = (appender.clone(), appender.failed());
    let hub = Hub::new(services(&log, appender, &cluster, &metrics), rooms.clone());
    let stop_tail = CancellationToken::new();
    let mut tail = tokio::spawn(fanout::follow(Arc::clone(&log), hub.clone(), stop_tail.clone()));
    let (mut presence, presence_failed) = follow_presence(&cluster, &hub);
    let users = UserLimits::new(&config.limits);
    let forgetting = tokio::spawn(forget_idle(Arc::clone(&users)));
    let shared = Arc::new(Shared {
        admission: Admission::new(&config.limits),
        reads: Reads::new(&config.limits),
        origins: origins(&config, &auth, address),
        manage: Manage::new(&config.auth, revocations.clone())?,
        readiness: http::Readiness::default(),
        tasks: sockets.clone(),
        draining: shutdown.begun(),
        connections: Arc::new(connection::Services {
            hub: hub.clone(),
            log: Arc::clone(&log),
            auth,
            limits: config.limits.clone(),
            users,
            resumes: Resumes::default(),
            shutdown: closing.clone(),
            next_connection: AtomicU64::new(1),
            metrics,
        }),
    });

    let monitored = monitor(&config, &shared)?;
    let metrics = Arc::clone(&shared.connections.metrics);
    let listening = listening(&config, http::router(shared, &config, monitored.is_none()), metrics)?;
    let renewing = tokio::spawn(renew(listening.tls.clone(), Arc::clone(&listening.metrics)));
    let listener = socket.listen().map_err(|error| RunError::Listen(address, error))?;
    announce(address, listening.tls.is_some());
    let stop_listening = CancellationToken::new();
    let mut serving = tokio::spawn(listen::serve(listener, listening, stop_listening.clone()));
    tokio::select! {
        reason = log.poisoned() => return Err(RunError::Poisoned(reason)),
        () = writer_failed.cancelled() => return Err(RunError::Writer),
        failed = &mut tail => failed.map_err(std::io::Error::other)?,
        () = presence_failed.cancelled() => return Err(RunError::Presence),
        _ = &mut revoking => return Err(RunError::Revoking),
        () = closing.cancelled() => {}
        served = &mut serving => served.map_err(std::io::Error::other)?,
    }

    let drained = tokio::time::timeout(config.drain_timeout, async {
        // Sockets first: they say goodbye and leave their rooms. Then the rooms finish what they were asked. Until then
        // requests are answered: who comes by long-polling has no other way to be served until its turn.
        sockets.close();
        sockets.wait().await;
        stop_listening.cancel();
        let _ = tokio::time::timeout(LAST_REQUESTS, &mut serving).await;
        stop_tail.cancel();
        // The users are not gone: they come back, elsewhere.
        cluster.close();
        let _ = tokio::time::timeout(FAREWELL, &mut presence).await;
        hub.close();
        rooms.close();
        rooms.wait().await;
        // Who still answers over HTTP only reads.
        writer.close();
        writers.close();
        writers.wait().await;
        if !serving.is_finished() {
            let _ = (&mut serving).await;
        }
    });
    let drained = tokio::select! {
        reason = log.poisoned() => return Err(RunError::Poisoned(reason)),
        () = writer_failed.cancelled() => return Err(RunError::Writer),
        drained = drained => drained,
    };
    if drained.is_err() {
        tracing::warn!("the drain took longer than --drain-timeout; what was acknowledged is safe");
    }
    for task in [tail, forgetting, presence, revoking, renewing] {
        task.abort();
    }
    serving.abort();
    if let Some((store, _)) = revocations {
        store.close().await;
    }
    close(&log).await;
    Ok(())
}

async fn close(log: &Arc<dyn EventLog>) {
    if tokio::time::timeout(CLOSING, log.close()).await.is_err() {
        tracing::warn!("the event log was not closed in time; what was acknowledged is safe");
    }
}

/// What rooms work with.
fn services(
    log: &Arc<dyn EventLog>,
    appender: Appender,
    cluster: &Arc<dyn Cluster>,
    metrics: &Arc<Metrics>,
) -> Services {
    Services {
        log: Arc::clone(log),
        appender,
        cluster: Arc::clone(cluster),
        ambient: Arc::new(System),
        metrics: Arc::clone(metrics),
    }
}

/// Cancelled so long after the shutdown has begun: until then the server goes on as before, but is not ready any more.
fn closing(shutdown: &Shutdown, delay: Duration) -> (CancellationToken, AbortOnDropHandle<()>) {
    let (shutdown, closing) = (shutdown.clone(), CancellationToken::new());
    let end = closing.clone();
    let waiting = tokio::spawn(async move {
        shutdown.after(delay).await;
        end.cancel();
    });
    (closing, AbortOnDropHandle::new(waiting))
}

/// Tells the other nodes who is here and hears who is there; the token is cancelled where that fails.
fn follow_presence(cluster: &Arc<dyn Cluster>, hub: &Hub) -> (JoinHandle<()>, CancellationToken) {
    let (neighbours, rooms) = (Arc::clone(cluster), Arc::new(hub.clone()));
    let failed = CancellationToken::new();
    let end = failed.clone();
    let following = tokio::spawn(async move {
        if AssertUnwindSafe(neighbours.run(rooms)).catch_unwind().await.is_err() {
            end.cancel();
        }
    });
    (following, failed)
}

fn origins(config: &Config, auth: &Auth, address: SocketAddr) -> Origins {
    let is_private = !auth.is_on() && address.ip().is_loopback() && !config.allow_anonymous;
    Origins::new(&config.allow_origins).by_own_names(is_private)
}

fn listening(config: &Config, router: Router, metrics: Arc<Metrics>) -> Result<Listening, TlsError> {
    Ok(Listening {
        router,
        too_fast: http::too_fast(),
        proxies: Proxies::new(&config.trusted_proxies),
        tls: tls(config)?,
        plain: Admission::plain(&config.limits),
        metrics,
        handshake_timeout: config.limits.handshake_timeout,
    })
}

fn tls(config: &Config) -> Result<Option<Arc<Tls>>, TlsError> {
    let files = config.tls_cert.as_ref().zip(config.tls_key.as_ref());
    files.map(|(cert, key)| Tls::new(cert, key)).transpose()
}

async fn renew(tls: Option<Arc<Tls>>, metrics: Arc<Metrics>) {
    if let Some(tls) = tls {
        tls.follow(&metrics).await;
    }
}

/// Learns what is revoked, and goes on learning; where authentication is off there is nothing to learn.
async fn follow_revocations(
    config: &Config,
    auth: &Auth,
    metrics: &Arc<Metrics>,
) -> Result<(Option<(Arc<dyn Revocations>, Arc<Revoked>)>, Following), RunError> {
    let Some(revoked) = auth.revoked() else {
        return Ok((None, tokio::spawn(std::future::pending())));
    };
    let store = revocation::open(&config.store).await?;
    let following = revocation::follow(Arc::clone(&store), Arc::clone(revoked), Arc::clone(metrics)).await?;
    Ok((Some((store, Arc::clone(revoked))), following))
}

/// Serves the address for the monitoring, until what is returned is dropped.
fn monitor(config: &Config, shared: &Arc<Shared>) -> Result<Option<DropGuard>, RunError> {
    let Some(address) = config.metrics_listen else {
        return Ok(None);
    };
    let failed = |error| RunError::Monitoring(address, error);
    let listener = Bound::to(address).and_then(Bound::listen).map_err(failed)?;
    tracing::info!(address = %listener.local_addr()?, "metrics are served");
    let metrics = Arc::clone(&shared.connections.metrics);
    let listening = Listening {
        proxies: Proxies::default(),
        tls: None,
        ..listening(config, http::operations(Arc::clone(shared)), metrics)?
    };
    let end = CancellationToken::new();
    tokio::spawn(listen::serve(listener, listening, end.clone()));
    Ok(Some(end.drop_guard()))
}

/// The first line on stdout, which tells whoever started the server that it can be reached, and where.
fn announce(address: SocketAddr, encrypted: bool) {
    let scheme = if encrypted { "https" } else { "http" };
    let mut stdout = std::io::stdout().lock();
    // A closed stdout is no reason not to serve.
    let _ = writeln!(stdout, "listening on {scheme}://{address}").and_then(|()| stdout.flush());
}

async fn forget_idle(users: Arc<UserLimits>) {
    let mut interval = tokio::time::interval(FORGET);
    loop {
        interval.tick().await;
        users.forget_idle();
    }
}
