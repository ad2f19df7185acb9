-- Times are whole microseconds since 1970-01-01T00:00:00Z. Facts are 0 or 1. Text holds no NUL: it is written as
-- U+0001 "0", and U+0001 itself as U+0001 "1". Ids are compared byte by byte, which is the order of their characters.

CREATE TABLE account (
    account_id      text COLLATE "C" PRIMARY KEY,
    status          text NOT NULL,
    is_existing     smallint NOT NULL,
    is_lost         smallint NOT NULL,
    sequence        bigint NOT NULL,
    provider        text,
    name            text,
    since           bigint,
    last_announced  text,
    last_product    text NOT NULL,
    last_heard_at   bigint,
    last_ok_at      bigint,
    synced_products text NOT NULL,     -- a JSON array, sorted
    window_sequence bigint,            -- the blind window that is open now
    is_stuck        smallint NOT NULL,
    health          text NOT NULL,     -- a projection of the columns above, to search by
    digest          bytea NOT NULL     -- the head of the account's chain: the digest of its last event
);

CREATE INDEX account_transient ON account (status) WHERE is_stuck = 0;

-- The ledger: every event ever fed. Numbers grow within an account, and may leave gaps.
CREATE TABLE event (
    event_id         bigint PRIMARY KEY,
    account_id       text COLLATE "C" NOT NULL,
    sequence         bigint NOT NULL,  -- within its account, from 1 without gaps
    received_at      bigint NOT NULL,
    word             text NOT NULL,    -- the status announced, or the one whose deadline passed
    product          text NOT NULL,
    provider         text,
    name             text,
    payload          bytea,            -- byte for byte; NULL for a deadline, which nobody sent, and when it was erased
    stay_since       bigint,           -- of a deadline: when the status was entered
    allowed          bigint,           -- of a deadline: how long it may last, in microseconds
    verdict          text NOT NULL,
    status_before    text NOT NULL,
    existing_before  smallint NOT NULL,
    lost_before      smallint NOT NULL,
    status_after     text NOT NULL,
    existing_after   smallint NOT NULL,
    lost_after       smallint NOT NULL,
    rules            text NOT NULL,    -- what it was judged by
    private_digest   bytea,            -- what stands for name and payload; only when they were erased
    digest           bytea NOT NULL    -- over the account's event before it, and this one
);

CREATE SEQUENCE event_number OWNED BY event.event_id;
CREATE UNIQUE INDEX event_of_account ON event (account_id, sequence);

-- Deviations found. What they share with their event is read from there.
CREATE TABLE anomaly (
    event_id       bigint NOT NULL,
    ordinal        smallint NOT NULL,
    kind           text NOT NULL,
    provider       text,               -- the one in force
    since          bigint,
    last_announced text,
    last_heard_at  bigint,
    detail         text NOT NULL,
    PRIMARY KEY (event_id, ordinal)
);

CREATE INDEX anomaly_of_kind ON anomaly (kind);

CREATE TABLE blind_window (
    account_id      text COLLATE "C" NOT NULL,
    sequence        bigint NOT NULL,   -- the account's, at the event that opened it
    last_ok_at      bigint,
    opened_at       bigint NOT NULL,
    closed_at       bigint,
    closed_sequence bigint,
    is_recovered    smallint NOT NULL,
    causes          text NOT NULL,     -- a JSON array, in the order in which they were heard
    PRIMARY KEY (account_id, sequence)
);

-- The outbox: the effects of each event that has any, and which events no planner has looked at.
CREATE TABLE effect (
    event_id   bigint PRIMARY KEY,
    account_id text COLLATE "C" NOT NULL,
    effects    text NOT NULL           -- a JSON array of [kind, subject], doubtful ones with true after that
);

CREATE TABLE pending (
    account_id text COLLATE "C" NOT NULL,
    event_id   bigint NOT NULL,
    PRIMARY KEY (account_id, event_id)
);

CREATE INDEX pending_in_order ON pending (event_id);

CREATE TABLE hook (
    name            text COLLATE "C" PRIMARY KEY,
    kind            text NOT NULL,
    subject         text,              -- NULL: whatever the subject
    is_ordered      smallint NOT NULL,
    attempts_limit  bigint NOT NULL,
    on_dead         text NOT NULL,
    subscribed_at   bigint NOT NULL,
    disabled_at     bigint,
    disabled_reason text NOT NULL
);

-- One row for each hook that wanted an effect. effect_id = event_id * 16 + the effect's place in its event.
CREATE TABLE delivery (
    delivery_id  bigint PRIMARY KEY,
    effect_id    bigint NOT NULL,
    account_id   text COLLATE "C" NOT NULL,
    hook         text COLLATE "C" NOT NULL,
    is_ordered   smallint NOT NULL,
    state        text NOT NULL,
    attempts     bigint NOT NULL,
    token        bigint NOT NULL,      -- grows with every claim
    due_at       bigint NOT NULL,
    leased_until bigint,
    created_at   bigint NOT NULL,
    settled_at   bigint,
    error        text,
    redrive_of   bigint
) WITH (fillfactor = 80);

CREATE SEQUENCE delivery_number OWNED BY delivery.delivery_id;

-- Never two at once in one lane, whoever claims.
CREATE UNIQUE INDEX delivery_of_lane_running ON delivery (hook, account_id) WHERE state = 'running' AND is_ordered = 1;
CREATE INDEX delivery_of_lane ON delivery (hook, account_id, effect_id, delivery_id)
    WHERE state IN ('waiting', 'running', 'halted');
CREATE INDEX delivery_waiting ON delivery (effect_id, delivery_id) WHERE state = 'waiting';
CREATE INDEX delivery_leased ON delivery (leased_until) WHERE state = 'running';
CREATE INDEX delivery_of_effect ON delivery (effect_id);
CREATE UNIQUE INDEX delivery_redriven ON delivery (redrive_of) WHERE redrive_of IS NOT NULL;

CREATE TABLE quarantine (
    quarantine_id  bigint PRIMARY KEY,
    received_at    bigint NOT NULL,
    payload        bytea,              -- byte for byte, cut to 64 KiB; NULL when it was erased
    size           bigint NOT NULL,    -- before it was cut, in bytes
    field          text NOT NULL,
    reason         text NOT NULL,
    released_at    bigint,             -- when it was fed after all
    private_digest bytea,              -- what stands for the payload; only when it was erased
    digest         bytea NOT NULL
);

CREATE SEQUENCE quarantine_number OWNED BY quarantine.quarantine_id;

-- What was archived and taken out, and the accounts as they were then.
CREATE TABLE segment (
    segment_id     bigint PRIMARY KEY,
    until          bigint NOT NULL,
    pruned_at      bigint NOT NULL,
    events         bigint NOT NULL,
    path           text NOT NULL,
    archive_sha256 text NOT NULL,
    head           bytea NOT NULL
);

CREATE TABLE baseline (
    account_id      text COLLATE "C" PRIMARY KEY,
    status          text NOT NULL,
    is_existing     smallint NOT NULL,
    is_lost         smallint NOT NULL,
    sequence        bigint NOT NULL,
    provider        text,
    name            text,
    since           bigint,
    last_announced  text,
    last_product    text NOT NULL,
    last_heard_at   bigint,
    last_ok_at      bigint,
    synced_products text NOT NULL,
    window_sequence bigint,
    is_stuck        smallint NOT NULL,
    health          text NOT NULL,
    window_ok       bigint,            -- the window that was open then
    window_opened   bigint,
    window_causes   text,
    digest          bytea NOT NULL     -- that of its last event that was taken out: what its chain goes on from
);
