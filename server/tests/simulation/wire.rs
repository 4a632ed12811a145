//! A connection between a client and a node, in memory, over the very loop that serves sockets.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{sink, stream};
use readrealm_protocol::server::ServerFrame;
use readrealm_protocol::{ClientFrame, codec};
use readrealm_server::connection::{self, End, Inbound, Outbound};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::dice::Dice;
use crate::mutants::{LeakyGate, Mutant};
use crate::node::Node;

/// Frames under way to a client: what the buffers of a real socket hold.
const UNDER_WAY: usize = 8;

/// A client's end.
#[derive(Debug)]
pub(crate) struct Wire {
    to_node: mpsc::UnboundedSender<Said>,
    from_node: mpsc::Receiver<Heard>,
    /// Loses what is under way to the node.
    cut: CancellationToken,
}

#[derive(Debug)]
enum Said {
    Frame(String),
    Pong,
}

#[derive(Debug)]
enum Heard {
    Outbound(Outbound),
    End(End),
}

/// What a client hears next.
#[derive(Debug)]
pub(crate) enum Next {
    Frame(Box<ServerFrame>),
    /// Nothing more, and why.
    Ended(String),
}

impl Wire {
    /// Connects to a node. What the client says takes up to `lag` milliseconds a frame.
    pub(crate) fn connect(node: &Arc<Node>, dice: Dice, lag: u64, mutant: Mutant) -> Self {
        let (to_node, said) = mpsc::unbounded_channel();
        let (heard, from_node) = mpsc::channel(UNDER_WAY);
        let cut = CancellationToken::new();
        let reader = Box::pin(stream::unfold(
            (said, cut.clone(), dice.clone()),
            move |state| async move {
                let (mut said, cut, dice) = state;
                let next = tokio::select! {
                    biased;
                    () = cut.cancelled() => None,
                    next = said.recv() => next,
                }?;
                if lag > 0 && dice.per_mille(300) {
                    tokio::time::sleep(Duration::from_millis(dice.between(0, lag))).await;
                }
                let inbound = match next {
                    Said::Frame(text) => Inbound::Frame(codec::decode_client(&text)),
                    Said::Pong => Inbound::Alive,
                };
                Some((inbound, (said, cut, dice)))
            },
        ));
        let gate = LeakyGate::new(mutant, dice);
        let writer = sink::unfold((heard.clone(), gate), |(heard, mut gate), outbound| async move {
            for outbound in gate.pass(outbound) {
                heard.send(Heard::Outbound(outbound)).await.map_err(drop)?;
            }
            Ok::<_, ()>((heard, gate))
        });
        let (services, dead) = (Arc::clone(&node.services), node.dead.clone());
        tokio::spawn(async move {
            tokio::select! {
                biased;
                () = dead.cancelled() => {}
                end = connection::run(reader, Box::pin(writer), services) => {
                    let _ = heard.send(Heard::End(end)).await;
                }
            }
        });
        Self {
            to_node,
            from_node,
            cut,
        }
    }

    pub(crate) fn say(&self, frame: &ClientFrame) {
        // A connection that ended hears nothing.
        let _ = self.to_node.send(Said::Frame(codec::encode_client(frame)));
    }

    /// The next frame of the node. Answers its pings.
    pub(crate) async fn hear(&mut self) -> Next {
        loop {
            return match self.from_node.recv().await {
                Some(Heard::Outbound(Outbound::Frame(frame))) => {
                    let text = std::str::from_utf8(frame.bytes()).unwrap();
                    Next::Frame(Box::new(codec::decode_server(text).unwrap()))
                }
                Some(Heard::Outbound(Outbound::Ping)) => {
                    let _ = self.to_node.send(Said::Pong);
                    continue;
                }
                // Nobody here asks for one.
                Some(Heard::Outbound(Outbound::Pong(_))) => continue,
                // The reason of a drain names a delay by chance; its code is the promise.
                Some(Heard::End(End::Closed(close))) => Next::Ended(close.code.get().to_string()),
                Some(Heard::End(End::Gone)) => Next::Ended("gone".to_owned()),
                None => Next::Ended("lost".to_owned()),
            };
        }
    }

    /// Drops the connection; where `abruptly`, the node does not get what is under way to it.
    pub(crate) fn drop(self, abruptly: bool) {
        if abruptly {
            self.cut.cancel();
        }
    }
}
