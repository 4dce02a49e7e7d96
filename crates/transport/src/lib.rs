//! HTTP and AMQP between dispatch and workers, both ends.
//!
//! - [`message`]: what is said, the same on every way.
//! - [`link`]: what a worker needs of a transport.
//! - [`plane`]: what a transport needs of the dispatcher.
//! - [`http`]: the way of HTTP, and the tokens and listeners that the dispatcher's other planes use too.
//! - [`amqp`]: the way of AMQP, for fleets that have a broker.
//! - [`tls`]: who may listen without TLS, and how to listen with it.
//! - [`ask`]: what an asker says, and the asker's client.
//! - [`local`]: the way inside one process.
//! - [`memory`]: a dispatcher in memory, for tests.

pub mod amqp;
pub mod ask;
pub mod http;
mod lifeline;
mod limits;
pub mod link;
pub mod local;
pub mod memory;
pub mod message;
pub mod plane;
mod setup;
pub mod tls;

pub use setup::SetupError;
