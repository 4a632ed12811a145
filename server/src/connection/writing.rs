//! The writing half of a connection: what its task writes of the outbox, when it has the turn.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{Sink, SinkExt};
use readrealm_protocol::CloseCode;
use tokio::time::{Instant, sleep_until, timeout};

use super::{End, Frame, Outbound, Outbox, USUAL_FRAMES};
use crate::metrics::Metrics;

/// How long a connection that is being closed is given to take what it is owed.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// The writer, and the frames taken out of the outbox and not handed over yet.
#[derive(Debug)]
pub(crate) struct Writing<W> {
    writer: W,
    taken: VecDeque<Frame>,
    /// Whether nobody else may write.
    has_turn: bool,
    metrics: Arc<Metrics>,
}

impl<W: Sink<Outbound> + Unpin> Writing<W> {
    pub(crate) fn new(writer: W, metrics: Arc<Metrics>) -> Self {
        Self {
            writer,
            taken: VecDeque::new(),
            has_turn: false,
            metrics,
        }
    }

    /// Writes whenever it has the turn, until the connection is to end. Asks the peer for a sign of life every `ping_interval`; zero is
    /// never. May be given up at any await, and [finished](Self::finish) then.
    pub(crate) async fn run(&mut self, outbox: &Outbox, ping_interval: Duration) -> End {
        let ping = sleep_until(Instant::now() + ping_interval);
        tokio::pin!(ping);
        loop {
            let mut asks = false;
            let turn = tokio::select! {
                biased;
                // First: a connection that always has something to write is to be asked for a sign of life too.
                () = &mut ping, if !ping_interval.is_zero() => {
                    ping.as_mut().reset(Instant::now() + ping_interval);
                    asks = true;
                    outbox.turn(true, &mut self.taken).await
                }
                turn = outbox.turn(false, &mut self.taken) => turn,
            };
            let turn = match turn {
                Ok(turn) => turn,
                Err(close) => return End::Closed(close),
            };
            self.has_turn = true;
            let controls = [asks.then_some(Outbound::Ping), turn.pong.map(Outbound::Pong)];
            tokio::select! {
                biased;
                written = self.write(controls, turn.begun, outbox) => {
                    if written.is_err() {
                        return End::Gone;
                    }
                }
                // A socket that takes nothing more must not keep a closed connection alive.
                () = outbox.closing() => {}
            }
        }
    }

    /// Leaves nobody else a way to write, and writes what was taken already, then what is queued. A peer that does not take what it is
    /// owed is not waited for.
    pub(crate) async fn finish(&mut self, outbox: &Outbox, end: &End) {
        outbox.seal(self.has_turn).await;
        if let End::Closed(close) = end
            && close.code != CloseCode::SlowConsumer
        {
            let _ = timeout(LAST_WORDS, self.write_rest(outbox)).await;
        }
    }

    async fn write_rest(&mut self, outbox: &Outbox) -> Result<(), W::Error> {
        self.write([None, None], 0, outbox).await?;
        self.taken = outbox.rest();
        self.write([None, None], 0, outbox).await
    }

    /// Many frames share a write, a ping among them where one is due: they are handed over one by one, and flushed together. Then
    /// the turn is over. May be given up at any await: a frame is handed over or still among the taken.
    async fn write(&mut self, controls: [Option<Outbound>; 2], begun: u64, outbox: &Outbox) -> Result<(), W::Error> {
        for control in controls.into_iter().flatten() {
            self.writer.feed(control).await?;
        }
        let (frames, mut bytes) = (self.taken.len(), 0);
        while !self.taken.is_empty() {
            poll_fn(|context| self.writer.poll_ready_unpin(context)).await?;
            if let Some(frame) = self.taken.pop_front() {
                bytes += frame.len() as u64;
                self.writer.start_send_unpin(Outbound::Frame(frame))?;
            }
        }
        if frames > 0 {
            self.metrics.wrote(1, frames as u64, bytes);
        }
        self.writer.flush().await?;
        // What many needed, the next few do not.
        self.taken.shrink_to(USUAL_FRAMES);
        self.has_turn = false;
        outbox.written(bytes + begun);
        Ok(())
    }
}
