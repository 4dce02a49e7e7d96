//! Real RabbitMQ and PostgreSQL for tests, on free loopback ports, in folders of their own.
