-- Times are whole microseconds since 1970-01-01T00:00:00Z. Facts are 0 or 1. Text holds no NUL: it is written as
-- U+0001 "0", and U+0001 itself as U+0001 "1". Ids are compared byte by byte, which is the order of their characters.

CREATE TABLE account (
    account_no    bigint PRIMARY KEY,        -- its number for life, by which all others name it
    account_id    text COLLATE "C" NOT NULL, -- blank: what is remembered of creations that failed without an account
    sequence      bigint NOT NULL,
    status        text NOT NULL,
    health        text NOT NULL,
    provider      text,
    owner         text,
    since         bigint,
    is_stuck      smallint NOT NULL,
    facts         text NOT NULL,             -- everything else that is remembered: a JSON object
    digest        bytea NOT NULL,            -- the head of the account's chain: the digest of its last event
    due_at        bigint,                    -- when its next deadline passes, by the clock of who fed it; NULL: none
    due_by        bigint NOT NULL            -- the fingerprint of the terms that it follows from; 0: it was not asked
) WITH (fillfactor = 80);

CREATE SEQUENCE account_number OWNED BY account.account_no;
CREATE UNIQUE INDEX account_by_id ON account (account_id);
CREATE INDEX account_standing ON account (health, status, provider, is_stuck, since, account_id);
CREATE INDEX account_stuck ON account (since) WHERE is_stuck = 1;
CREATE INDEX account_doubtful ON account (account_id) WHERE strpos(facts, '"doubtful":1') > 0;
CREATE INDEX account_of_owner ON account (owner) WHERE owner IS NOT NULL;
CREATE INDEX account_due ON account (due_at) WHERE due_at IS NOT NULL;
CREATE INDEX account_due_by ON account (due_by);

-- The ledger: every event ever fed. Numbers grow within an account, and may leave gaps.
-- An effect is [kind, subject], with 1 as a third if it is doubtful, and null for a subject that is the owner of the event.
-- A situation is one text: the status, then the facts that held.
CREATE TABLE event (
    event_id         bigint PRIMARY KEY,
    account_no       bigint NOT NULL,
    sequence         bigint NOT NULL, -- within its account, from 1 without gaps
    received_at      bigint NOT NULL,
    kind             text NOT NULL,    -- announced, observed, or which deadline passed: stay, reminder, session
    word             text NOT NULL,    -- the status announced or observed, or the account's when the deadline passed
    product          text NOT NULL,
    provider         text,
    since            bigint,          -- of a deadline: from when on it is counted
    allowed          bigint,          -- of a deadline: how long after that it passes, in microseconds
    signed_in_at     bigint,          -- of an observation
    decided          text NOT NULL,    -- a JSON array: verdict, the situations before and after it, and its effects
    status           text NOT NULL,    -- the account's after it, as decided says
    is_move          smallint NOT NULL, -- whether that was another before it
    owner            text,
    reason           text NOT NULL,    -- in the vendor's words
    payload          bytea,             -- of an announcement: byte for byte; NULL when erased
    rules            text NOT NULL,    -- the name of what it was judged by; blank when that is not known
    is_quiet         smallint NOT NULL, -- whether no hook is called for its effects, whenever it becomes known
    private_digest   bytea,             -- of an erased event: what stands for its owner, reason and payload
    digest           bytea NOT NULL     -- over the account's event before it, and this one
);

CREATE SEQUENCE event_number OWNED BY event.event_id;
CREATE UNIQUE INDEX event_of_account ON event (account_no, sequence);
CREATE INDEX event_received ON event (received_at);

-- What events were judged by: as data, so that they can be judged again whatever becomes of the rules.
CREATE TABLE rules (
    name    text COLLATE "C" PRIMARY KEY, -- 32 hexadecimal digits of the data's SHA-256
    content bytea NOT NULL             -- JSON, compressed by zlib
);

-- Deviations found. What they share with their event is read from there.
CREATE TABLE anomaly (
    event_id bigint NOT NULL,
    ordinal  smallint NOT NULL,
    kind     text NOT NULL,
    provider text,                     -- the one in force
    evidence text NOT NULL,            -- what it is explained by: a JSON object
    PRIMARY KEY (event_id, ordinal)
);

CREATE INDEX anomaly_of_kind ON anomaly (kind);

CREATE TABLE blind_window (
    account_no      bigint NOT NULL,
    sequence        bigint NOT NULL,   -- the account's, at the event that opened it
    opened_at       bigint NOT NULL,
    backfill_from   bigint,            -- NULL: unknown
    closed_at       bigint,
    closed_sequence bigint,
    is_recovered    smallint NOT NULL,
    is_estimated    smallint NOT NULL, -- nobody announced when it began
    causes          text NOT NULL,     -- a JSON array, in the order in which they were heard
    PRIMARY KEY (account_no, sequence)
);

CREATE INDEX blind_window_open ON blind_window (opened_at) WHERE closed_at IS NULL;

