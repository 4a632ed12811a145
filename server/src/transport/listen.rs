//! From the listener to a request: accepts sockets, shakes hands where there is TLS, and reads HTTP. Each step has its time, and what
//! is not a WebSocket yet has its bound, so that who only opens connections takes nothing from who talks.

use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::ConnectInfo;
use axum::http::{Request, Response, StatusCode};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower_service::Service;

use super::admission::{Admission, Admitted, Full};
use super::patience::{Patient, Phase, Phases};
use super::proxies::Proxies;
use super::question::in_time;
use super::tls::Tls;
use crate::metrics::{Limit, Metrics};
use crate::seldom::seldom;

/// Bytes of a request's head, in which a token of 16 KiB has room.
const HEAD_BYTES: usize = 32 * 1024;

/// How long the listener rests when the system has no more sockets for it.
const REST: Duration = Duration::from_millis(500);

/// How long answers under way may take when the server ends.
const ENDING: Duration = Duration::from_secs(5);

/// Connections the system holds for a listener that has not taken them yet.
const BACKLOG: u32 = 1024;

/// An address at which nobody can connect yet: who asks whether it is up is not told so before it is. Where somebody listens already it is
/// refused. On Linux another process can still take it until this one listens, as it lets a server come back at once; the first to listen has it.
#[derive(Debug)]
pub struct Bound {
    socket: TcpSocket,
    address: SocketAddr,
}

impl Bound {
    /// Takes the address; port 0 is a free one.
    pub fn to(address: SocketAddr) -> io::Result<Self> {
        let socket = match address {
            SocketAddr::V4(_) => TcpSocket::new_v4()?,
            SocketAddr::V6(_) => TcpSocket::new_v6()?,
        };
        // A server that comes back need not wait for the connections of the one before. Elsewhere it lets others take the address.
        #[cfg(unix)]
        socket.set_reuseaddr(true)?;
        socket.bind(address)?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// Where it is.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// From now on clients can connect.
    pub fn listen(self) -> io::Result<TcpListener> {
        self.socket.listen(BACKLOG)
    }
}

/// How connections are taken.
#[derive(Debug)]
pub struct Listening {
    /// What answers.
    pub router: Router,
    /// What answers those that come too fast, which it knows as [`Full`] by their extensions.
    pub too_fast: Router,
    /// Who stands before the server.
    pub proxies: Proxies,
    /// Where connections are encrypted.
    pub tls: Option<Arc<Tls>>,
    /// How many may be open that are not a WebSocket (yet), in all and per address.
    pub plain: Arc<Admission>,
    /// Where those that were one too many are counted.
    pub metrics: Arc<Metrics>,
    /// How long a TLS handshake may take, and the head of a request; zero is without end.
    pub handshake_timeout: Duration,
}

/// Serves until `shutdown` is cancelled, then finishes the answers under way, within five seconds. Who has asked nothing, or only
/// half of something, is let go at once. WebSockets go on beyond it.
pub async fn serve(listener: TcpListener, listening: Listening, shutdown: CancellationToken) {
    let (listening, requests) = (Arc::new(listening), TaskTracker::new());
    loop {
        let (socket, peer) = tokio::select! {
            biased;
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    listening.rest(&error).await;
                    continue;
                }
            },
        };
        // Behind a proxy many clients have one address, which is known only from the head.
        let address = (!listening.proxies.trust(peer.ip())).then(|| peer.ip());
        let (admitted, refused) = match listening.plain.admit_maybe(address) {
            Ok(admitted) => (admitted, None),
            Err(full) => {
                listening.metrics.limited(match full {
                    Full::Hasty(_) => Limit::NewConnections,
                    Full::Server | Full::Address => Limit::HttpConnections,
                });
                let Some(admitted) = listening.place_to_refuse(full, address) else {
                    // Cut off: a close in order would leave the system with it for a minute.
                    let _ = socket.set_zero_linger();
                    continue;
                };
                (admitted, Some(full))
            }
        };
        let (listening, shutdown) = (Arc::clone(&listening), shutdown.clone());
        requests.spawn(async move {
            listening.take(socket, peer, refused, &shutdown).await;
            drop(admitted);
        });
    }
    drop(listener);
    requests.close();
    requests.wait().await;
}

impl Listening {
    /// A peer that has gone before it was accepted is nothing; else the process or the system has no socket left, and trying on at
    /// once would only burn.
    async fn rest(&self, error: &io::Error) {
        let is_peers = matches!(
            error.kind(),
            io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
        );
        if !is_peers {
            self.metrics.accept_failures.inc();
            seldom!(error, %error, "no connection can be accepted; see the limit of open files (ulimit -Hn); this is told once a minute");
            sleep(REST).await;
        }
    }

    /// Who comes too fast is told so: a proxy would take a server that cuts it off for one that is down, and a page not know why it
    /// is not whole. Not where that takes a handshake of TLS, nor where there are no places: it would take what there is no more of.
    fn place_to_refuse(&self, full: Full, address: Option<IpAddr>) -> Option<Admitted> {
        match full {
            Full::Hasty(_) if self.tls.is_none() => self.plain.admit_to_be_told(address?),
            _ => None,
        }
    }

