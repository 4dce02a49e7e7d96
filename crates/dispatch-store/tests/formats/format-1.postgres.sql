-- A store of format 1 in PostgreSQL, which must stay readable: its layout, and what was kept in it.
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

ALTER TABLE meze_batches ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE meze_snapshot ALTER COLUMN body SET STORAGE EXTERNAL;

UPDATE meze_owner SET epoch = 1, session = 1, renewals = 0, released = TRUE;
INSERT INTO meze_snapshot VALUES (1, 2, '\xd0035e6295c583ddc8d68587e28754cafd0d4838bf852f1a364a584242b3c0d5', '\x6f6e652c2074776f');
INSERT INTO meze_batches VALUES (3, '\x412f6d0d9cb81f7cdb2ef257fac9201d545e24d7fdc18f29d1e9618d40d76c34', '\x7468726565');
INSERT INTO meze_batches VALUES (4, '\x846333980f613b6bffc8021457063c938c56ae0cee82eb27c27cc625c2ca116a', '\x');
