//! Real servers for tests: PostgreSQL and RabbitMQ, which can be killed and started again, and Prometheus; on free
//! loopback ports, in folders of their own. They end with the value that stands for them.
//!
//! A test that was killed itself leaves no server behind either: the kernel ends each with the process
//! that started it.

mod error;
mod port;
mod postgres;
mod process;
mod program;
mod prometheus;
mod rabbitmq;

pub use error::ServiceError;
pub use postgres::Postgres;
pub use prometheus::Prometheus;
pub use rabbitmq::{RabbitMq, RabbitMqOptions};
