//! Keeps what dispatch decided: SQLite and PostgreSQL.