-- Durable subscriptions: whichever process feeds, the deliveries of all of them are planned in the same transaction.
CREATE TABLE hook (
    name            text COLLATE "C" PRIMARY KEY,
    kind            text NOT NULL,
    subject         text,              -- NULL: whatever the subject
    severity        text,              -- of anomalies: at least so severe; NULL: however severe
    next_step       text,              -- of anomalies: that ask for this; NULL: for whatever
    is_ordered      smallint NOT NULL,
    attempts_limit  bigint NOT NULL,
    on_dead         text NOT NULL,
    after           bigint,            -- how long its deliveries wait after their event, in microseconds
    is_paired       smallint NOT NULL, -- whether it is called only where its opener was
    is_confirmed    smallint NOT NULL, -- whether the vendor is asked before it is called
    since           bigint,            -- only events received from then on; NULL: all that are fed once it is known
    backlog_after   bigint,            -- events after this one, up to the next, are still to be looked through for it
    backlog_until   bigint,
    subscribed_at   bigint NOT NULL,
    disabled_at     bigint,
    disabled_reason text NOT NULL,
    known_after     bigint NOT NULL,   -- every later event with an effect that it wants has a delivery, but for a backlog
    chosen          text               -- the kinds of anomalies that severity and next step came to when it became known
);

-- Grows with every change of a hook, so that a feed reads them only when they changed.
CREATE SEQUENCE hook_generation;

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
    redrive_of   bigint,
    stands_for   text,                 -- of a hook with a dwell: what withdraws it when it ends, such as health=LIVE
    opener_hook  text COLLATE "C",     -- of a paired one: the delivery, by hook and effect, that has to be done first
    opener_effect_id bigint
) WITH (fillfactor = 80);

CREATE SEQUENCE delivery_number OWNED BY delivery.delivery_id;

-- Never two at once in one lane, whoever claims.
CREATE UNIQUE INDEX delivery_of_lane_running ON delivery (hook, account_id) WHERE state = 'running' AND is_ordered = 1;
CREATE INDEX delivery_of_lane ON delivery (hook, account_id, effect_id, delivery_id)
    WHERE state IN ('waiting', 'running', 'halted');
CREATE INDEX delivery_waiting ON delivery (effect_id, delivery_id) WHERE state = 'waiting';
CREATE INDEX delivery_leased ON delivery (leased_until) WHERE state = 'running';
CREATE INDEX delivery_of_account ON delivery (account_id, effect_id);
CREATE INDEX delivery_dead ON delivery (hook) WHERE state = 'dead';
CREATE UNIQUE INDEX delivery_redriven ON delivery (redrive_of) WHERE redrive_of IS NOT NULL;

CREATE TABLE quarantine (
    quarantine_id  bigint PRIMARY KEY,
    received_at    bigint NOT NULL,
    payload        bytea,              -- byte for byte, cut to 64 KiB; NULL when it was erased
    size           bigint NOT NULL,    -- before it was cut, in bytes
    field          text NOT NULL,
    reason         text NOT NULL,
    released_at    bigint,             -- when it was fed after all
    dismissed_at   bigint,             -- when somebody had seen it and wanted no more of it
    foreign_kind   text NOT NULL,      -- which other kind of webhook it is, of which no text is kept; or blank
    account_id     text,               -- that such a webhook names
    sha256         text NOT NULL,      -- of such a webhook, in hexadecimal; or blank
    private_digest bytea,              -- what stands for the payload; only when it was erased
    digest         bytea NOT NULL
);

-- The last number that was given in the quarantine; how many redrives there are; how many
-- hooks, and what stands for all of them.
CREATE TABLE counter (
    name   text COLLATE "C" PRIMARY KEY,
    value  bigint NOT NULL,
    digest bytea NOT NULL
);

-- What was archived and taken out, and the accounts as they were then.
CREATE TABLE segment (
    segment_id     bigint PRIMARY KEY,
    until          bigint NOT NULL,
    pruned_at      bigint NOT NULL,
    events         bigint NOT NULL,
    path           text NOT NULL,
    archive_sha256 text NOT NULL,
    head           bytea NOT NULL,
    baselines      bytea NOT NULL      -- stands for the accounts where the ledger begins
);

CREATE TABLE baseline (
    account_id    text COLLATE "C" PRIMARY KEY,
    sequence      bigint NOT NULL,
    status        text NOT NULL,
    health        text NOT NULL,
    provider      text,
    owner         text,
    since         bigint,
    is_stuck      smallint NOT NULL,
    facts         text NOT NULL,
    digest        bytea NOT NULL        -- of its last event that was taken out: what its chain goes on from
);

-- Of a copy: the events up to a number come from a file, and still prove its one chain, which begins with this link.
CREATE TABLE origin (
    last_event bigint NOT NULL,
    link       bytea NOT NULL
);

-- Runs over the vendor's list: a row for each, made when it begins and completed when it ends.
CREATE TABLE reconciliation (
    number       bigint PRIMARY KEY,   -- from 1 without gaps
    started_at   bigint NOT NULL,
    ended_at     bigint,               -- NULL: it is running
    leased_until bigint,               -- of one that runs: until when no other may begin
    is_whole     smallint NOT NULL,    -- whether it stands for every account of which it has written nothing
    problem      text NOT NULL,        -- why it is not whole
    counts       text NOT NULL,        -- what came of it: a JSON object
    digest       bytea NOT NULL
);

CREATE UNIQUE INDEX reconciliation_running ON reconciliation ((1)) WHERE ended_at IS NULL;
