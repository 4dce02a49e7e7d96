//! The public front of a fleet of Miden provers: one address, a bounded queue, any number of workers behind it.
//!
//! A request is a job of one task at a dispatcher in the same process, and a worker is a session there, kept by its
//! [`seat`]: the offer is the unary call, the beat is the open stream with status probes, done or failed is the reply.
//! So the queue, the leases, the retries and, where it is wanted, the durability are the fabric's own. Payloads are
//! opaque; nothing of Miden's is linked.
//!
//! | module | what |
//! |---|---|
//! | [`settings`] | what an operator can set |
//! | [`start`](mod@start) | putting it together |
//! | [`front`] | what clients see: limits, deadlines, status |
//! | [`desk`] | requests that wait or run: admission, attaching, lingering, results that are kept |
//! | [`fleet`] | the workers: added, checked, drained, removed |
//! | [`seat`] | one worker's way from the dispatcher and back |
//! | [`control`], [`page`] | the control port; the status and metrics pages |
//! | [`metrics`] | the numbers |

pub mod control;
pub mod desk;
pub mod fleet;
pub mod front;
pub mod metrics;
pub mod page;
mod rate;
pub mod register;
pub mod seat;
pub mod settings;
pub mod start;

pub use settings::Settings;
pub use start::{Proxy, ProxyError, start};
