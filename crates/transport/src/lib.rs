//! HTTP and AMQP between dispatch and workers, both ends.
//!
//! - [`message`]: what is said, the same on every way.
//! - [`link`]: what a worker needs of a transport.
//! - [`plane`]: what a transport needs of the dispatcher.

pub mod link;
pub mod message;
pub mod plane;
