//! A TCP proxy that makes a network bad on purpose: it cuts connections, slows them down, or takes what is sent and
//! passes nothing on (half-open).
//!
//! A connection belongs to a *side*, told by the first bytes its client sends, so that one proxy can treat different
//! clients differently.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::{JoinHandle, JoinSet};

/// Bytes taken at a time.
const CHUNK: usize = 16 * 1024;

/// Who is at the near end of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// A client of a node.
    Client,
    /// A node.
    Node(usize),
    /// Another member of a replica set, or anybody else.
    Other,
}

/// How a side's bytes fare.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Weather {
    /// They pass.
    #[default]
    Clear,
    /// Each piece passes late by so much.
    Slow(Duration),
    /// They are taken, and never arrive; neither does a close. A connection that met this stays lost for ever, as one
    /// whose route is gone: better weather is for new ones.
    Lost,
}

/// A proxy before one address. Gone with all its connections when dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    target: SocketAddr,
    tell_side: fn(&[u8]) -> Side,
    weather: Mutex<HashMap<Side, Weather>>,
    links: Mutex<HashMap<u64, (Side, Arc<Notify>)>>,
    next: AtomicU64,
}

impl Proxy {
    /// Stands before `target`, on a free port.
    pub async fn start(target: SocketAddr, tell_side: fn(&[u8]) -> Side) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            target,
            tell_side,
            weather: Mutex::default(),
            links: Mutex::default(),
            next: AtomicU64::new(0),
        });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Self {
            address,
            shared,
            accepting,
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sets a side's weather.
    pub fn set_weather(&self, side: Side, weather: Weather) {
        lock(&self.shared.weather).insert(side, weather);
    }

    /// Closes every connection of a side. Returns how many there were.
    pub fn cut(&self, side: Side) -> usize {
        let links = lock(&self.shared.links);
        let cut = links.values().filter(|(of, _)| *of == side);
        cut.map(|(_, ending)| ending.notify_one()).count()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl Shared {
    fn weather(&self, side: Side) -> Weather {
        lock(&self.weather).get(&side).copied().unwrap_or_default()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut links = JoinSet::new();
    while let Ok((near, _)) = listener.accept().await {
        links.spawn(serve(near, Arc::clone(&shared)));
        while links.try_join_next().is_some() {}
    }
}

async fn serve(mut near: TcpStream, shared: Arc<Shared>) {
    // A target that is down closes the near end: its port refuses, and so does this, as far as a proxy can.
    let Ok(mut far) = TcpStream::connect(shared.target).await else {
        return;
    };
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    let mut first = vec![0; CHUNK];
    let Ok(count @ 1..) = near.read(&mut first).await else {
        return;
    };
    let side = (shared.tell_side)(&first[..count]);
    let link = Link {
        side,
        lost: AtomicBool::new(false),
        shared: &shared,
    };
    let (number, ending) = (shared.next.fetch_add(1, Ordering::Relaxed), Arc::new(Notify::new()));
    lock(&shared.links).insert(number, (side, Arc::clone(&ending)));
    let both_ways = async {
        if link.lets_pass().await {
            far.write_all(&first[..count]).await?;
        }
        let ((near_reads, near_writes), (far_reads, far_writes)) = (near.split(), far.split());
        tokio::try_join!(link.pump(near_reads, far_writes), link.pump(far_reads, near_writes)).map(drop)
    };
    tokio::select! {
        _ = both_ways => {}
        () = ending.notified() => {}
    }
    lock(&shared.links).remove(&number);
}

/// One connection.
struct Link<'a> {
    side: Side,
    lost: AtomicBool,
    shared: &'a Shared,
}

impl Link<'_> {
    /// Whether what was just read is to be passed on. Late where the weather is slow.
    async fn lets_pass(&self) -> bool {
        match self.shared.weather(self.side) {
            Weather::Clear => {}
            Weather::Slow(by) => tokio::time::sleep(by).await,
            Weather::Lost => self.lost.store(true, Ordering::Relaxed),
        }
        !self.lost.load(Ordering::Relaxed)
    }

    async fn pump(&self, mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin) -> std::io::Result<()> {
        let mut bytes = vec![0; CHUNK];
        loop {
            let read = from.read(&mut bytes).await;
            if !self.lets_pass().await {
                match read {
                    Ok(1..) => continue,
                    // The other end is not told.
                    Ok(0) | Err(_) => return Ok(()),
                }
            }
            match read? {
                0 => return to.shutdown().await,
                count => to.write_all(&bytes[..count]).await?,
            }
        }
    }
}
