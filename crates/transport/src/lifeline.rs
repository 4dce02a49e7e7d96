//! The life of a worker's session: once any call finds the connection gone, all of them do.

use tokio_util::sync::CancellationToken;

use crate::link::LinkError;

/// Whether a session lives. Clones are the same session's.
#[derive(Debug, Clone, Default)]
pub(crate) struct Lifeline(CancellationToken);

impl Lifeline {
    /// What `call` gives, unless the session ends first. A call that finds the connection gone ends the session.
    pub(crate) async fn during<T>(&self, call: impl Future<Output = Result<T, LinkError>>) -> Result<T, LinkError> {
        tokio::select! {
            biased;
            () = self.0.cancelled() => Err(LinkError::Lost("the session has ended".to_owned())),
            result = call => {
                if matches!(result, Err(LinkError::Lost(_))) {
                    self.end();
                }
                result
            }
        }
    }

    /// Ends the session.
    pub(crate) fn end(&self) {
        self.0.cancel();
    }

    /// Waits for its end.
    pub(crate) async fn ended(&self) {
        self.0.cancelled().await;
    }
}
