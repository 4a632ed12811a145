//! A client as the SDK is one: it comes back when the server says so, resumes from where it stood, and sends again under the
//! same key what was not answered. It knows both nodes, and tries the other where one does not answer.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use e2e::client::{Closed, Heard, appended, posting};
use e2e::token::token;
use e2e::{Client, within};
use readrealm_protocol::client::Authenticate;
use readrealm_protocol::ids::RequestId;
use readrealm_protocol::server::Appended;
use readrealm_protocol::{ClientEvent, Epoch, Message, Seq, ServerEvent};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// Between two sends.
const PACE: Duration = Duration::from_millis(400);

/// The SDK's: before the second attempt in a row a random share of this passes; it doubles.
const FIRST_WAIT: u64 = 500;

/// An attempt to connect takes no longer, else the next address is tried.
const DIAL: Duration = Duration::from_secs(1);

/// One client in one room.
#[derive(Debug)]
pub(crate) struct Reader {
    pub(crate) user: String,
    pub(crate) room: u32,
    addresses: [SocketAddr; 2],
    /// The address it is at.
    at: usize,
    client: Client,
    standing: (Seq, Epoch),
    /// Sends without an answer: their content, which is the key as well, and since when.
    under_way: BTreeMap<String, Instant>,
    requests: BTreeMap<RequestId, String>,
    /// What is to be sent again at the next turn.
    put_off: Vec<String>,
    sends: usize,
    /// Every message it was told live or in a resume, as it came.
    pub(crate) heard: Vec<Message>,
    pub(crate) acked: Vec<(Appended, String)>,
    /// From each loss of the connection until it was in its room again.
    pub(crate) away: Vec<Duration>,
    /// From the first time something was sent until it was acknowledged, the longest.
    pub(crate) slowest: Duration,
    pub(crate) sent_again: usize,
    /// Of those, what the server had taken already.
    pub(crate) repeats: usize,
}

impl Reader {
    pub(crate) async fn connect(number: usize, room: u32, addresses: [SocketAddr; 2]) -> Self {
        let (user, at) = (format!("reader-{number}"), number % 2);
        let mut client = Client::dial(addresses[at], &user).await.expect("the node is there");
        client
            .authenticate(&token(&user, json!({})))
            .await
            .expect("it is taken");
        let state = client.join(room).await;
        assert_eq!(
            state.seq,
            Seq::ZERO,
            "nobody talks before all are there, or what came before is not heard"
        );
        Self {
            user,
            room,
            addresses,
            at,
            client,
            standing: (state.seq, state.epoch),
            under_way: BTreeMap::new(),
            requests: BTreeMap::new(),
            put_off: Vec::new(),
            sends: 0,
            heard: Vec::new(),
            acked: Vec::new(),
            away: Vec::new(),
            slowest: Duration::ZERO,
            sent_again: 0,
            repeats: 0,
        }
    }

    /// Sends at a pace until it is told to stop and everything it sent is acknowledged.
    pub(crate) async fn talk(mut self, stop: CancellationToken) -> Self {
        let mut pace = tokio::time::interval(PACE.mul_f64(rand::random_range(0.9..1.1)));
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        while !(stop.is_cancelled() && self.under_way.is_empty()) {
            tokio::select! {
                told = self.client.listen() => self.take(told).await,
                _ = pace.tick() => {
                    for content in std::mem::take(&mut self.put_off) {
                        self.sent_again += 1;
                        self.send(content).await;
                    }
                    if !stop.is_cancelled() {
                        self.sends += 1;
                        let content = format!("{}-{}", self.user, self.sends);
                        self.under_way.insert(content.clone(), Instant::now());
                        self.send(content).await;
                    }
                }
            }
        }
        self
    }

    /// Listens until it has been told everything up to there.
    pub(crate) async fn hear_up_to(&mut self, head: u64) {
        while self.standing.0.get() < head {
            let told = self.client.listen().await;
            self.take(told).await;
        }
    }

