//! The service around dispatch: one loop with the state machine and its store, and planes around it for those
//! who ask, those who work, and those who run it.
//!
//! - [`start`] makes one; [`Dispatcher`] is the handle that transports get, as a
//!   [`WorkPlane`](transport::plane::WorkPlane).
//! - [`planes`]: everything that it serves over HTTP; [`ask_router`], [`admin_router`], [`open_router`] one by one.
//! - [`serve_broker`]: the same workers' plane through RabbitMQ.

mod driver;
mod eta;
mod events;
mod handle;
mod jobs;
mod metrics;
mod observer;
mod plane;
mod request;
mod service;
mod sweep;
mod traces;
mod verify;
mod views;

pub use handle::{Dispatcher, SubmitError};
pub use jobs::{admin_router, ask_router, open_router, planes, serve_broker};
pub use observer::Observer;
pub use service::{Parts, Running, start};
pub use sweep::Sweep;

/// Why a dispatcher does not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum DispatcherError {
    /// The store refused or failed.
    #[error(transparent)]
    Store(#[from] dispatch::store::StoreError),
    /// What the store has cannot be read.
    #[error(transparent)]
    Records(#[from] dispatch::record::RecordError),
    /// Two metrics of one name: an error of the program.
    #[error("the metrics cannot be set up")]
    Metrics(#[from] prometheus::Error),
}
