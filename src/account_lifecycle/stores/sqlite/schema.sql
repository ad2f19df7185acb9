-- Times are whole microseconds since 1970-01-01T00:00:00Z. Facts are 0 or 1.

CREATE TABLE account (
    account_no    INTEGER PRIMARY KEY,   -- its number for life, by which all others name it
    account_id    TEXT NOT NULL,         -- blank: what is remembered of creations that failed without an account
    sequence      INTEGER NOT NULL,
    status        TEXT NOT NULL,
    health        TEXT NOT NULL,
    provider      TEXT,
    owner         TEXT,
    since         INTEGER,
    is_stuck      INTEGER NOT NULL,
    facts         TEXT NOT NULL,         -- everything else that is remembered: a JSON object
    due_at        INTEGER,               -- when its next deadline passes, by the clock of who fed it; NULL: none
    due_by        INTEGER NOT NULL       -- the fingerprint of the terms that it follows from; 0: it was not asked
) STRICT;

CREATE UNIQUE INDEX account_by_id ON account (account_id);
CREATE INDEX account_standing ON account (health, status, provider, is_stuck, since, account_id);
CREATE INDEX account_stuck ON account (since) WHERE is_stuck = 1;
CREATE INDEX account_doubtful ON account (account_id) WHERE instr(facts, '"doubtful":1') > 0;
CREATE INDEX account_of_owner ON account (owner) WHERE owner IS NOT NULL;
CREATE INDEX account_due ON account (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX account_due_by ON account (due_by);

-- The ledger: every event ever fed, in the order in which they were fed, without gaps.
-- An effect is [kind, subject], with 1 as a third if it is doubtful, and null for a subject that is the owner of the event.
-- A situation is one text: the status, then the facts that held.
CREATE TABLE event (
    event_id         INTEGER PRIMARY KEY,
    account_no       INTEGER NOT NULL,
    sequence         INTEGER NOT NULL, -- within its account, from 1 without gaps
    received_at      INTEGER NOT NULL,
    kind             TEXT NOT NULL,    -- announced, observed, or which deadline passed: stay, reminder, session
    word             TEXT NOT NULL,    -- the status announced or observed, or the account's when the deadline passed
    product          TEXT NOT NULL,
    provider         TEXT,
    since            INTEGER,          -- of a deadline: from when on it is counted
    allowed          INTEGER,          -- of a deadline: how long after that it passes, in microseconds
    signed_in_at     INTEGER,          -- of an observation
    decided          TEXT NOT NULL,    -- a JSON array: verdict, the situations before and after it, and its effects
    status           TEXT NOT NULL,    -- the account's after it, as decided says
    is_move          INTEGER NOT NULL, -- whether that was another before it
    owner            TEXT,
    reason           TEXT NOT NULL,    -- in the vendor's words
    payload          BLOB,             -- of an announcement: byte for byte; NULL when erased
    rules            TEXT NOT NULL,    -- the name of what it was judged by; blank when that is not known
    is_quiet         INTEGER NOT NULL, -- whether no hook is called for its effects, whenever it becomes known
    private_digest   BLOB,             -- of an erased event: what stands for its owner, reason and payload
    digest           BLOB NOT NULL     -- over the row before it, and everything that was decided about this one
) STRICT;

CREATE UNIQUE INDEX event_of_account ON event (account_no, sequence);
CREATE INDEX event_received ON event (received_at);

-- What events were judged by: as data, so that they can be judged again whatever becomes of the rules.
CREATE TABLE rules (
    name    TEXT PRIMARY KEY,          -- 32 hexadecimal digits of the data's SHA-256
    content BLOB NOT NULL              -- JSON, compressed by zlib
) STRICT, WITHOUT ROWID;

-- Deviations found. What they share with their event is read from there.
CREATE TABLE anomaly (
    event_id INTEGER NOT NULL REFERENCES event,
    ordinal  INTEGER NOT NULL,
    kind     TEXT NOT NULL,
    provider TEXT,                     -- the one in force
    evidence TEXT NOT NULL,            -- what it is explained by: a JSON object
    PRIMARY KEY (event_id, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX anomaly_of_kind ON anomaly (kind);

CREATE TABLE blind_window (
    account_no      INTEGER NOT NULL,
    sequence        INTEGER NOT NULL,  -- the account's, at the event that opened it
    opened_at       INTEGER NOT NULL,
    backfill_from   INTEGER,           -- NULL: unknown
    closed_at       INTEGER,
    closed_sequence INTEGER,
    is_recovered    INTEGER NOT NULL,
    is_estimated    INTEGER NOT NULL,  -- nobody announced when it began
    causes          TEXT NOT NULL,     -- a JSON array, in the order in which they were heard
    PRIMARY KEY (account_no, sequence)
) STRICT, WITHOUT ROWID;

CREATE INDEX blind_window_open ON blind_window (opened_at) WHERE closed_at IS NULL;

-- Durable subscriptions: whichever process feeds, the deliveries of all of them are planned in the same transaction.
CREATE TABLE hook (
    name            TEXT PRIMARY KEY,
    kind            TEXT NOT NULL,
    subject         TEXT,              -- NULL: whatever the subject
    severity        TEXT,              -- of anomalies: at least so severe; NULL: however severe
    next_step       TEXT,              -- of anomalies: that ask for this; NULL: for whatever
    is_ordered      INTEGER NOT NULL,
    attempts_limit  INTEGER NOT NULL,
    on_dead         TEXT NOT NULL,
    after           INTEGER,           -- how long its deliveries wait after their event, in microseconds
    is_paired       INTEGER NOT NULL,  -- whether it is called only where its opener was
    is_confirmed    INTEGER NOT NULL,  -- whether the vendor is asked before it is called
    since           INTEGER,           -- only events received from then on; NULL: all that are fed once it is known
    backlog_after   INTEGER,           -- events after this one, up to the next, are still to be looked through for it
    backlog_until   INTEGER,
    subscribed_at   INTEGER NOT NULL,
    disabled_at     INTEGER,
    disabled_reason TEXT NOT NULL,
    known_after     INTEGER NOT NULL,  -- every later event with an effect that it wants has a delivery, but for a backlog
    chosen          TEXT,              -- the kinds of anomalies that severity and next step came to when it became known
    digest          BLOB NOT NULL
) STRICT, WITHOUT ROWID;

-- One row for each hook that wants an effect, and one more for each redrive.
-- effect_id = event_id * 16 + the effect's place in its event. A number is never used again.
CREATE TABLE delivery (
    delivery_id  INTEGER PRIMARY KEY,
    effect_id    INTEGER NOT NULL,
    account_id   TEXT NOT NULL,
    hook         TEXT NOT NULL,
    is_ordered   INTEGER NOT NULL,
    state        TEXT NOT NULL,        -- waiting, running, done, dead, halted, withdrawn
    attempts     INTEGER NOT NULL,
    token        INTEGER NOT NULL,     -- grows with every claim
    due_at       INTEGER NOT NULL,
    leased_until INTEGER,
    created_at   INTEGER NOT NULL,
    settled_at   INTEGER,
    error        TEXT,
    redrive_of   INTEGER,
    stands_for   TEXT,                 -- of a hook with a dwell: what withdraws it when it ends, such as health=LIVE
    opener_hook  TEXT,                 -- of a paired one: the delivery, by hook and effect, that has to be done first
    opener_effect_id INTEGER,
    digest       BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX delivery_running ON delivery (hook, account_id) WHERE state = 'running' AND is_ordered = 1;
CREATE INDEX delivery_lane ON delivery (hook, account_id, effect_id, delivery_id)
    WHERE state IN ('waiting', 'running', 'halted');
CREATE INDEX delivery_due ON delivery (effect_id, delivery_id, due_at) WHERE state = 'waiting';
CREATE INDEX delivery_leased ON delivery (leased_until) WHERE state = 'running';
CREATE INDEX delivery_of_account ON delivery (account_id, effect_id);
CREATE INDEX delivery_dead ON delivery (hook) WHERE state = 'dead';
CREATE UNIQUE INDEX delivery_redriven ON delivery (redrive_of) WHERE redrive_of IS NOT NULL;

-- The last number that was given to a delivery, and to a payload in the quarantine; how many hooks
-- and how many redrives there are.
CREATE TABLE counter (
    name   TEXT PRIMARY KEY,
    value  INTEGER NOT NULL,
    digest BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE quarantine (
    quarantine_id  INTEGER PRIMARY KEY,
    received_at    INTEGER NOT NULL,
    payload        BLOB,               -- byte for byte, cut to 64 KiB; NULL when erased
    size           INTEGER NOT NULL,   -- before it was cut, in bytes
    field          TEXT NOT NULL,
    reason         TEXT NOT NULL,
    released_at    INTEGER,            -- when it was fed after all
    dismissed_at   INTEGER,            -- when somebody had seen it and wanted no more of it
    foreign_kind   TEXT NOT NULL,      -- which other kind of webhook it is, of which no text is kept; or blank
    account_id     TEXT,               -- that such a webhook names
    sha256         TEXT NOT NULL,      -- of such a webhook, in hexadecimal; or blank
    private_digest BLOB,               -- of an erased one: what stands for its payload
    digest         BLOB NOT NULL
) STRICT;

-- Parts of the ledger that were archived and taken out: the chain goes on from the last one's head.
CREATE TABLE segment (
    segment_id     INTEGER PRIMARY KEY,
    until          INTEGER NOT NULL,
    pruned_at      INTEGER NOT NULL,
    events         INTEGER NOT NULL,
    path           TEXT NOT NULL,
    archive_sha256 TEXT NOT NULL,
    head           BLOB NOT NULL,
    baselines      BLOB NOT NULL,      -- stands for the accounts where the ledger begins
    digest         BLOB NOT NULL
) STRICT;

-- The accounts as they were where the ledger begins.
CREATE TABLE baseline (
    account_id    TEXT PRIMARY KEY,
    sequence      INTEGER NOT NULL,
    status        TEXT NOT NULL,
    health        TEXT NOT NULL,
    provider      TEXT,
    owner         TEXT,
    since         INTEGER,
    is_stuck      INTEGER NOT NULL,
    facts         TEXT NOT NULL,
    digest        BLOB NOT NULL        -- also over the windows that were closed by then
) STRICT, WITHOUT ROWID;

-- Runs over the vendor's list: a row for each, made when it begins and completed when it ends.
CREATE TABLE reconciliation (
    number       INTEGER PRIMARY KEY,  -- from 1 without gaps
    started_at   INTEGER NOT NULL,
    ended_at     INTEGER,              -- NULL: it is running
    leased_until INTEGER,              -- of one that runs: until when no other may begin
    is_whole     INTEGER NOT NULL,     -- whether it stands for every account of which it has written nothing
    problem      TEXT NOT NULL,        -- why it is not whole
    counts       TEXT NOT NULL,        -- what came of it: a JSON object
    digest       BLOB NOT NULL
) STRICT;

CREATE UNIQUE INDEX reconciliation_running ON reconciliation ((1)) WHERE ended_at IS NULL;