    /// What cannot be sent is sent again by who comes back.
    async fn send(&mut self, content: String) {
        if let Ok(id) = self
            .client
            .try_request(posting(self.room, &content, Some(&content)))
            .await
        {
            self.requests.insert(id, content);
        }
    }

    async fn take(&mut self, told: Result<Heard, Closed>) {
        match told {
            Ok(heard) => self.apply(heard),
            Err(closed) => self.come_back(&closed).await,
        }
    }

    fn apply(&mut self, Heard { frame, text }: Heard) {
        match frame.event {
            ServerEvent::Message(message) => {
                self.standing.0 = message.seq;
                self.heard.push(message);
            }
            ServerEvent::Error(error) if error.code.is_retryable() => {
                let content = frame.id.and_then(|id| self.requests.remove(&id));
                self.put_off.extend(content);
            }
            ServerEvent::Error(error) => panic!("{}: {error}", self.user),
            event => {
                let Some(content) = frame.id.and_then(|id| self.requests.remove(&id)) else {
                    return;
                };
                let ack = appended(event);
                let since = self
                    .under_way
                    .remove(&content)
                    .unwrap_or_else(|| panic!("answered twice: {text}"));
                self.slowest = self.slowest.max(since.elapsed());
                self.repeats += usize::from(ack.duplicate);
                self.acked.push((ack, content));
            }
        }
    }

    async fn come_back(&mut self, (code, reason): &Closed) {
        let gone = Instant::now();
        assert!([4001, 1006].contains(code), "{} was closed: {code} {reason}", self.user);
        let mut attempt = 0;
        let mut wait = delay(reason);
        loop {
            tokio::time::sleep(wait.unwrap_or_else(|| jitter(attempt))).await;
            (attempt, wait) = (attempt + 1, None);
            self.at = (self.at + 1) % self.addresses.len();
            let dialled = tokio::time::timeout(DIAL, Client::dial(self.addresses[self.at], &self.user)).await;
            if let Ok(Ok(client)) = dialled {
                self.client = client;
                if self.resume().await.is_ok() {
                    break;
                }
            }
        }
        self.away.push(gone.elapsed());
        self.requests.clear();
        self.put_off.clear();
        for content in self.under_way.keys().cloned().collect::<Vec<_>>() {
            self.sent_again += 1;
            self.send(content).await;
        }
    }

    async fn resume(&mut self) -> Result<(), Closed> {
        let ClientEvent::JoinRoom(mut join) = self.client.joining(self.room) else {
            unreachable!()
        };
        (join.after, join.epoch) = (Some(self.standing.0), Some(self.standing.1.clone()));
        let lost = |error: tokio_tungstenite::tungstenite::Error| (1006, error.to_string());
        // What is pipelined behind a token is served after it.
        let token = token(&self.user, json!({}));
        let authenticate = ClientEvent::Authenticate(Authenticate { token });
        self.client.try_request(authenticate).await.map_err(lost)?;
        let id = self
            .client
            .try_request(ClientEvent::JoinRoom(join))
            .await
            .map_err(lost)?;
        loop {
            let heard = within("the answer to a resume", self.client.listen()).await?;
            if heard.frame.id != Some(id) {
                continue;
            }
            let ServerEvent::Resumed(page) = heard.frame.event else {
                panic!("not resumed: {}", heard.text)
            };
            for event in page.events {
                let ServerEvent::Message(message) = event.event else {
                    panic!("nobody edits: {event:?}")
                };
                self.heard.push(message);
            }
            self.standing.0 = page.seq;
            if page.complete {
                return Ok(());
            }
        }
    }
}

/// The delay in a close reason `retry in N ms`.
fn delay(reason: &str) -> Option<Duration> {
    let millis = reason.strip_prefix("retry in ")?.strip_suffix(" ms")?.parse().ok()?;
    Some(Duration::from_millis(millis))
}

/// None before the first attempt: there is another address to try.
fn jitter(attempt: u32) -> Duration {
    let span = if attempt == 0 { 0 } else { FIRST_WAIT << attempt.min(5) };
    Duration::from_millis(span).mul_f64(rand::random())
}
