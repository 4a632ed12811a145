//! The body of a request, which has its time.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::BoxError;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How long it may take, whatever of it comes.
const TIME: Duration = Duration::from_secs(30);

/// A body that is sent too slowly is an error to who reads it.
pub(super) fn in_time<B>(body: B) -> Body
where
    B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    if body.is_end_stream() {
        return Body::empty();
    }
    Body::new(Question {
        body,
        timer: Box::pin(sleep(TIME)),
    })
}

struct Question<B> {
    body: B,
    timer: Pin<Box<Sleep>>,
}

impl<B: HttpBody<Data = Bytes, Error: Into<BoxError>> + Unpin> HttpBody for Question<B> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.timer.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(axum::Error::new(io::Error::from(io::ErrorKind::TimedOut)))));
        }
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_err(axum::Error::new)
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
    use axum::body::to_bytes;
    use futures_util::{StreamExt, stream};
    use tokio::time::Instant;

    use super::*;

    /// A body of so many bytes, one each second.
    fn dribbling(bytes: usize) -> Body {
        let bytes = stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(b"x"))).take(bytes);
        Body::from_stream(Box::pin(bytes.then(|byte| async {
            sleep(Duration::from_secs(1)).await;
            byte
        })))
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_comes_too_slowly_is_an_error_however_much_of_it_comes() {
        let read = to_bytes(in_time(dribbling(29)), 100).await;
        assert_eq!(read.unwrap().len(), 29);
        let begun = Instant::now();
        assert!(to_bytes(in_time(dribbling(31)), 100).await.is_err());
        assert_eq!(begun.elapsed(), TIME);
    }
}
