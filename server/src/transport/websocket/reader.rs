//! What a client says, as a stream of decoded frames. No buffer is kept for who says nothing.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use futures_util::{Stream, StreamExt};
use readrealm_protocol::{CloseCode, codec};
use tokio::io::{AsyncRead, ReadBuf};

use super::decoder::{Decoder, Fault, Said};
use crate::connection::{Close, Inbound};

/// Bytes read at a time, onto the stack.
const READ_BYTES: usize = 4 * 1024;

/// What the peer is still to be told when it, or the transport, has ended the connection.
pub(super) type Farewell = (Option<u16>, &'static str);

/// The reading half of a WebSocket.
#[derive(Debug)]
pub(super) struct Reader<R> {
    socket: R,
    decoder: Decoder,
    farewell: Option<Farewell>,
    is_over: bool,
}

impl<R: AsyncRead + Unpin> Reader<R> {
    /// Reads from a socket, of which so much was read with the handshake.
    pub(super) fn new(socket: R, read: &[u8]) -> Self {
        let mut decoder = Decoder::default();
        decoder.feed(read);
        Self {
            socket,
            decoder,
            farewell: None,
            is_over: false,
        }
    }

    /// What the peer is to be told where nobody else closes the connection: its close is said back, and its fault named.
    pub(super) fn farewell(&self) -> Option<Farewell> {
        self.farewell
    }

    /// Reads on until the peer closes, and heeds nothing else.
    pub(super) async fn closed(&mut self) {
        while self.next().await.is_some() {}
    }

    pub(super) fn into_inner(self) -> R {
        self.socket
    }

    /// What the bytes at hand say; `None` until there are more.
    fn said(&mut self) -> Option<Inbound> {
        let fault = match self.decoder.next() {
            Ok(None) => return None,
            Ok(Some(Said::Text(text))) => return Some(Inbound::Frame(codec::decode_client(&text))),
            Ok(Some(Said::Ping(payload))) => return Some(Inbound::Asked(payload)),
            Ok(Some(Said::Pong)) => return Some(Inbound::Alive),
            Ok(Some(Said::Binary)) => {
                let close = Close::new(CloseCode::BadProtocol, "frames are text, not binary");
                return Some(Inbound::Fatal(close));
            }
            Ok(Some(Said::Close(code))) => (code, ""),
            Err(fault) => {
                let (code, reason) = fault.close();
                if fault == Fault::TooLong {
                    self.is_over = true;
                    return Some(Inbound::Fatal(Close::new(CloseCode::TooLarge, reason)));
                }
                (Some(code), reason)
            }
        };
        self.farewell = Some(fault);
        self.is_over = true;
        None
    }
}

impl<R: AsyncRead + Unpin> Stream for Reader<R> {
    type Item = Inbound;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Inbound>> {
        let this = self.get_mut();
        loop {
            if this.is_over {
                return Poll::Ready(None);
            }
            if let Some(inbound) = this.said() {
                return Poll::Ready(Some(inbound));
            }
            if this.is_over {
                return Poll::Ready(None);
            }
            let mut bytes = [MaybeUninit::uninit(); READ_BYTES];
            let mut bytes = ReadBuf::uninit(&mut bytes);
            let read = ready!(Pin::new(&mut this.socket).poll_read(context, &mut bytes));
            if read.is_err() || bytes.filled().is_empty() {
                this.is_over = true;
            }
            this.decoder.feed(bytes.filled());
        }
    }
}
