//! What a request's body may cost others: bytes in memory, and time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::time::Sleep;
use tonic::Status;

use crate::refusal;

/// The bytes of all bodies that are on their way in, and how many they may be.
#[derive(Debug, Clone)]
pub(crate) struct Budget {
    used: Arc<AtomicUsize>,
    limit: usize,
}

impl Budget {
    pub(crate) fn new(limit: usize) -> Self {
        Self { used: Arc::default(), limit }
    }

    /// Takes so many bytes, if there is room.
    fn take(&self, bytes: usize) -> bool {
        let take = |used: usize| used.checked_add(bytes).filter(|used| *used <= self.limit);
        self.used.fetch_update(Ordering::AcqRel, Ordering::Acquire, take).is_ok()
    }
}

/// A body that gives up when it takes too long or there is too much of everybody's.
pub(crate) struct Guarded {
    body: Body,
    budget: Budget,
    taken: usize,
    end: Pin<Box<Sleep>>,
}

impl Guarded {
    pub(crate) fn new(body: Body, budget: Budget, within: Duration) -> Self {
        Self { body, budget, taken: 0, end: Box::pin(tokio::time::sleep(within)) }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.budget.used.fetch_sub(self.taken, Ordering::AcqRel);
    }
}

impl hyper::body::Body for Guarded {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let frame = match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                return self.end.as_mut().poll(context).map(|()| Some(Err(refusal::slow())));
            }
        };
        let frame = match frame {
            Some(Ok(frame)) => frame,
            Some(Err(error)) => return Poll::Ready(Some(Err(Status::cancelled(error.to_string())))),
            None => return Poll::Ready(None),
        };
        let bytes = frame.data_ref().map_or(0, Bytes::len);
        if !self.budget.take(bytes) {
            return Poll::Ready(Some(Err(refusal::too_much_at_once())));
        }
        self.taken += bytes;
        Poll::Ready(Some(Ok(frame)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Guarded {
    /// As the body of a request.
    pub(crate) fn boxed(self) -> Body {
        Body::new(self)
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn a_body_gives_its_bytes_back_when_it_is_dropped_and_refuses_what_has_no_room() {
        let budget = Budget::new(100);
        let long = Duration::from_secs(60);
        let read = |bytes: usize| {
            let body = Guarded::new(Body::from(vec![0; bytes]), budget.clone(), long);
            async move { BodyExt::collect(body).await.map(|all| all.to_bytes().len()) }
        };
        assert_eq!(read(100).await.unwrap(), 100);
        assert_eq!(read(101).await.unwrap_err().code(), tonic::Code::ResourceExhausted);
        assert_eq!(budget.used.load(Ordering::Acquire), 0);
        assert_eq!(read(100).await.unwrap(), 100);
    }

    #[tokio::test]
    async fn a_body_that_does_not_come_is_given_up() {
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let body = Guarded::new(never, Budget::new(100), Duration::from_millis(20));
        assert_eq!(BodyExt::collect(body).await.unwrap_err().code(), tonic::Code::DeadlineExceeded);
    }
}
