-- The layout of a store in SQLite, format 1.
-- A change needs a new format, and a migration from this one.
CREATE TABLE meze_format (version INTEGER NOT NULL);
INSERT INTO meze_format VALUES (1);

-- Who owns the store; one row. `epoch` rises with every owner, `session` with every connection of an owner,
-- `renewals` while the owner is alive. An epoch of 0 means that nobody ever owned it.
CREATE TABLE meze_owner (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    epoch    INTEGER NOT NULL,
    session  INTEGER NOT NULL,
    renewals INTEGER NOT NULL,
    released BOOLEAN NOT NULL
);
INSERT INTO meze_owner VALUES (1, 0, 0, 0, TRUE);

-- The batches after the snapshot, without a gap. `digest` is BLAKE3 of the number and the body.
CREATE TABLE meze_batches (number INTEGER PRIMARY KEY, digest BLOB NOT NULL, body BLOB NOT NULL);

-- The newest snapshot; one row or none.
CREATE TABLE meze_snapshot (
    id      INTEGER PRIMARY KEY CHECK (id = 1),
    covered INTEGER NOT NULL,
    digest  BLOB NOT NULL,
    body    BLOB NOT NULL
);