    async fn take(&self, socket: TcpStream, peer: SocketAddr, refused: Option<Full>, shutdown: &CancellationToken) {
        // Without it a small frame would wait for the acknowledgement of the one before.
        let _ = socket.set_nodelay(true);
        let Some(tls) = &self.tls else {
            return self.speak(socket, peer, refused, shutdown).await;
        };
        let shaking = tls.acceptor().accept(socket);
        let shaken = async {
            if self.handshake_timeout.is_zero() {
                return Some(shaking.await);
            }
            tokio::time::timeout(self.handshake_timeout, shaking).await.ok()
        };
        let shaken = tokio::select! {
            shaken = shaken => shaken,
            () = shutdown.cancelled() => None,
        };
        match shaken {
            Some(Ok(socket)) => self.speak(socket, peer, refused, shutdown).await,
            Some(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
            None => tracing::debug!("a TLS handshake was given up"),
        }
    }

    async fn speak<S>(&self, socket: S, peer: SocketAddr, refused: Option<Full>, shutdown: &CancellationToken)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let socket = Patient::new(socket, self.handshake_timeout);
        let (phases, ending) = (socket.phases(), socket.phases());
        let service = service_fn(|request| self.answer(request, peer, refused, phases.clone()));
        let speaking = http1::Builder::new()
            .max_buf_size(HEAD_BYTES)
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(socket), service)
            .with_upgrades();
        let mut speaking = pin!(speaking);
        let spoken = tokio::select! {
            spoken = speaking.as_mut() => spoken,
            () = shutdown.cancelled() => {
                // Between two requests it ends by this.
                speaking.as_mut().graceful_shutdown();
                let time = if ending.get() == Phase::Head { Duration::ZERO } else { ENDING };
                let Ok(spoken) = tokio::time::timeout(time, speaking).await else {
                    return;
                };
                spoken
            }
        };
        if let Err(error) = spoken {
            tracing::debug!(%error, "a connection ended");
        }
    }

    async fn answer(
        &self,
        request: Request<Incoming>,
        peer: SocketAddr,
        refused: Option<Full>,
        phases: Phases,
    ) -> Result<Response<Answer>, Infallible> {
        phases.set(Phase::Answer);
        let mut request = request.map(in_time);
        let client = self.proxies.client(peer.ip(), request.headers());
        let client = SocketAddr::new(client, peer.port());
        request.extensions_mut().insert(ConnectInfo(client));
        let router = match refused {
            Some(full) => {
                request.extensions_mut().insert(full);
                &self.too_fast
            }
            None => &self.router,
        };
        let response = router.clone().call(request).await?;
        let then = if response.status() == StatusCode::SWITCHING_PROTOCOLS {
            Phase::Upgraded
        } else {
            Phase::Idle
        };
        Ok(response.map(|body| Answer { body, phases, then }))
    }
}

/// The body of an answer, which says when it is over.
struct Answer {
    body: Body,
    phases: Phases,
    then: Phase,
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.phases.set(self.then);
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::Semaphore;
    use tokio::task::JoinHandle;

    use super::*;
    use crate::config::Limits;

    /// A server that has a request and answers once there is a permit; who asked; and what ends the server.
    async fn asked(permits: &Arc<Semaphore>) -> (JoinHandle<()>, TcpStream, CancellationToken) {
        let (entered, permits) = (Arc::new(Semaphore::new(0)), Arc::clone(permits));
        let enter = Arc::clone(&entered);
        let answer = move || async move {
            enter.add_permits(1);
            permits.acquire().await.unwrap().forget();
            "whole"
        };
        let limits = Limits::off();
        let listening = Listening {
            router: Router::new().route("/", get(answer)),
            too_fast: Router::new(),
            proxies: Proxies::default(),
            tls: None,
            plain: Admission::plain(&limits),
            metrics: Arc::default(),
            handshake_timeout: limits.handshake_timeout,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let serving = tokio::spawn(serve(listener, listening, shutdown.clone()));
        let mut client = TcpStream::connect(address).await.unwrap();
        client.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        entered.acquire().await.unwrap().forget();
        (serving, client, shutdown)
    }

    #[tokio::test]
    async fn an_answer_under_way_is_finished_and_then_the_server_ends() {
        let permits = Arc::new(Semaphore::new(0));
        let (serving, mut client, shutdown) = asked(&permits).await;
        shutdown.cancel();
        tokio::task::yield_now().await;
        permits.add_permits(1);
        let mut answer = String::new();
        client.read_to_string(&mut answer).await.unwrap();
        assert!(
            answer.starts_with("HTTP/1.1 200 OK") && answer.ends_with("whole"),
            "{answer}"
        );
        serving.await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_that_never_comes_holds_up_the_end_for_its_bound_alone() {
        let (serving, _client, shutdown) = asked(&Arc::new(Semaphore::new(0))).await;
        tokio::time::pause();
        let begun = tokio::time::Instant::now();
        shutdown.cancel();
        serving.await.unwrap();
        assert_eq!(begun.elapsed().as_secs(), ENDING.as_secs());
    }
}
