-- The layout of a store in PostgreSQL, format 1; what the tables mean is said in sqlite.sql.
-- A change needs a new format, and a migration from this one.
CREATE TABLE meze_format (version INTEGER NOT NULL);
INSERT INTO meze_format VALUES (1);

CREATE TABLE meze_owner (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    epoch    BIGINT NOT NULL,
    session  BIGINT NOT NULL,
    renewals BIGINT NOT NULL,
    released BOOLEAN NOT NULL
);
INSERT INTO meze_owner VALUES (1, 0, 0, 0, TRUE);

CREATE TABLE meze_batches (number BIGINT PRIMARY KEY, digest BYTEA NOT NULL, body BYTEA NOT NULL);

CREATE TABLE meze_snapshot (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    covered BIGINT NOT NULL,
    digest  BYTEA NOT NULL,
    body    BYTEA NOT NULL
);

-- Trying to compress batches costs more than it saves.
ALTER TABLE meze_batches ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE meze_snapshot ALTER COLUMN body SET STORAGE EXTERNAL;
