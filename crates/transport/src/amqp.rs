//! The way of AMQP, for fleets that have a RabbitMQ: dispatch decides, the broker carries.
//!
//! **Queues.** A durable queue of offers for each [class](OfferClass) of tasks, `meze.work` for what workers say,
//! `meze.dead` for what nobody understands. Replies and notices go to a private queue of each worker, which the broker
//! removes with the worker's connection. All are classic queues (docs/decisions/0014-classic-queues.md).
//!
//! **An offer is an id and a token.** Dispatch publishes a few more for each class than there are workers that can
//! take them, and keeps the rest, so that priorities, fairness and cancelling hold here too. A worker *claims* what it
//! takes out of a queue; a claim that comes too late, twice, or for what was cancelled gets nothing, so it does not
//! matter how often the broker delivers. Bytes of payloads travel in messages of their own, up to a limit and never of
//! secrets, for the broker writes to its disk in clear; all others take the URL of the dispatcher's blobs.
//!
//! **The offer is acknowledged once it is claimed**, not when its proof is made: the lease is the truth from then on,
//! and no acknowledgement timeout of the broker limits how long a proof may take. So it is not the broker's
//! redelivery that tells of a worker's death. The dispatcher says a word to each worker's private queue twice a
//! second, and when the broker returns it, the queue and so the worker is gone: its session is closed, and what it
//! held is requeued at once. A worker that is only frozen loses its lease when it does not beat, and one that hears
//! nothing for some seconds takes the dispatcher for gone.
//!
//! **One at a time.** Not every kind of queue knows a prefetch across queues. A worker that wants a task asks each of its queues
//! in turn, and waits on all of them only while they are empty; what comes twice at that moment goes back.
//!
//! **Whatever happens to the broker**, both sides connect again. The dispatcher publishes again what was not confirmed,
//! and what has vanished from a queue; it keeps the sessions of workers for a grace, in which they come back with
//! their leases.

mod broker;
mod client;
mod desk;
mod guests;
mod names;
mod offers;
mod pool;
mod pools;
mod post;
mod server;
mod session;
mod talk;
mod wire;
#[cfg(test)]
mod wire_tests;

pub use client::{AmqpLink, AmqpSettings};
pub use names::{DEAD_QUEUE, OfferClass, WORK_QUEUE};
pub use server::{AmqpServerSettings, serve};
pub use session::AmqpSession;
