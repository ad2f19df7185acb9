-- Times are whole microseconds since 1970-01-01T00:00:00Z. Facts are 0 or 1.

CREATE TABLE account (
    account_id      TEXT PRIMARY KEY,
    status          TEXT NOT NULL,
    is_existing     INTEGER NOT NULL,
    is_lost         INTEGER NOT NULL,
    sequence        INTEGER NOT NULL,
    provider        TEXT,
    name            TEXT,
    since           INTEGER,
    last_announced  TEXT,
    last_product    TEXT NOT NULL,
    last_heard_at   INTEGER,
    last_ok_at      INTEGER,
    synced_products TEXT NOT NULL,     -- a JSON array, sorted
    window_sequence INTEGER,           -- the blind window that is open now
    is_stuck        INTEGER NOT NULL,
    health          TEXT NOT NULL      -- a projection of the columns above, to search by
) STRICT, WITHOUT ROWID;

CREATE INDEX account_transient ON account (status) WHERE is_stuck = 0;

-- The ledger: every event ever fed, in the order in which they were fed.
CREATE TABLE event (
    event_id         INTEGER PRIMARY KEY,
    account_id       TEXT NOT NULL,
    sequence         INTEGER NOT NULL, -- within its account, from 1 without gaps
    received_at      INTEGER NOT NULL,
    word             TEXT NOT NULL,    -- the status announced, or the one whose deadline passed
    product          TEXT NOT NULL,
    provider         TEXT,
    name             TEXT,
    payload          BLOB,             -- byte for byte; NULL for a deadline, which nobody sent
    stay_since       INTEGER,          -- of a deadline: when the status was entered
    allowed          INTEGER,          -- of a deadline: how long it may last, in microseconds
    verdict          TEXT NOT NULL,
    status_before    TEXT NOT NULL,
    existing_before  INTEGER NOT NULL,
    lost_before      INTEGER NOT NULL,
    status_after     TEXT NOT NULL,
    existing_after   INTEGER NOT NULL,
    lost_after       INTEGER NOT NULL
) STRICT;

CREATE UNIQUE INDEX event_of_account ON event (account_id, sequence);

-- Deviations found. What they share with their event is read from there.
CREATE TABLE anomaly (
    event_id       INTEGER NOT NULL REFERENCES event,
    ordinal        INTEGER NOT NULL,
    kind           TEXT NOT NULL,
    provider       TEXT,               -- the one in force
    since          INTEGER,
    last_announced TEXT,
    last_heard_at  INTEGER,
    detail         TEXT NOT NULL,
    PRIMARY KEY (event_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX anomaly_of_kind ON anomaly (kind);

CREATE TABLE blind_window (
    account_id      TEXT NOT NULL,
    sequence        INTEGER NOT NULL,  -- the account's, at the event that opened it
    last_ok_at      INTEGER,
    opened_at       INTEGER NOT NULL,
    closed_at       INTEGER,
    closed_sequence INTEGER,
    is_recovered    INTEGER NOT NULL,
    causes          TEXT NOT NULL,     -- a JSON array, in the order in which they were heard
    PRIMARY KEY (account_id, sequence)
) STRICT, WITHOUT ROWID;

-- The outbox: the effects of each event that has any.
CREATE TABLE effect (
    event_id INTEGER PRIMARY KEY REFERENCES event,
    effects  TEXT NOT NULL,            -- a JSON array of [kind, subject]
    pending  INTEGER NOT NULL          -- a bit for each, the first the lowest, until a process with hooks has looked at it
) STRICT;

CREATE INDEX effect_pending ON effect (event_id) WHERE pending <> 0;

-- One row for each hook that wanted an effect. effect_id = event_id * 16 + the effect's place in its event.
CREATE TABLE delivery (
    effect_id  INTEGER NOT NULL,
    hook       TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    settled_at INTEGER NOT NULL,
    is_done    INTEGER NOT NULL,
    error      TEXT,
    PRIMARY KEY (effect_id, hook)
) STRICT, WITHOUT ROWID;

CREATE INDEX delivery_due ON delivery (effect_id, hook) WHERE is_done = 0;

CREATE TABLE quarantine (
    quarantine_id INTEGER PRIMARY KEY,
    received_at   INTEGER NOT NULL,
    payload       BLOB NOT NULL,       -- byte for byte, cut to 64 KiB
    size          INTEGER NOT NULL,    -- before it was cut, in bytes
    field         TEXT NOT NULL,
    reason        TEXT NOT NULL
) STRICT;
