-- name: session
SELECT pg_backend_pid(), (SELECT backend_start::text FROM pg_stat_activity WHERE pid = pg_backend_pid()),
       set_config('synchronous_commit', CASE current_setting('synchronous_commit')
                      WHEN 'off' THEN 'on' ELSE current_setting('synchronous_commit') END, false),
       set_config('lock_timeout', CASE current_setting('lock_timeout')
                      WHEN '0' THEN %s ELSE current_setting('lock_timeout') END, false),
       set_config('idle_in_transaction_session_timeout', CASE current_setting('idle_in_transaction_session_timeout')
                      WHEN '0' THEN %s ELSE current_setting('idle_in_transaction_session_timeout') END, false)

-- name: end_session
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = %s AND backend_start = %s::timestamptz

-- name: begin
BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE

-- name: begin_reading
-- Who reads keeps nobody waiting, and may take its time between two pages: it is not cut off for resting.
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL idle_in_transaction_session_timeout = 0

-- name: preparing
SELECT pg_advisory_xact_lock(1094929475, hashtext('migrate ' || coalesce(current_schema(), '')))

-- name: version_table
CREATE TABLE IF NOT EXISTS account_lifecycle_version (
    version    integer PRIMARY KEY,
    made_at    timestamptz NOT NULL DEFAULT now()
)

-- name: has_version
SELECT to_regclass('account_lifecycle_version') IS NOT NULL

-- name: version
SELECT coalesce(max(version), 0) FROM account_lifecycle_version

-- name: save_version
INSERT INTO account_lifecycle_version (version) VALUES (%s)

-- name: dated_accounts
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts, a.due_at
FROM account a
{where}

-- name: load_accounts
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts
FROM account a
{where}

-- name: is_dated_otherwise
SELECT EXISTS (SELECT FROM account WHERE (due_by < %s OR due_by > %s) AND account_no > %s)

-- name: lock_dated_otherwise
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts,
       a.account_no
FROM account a
WHERE a.account_no IN (
    SELECT account_no FROM account WHERE (due_by < %s OR due_by > %s) AND account_no > %s ORDER BY account_no LIMIT %s
)
ORDER BY a.account_id FOR UPDATE

-- name: redate
UPDATE account SET due_at = %s, due_by = %s WHERE account_no = %s

-- name: enter_accounts
-- Before anything is locked or read, the lock that whoever changes a hook has for himself: what is read after it are the
-- hooks that there will be until the end of this transaction.
WITH feeding AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(1094929475, hashtext('hooks ' || coalesce(current_schema(), '')))
)
INSERT INTO account
SELECT nextval('account_number'), id, 0, '', '', NULL, NULL, NULL, 0, '{}', %s, NULL, 0
FROM feeding CROSS JOIN unnest(%s::text[]) id
WHERE NOT EXISTS (SELECT FROM account known WHERE known.account_id = id)
ON CONFLICT (account_id) DO NOTHING

-- name: lock_accounts
SELECT account_id, sequence, status, health, provider, owner, since, is_stuck, facts, account_no, digest
FROM account
WHERE account_id = ANY(%s)
ORDER BY account_id
FOR UPDATE

-- name: lock_account
-- The same of one account, and what its feed needs beside it. Each part waits for the one before: the generation of the
-- hooks is read and numbers are taken once the account is locked, and once nobody can change a hook.
WITH feeding AS MATERIALIZED (
    SELECT pg_advisory_xact_lock_shared(1094929475, hashtext('hooks ' || coalesce(current_schema(), '')))
), locked AS MATERIALIZED (
    SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts,
           a.account_no, a.digest
    FROM account a CROSS JOIN feeding
    WHERE a.account_id = %s
    FOR UPDATE OF a
)
SELECT locked.*, (SELECT last_value + is_called::int FROM hook_generation),
       (SELECT array_agg(nextval('event_number')) FROM generate_series(1, %s))
FROM locked

-- name: leave_accounts
DELETE FROM account WHERE account_id = ANY(%s) AND sequence = 0

-- name: hook_generation
SELECT last_value + is_called::int FROM hook_generation

-- name: event_numbers
SELECT nextval('event_number') FROM generate_series(1, %s)

-- name: is_event_kept
SELECT 1 FROM event WHERE event_id = %s AND digest = %s

-- name: rules
SELECT name, content FROM rules ORDER BY name

-- name: save_rules
INSERT INTO rules VALUES (%s, %s) ON CONFLICT (name) DO NOTHING

-- name: save_event
INSERT INTO event (event_id, account_no, sequence, received_at, kind, word, product, provider, since, allowed,
                   signed_in_at, decided, owner, reason, payload, status, is_move, rules, is_quiet, digest)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: save_anomaly
INSERT INTO anomaly VALUES (%s, %s, %s, %s, %s)

-- name: save_window
INSERT INTO blind_window VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (account_no, sequence) DO UPDATE SET
    closed_at = excluded.closed_at, closed_sequence = excluded.closed_sequence,
    is_recovered = excluded.is_recovered, causes = excluded.causes

-- name: save_account
UPDATE account SET
    sequence = %s, status = %s, health = %s, provider = %s, owner = %s, since = %s, is_stuck = %s, facts = %s,
    due_at = %s, due_by = %s, digest = %s
WHERE account_no = %s

-- name: ledger
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload,
       e.private_digest IS NOT NULL, a.kind, a.provider, a.evidence
FROM event e JOIN account c USING (account_no) LEFT JOIN anomaly a USING (event_id)
{where}

-- name: audit
SELECT a.kind, c.account_id, e.sequence, e.received_at, e.word, e.product, e.owner, e.reason, e.decided,
       a.provider, a.evidence
FROM anomaly a JOIN event e USING (event_id) JOIN account c USING (account_no)
{where}

-- name: blind_windows
SELECT c.account_id, w.sequence, w.opened_at, w.backfill_from, w.closed_at, w.is_recovered, w.is_estimated, w.causes
FROM blind_window w JOIN account c USING (account_no)
{where}

-- name: quarantine_numbers
INSERT INTO counter VALUES ('quarantine', %s, '')
ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value
RETURNING value

-- name: quarantine
INSERT INTO quarantine VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, NULL, %s)

-- name: is_quarantined
SELECT 1 FROM quarantine WHERE quarantine_id = %s AND digest = %s

-- name: quarantined
SELECT quarantine_id, received_at, payload, size, field, reason, released_at, dismissed_at, foreign_kind,
       account_id, sha256, private_digest IS NOT NULL
FROM quarantine {where}

-- name: lock_quarantined
SELECT quarantine_id, received_at, payload, size, field, reason, released_at, dismissed_at, foreign_kind,
       account_id, sha256, private_digest
FROM quarantine WHERE quarantine_id = ANY(%s) ORDER BY quarantine_id FOR UPDATE

-- name: release
UPDATE quarantine SET released_at = %s, digest = %s WHERE quarantine_id = %s

-- name: dismiss
UPDATE quarantine SET dismissed_at = %s, digest = %s WHERE quarantine_id = %s

-- name: touch
UPDATE counter SET value = value WHERE name = (SELECT min(name) FROM counter)

-- name: changing_hooks
-- Waits until nobody feeds, and keeps everybody from it: a feed either has been committed or knows the hook.
SELECT pg_advisory_xact_lock(1094929475, hashtext('hooks ' || coalesce(current_schema(), '')))

-- name: hooks_changed
SELECT nextval('hook_generation')

-- name: earlier_events
SELECT min(event_id) - 1, max(event_id) FROM event

-- name: save_hook
INSERT INTO hook VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (name) DO UPDATE SET
    kind = excluded.kind, subject = excluded.subject, severity = excluded.severity, next_step = excluded.next_step,
    is_ordered = excluded.is_ordered, attempts_limit = excluded.attempts_limit, on_dead = excluded.on_dead,
    after = excluded.after, is_paired = excluded.is_paired, is_confirmed = excluded.is_confirmed, since = excluded.since,
    backlog_after = excluded.backlog_after, backlog_until = excluded.backlog_until, known_after = excluded.known_after,
    chosen = excluded.chosen

-- name: lock_seal
-- Before hooks change: so that what seals them sees whatever others have changed.
SELECT 1 FROM counter WHERE name = 'hook' FOR UPDATE

-- name: seal_hooks
INSERT INTO counter
SELECT 'hook', count(*), sha256(convert_to(coalesce(string_agg(h::text, chr(10) ORDER BY h.name), ''), 'UTF8')) FROM hook h
ON CONFLICT (name) DO UPDATE SET value = excluded.value, digest = excluded.digest

-- name: hook_seal
SELECT c.value, c.digest, s.value, s.digest
FROM (SELECT count(*) AS value, sha256(convert_to(coalesce(string_agg(h::text, chr(10) ORDER BY h.name), ''), 'UTF8'))
          AS digest FROM hook h) s
LEFT JOIN counter c ON c.name = 'hook'

-- name: last_quarantined
SELECT coalesce(max(value), 0) FROM counter WHERE name = 'quarantine'

-- name: save_quarantined
INSERT INTO counter VALUES ('quarantine', %s, '')

-- name: unowned_deliveries
SELECT delivery_id, account_id, hook FROM delivery
WHERE state IN ('waiting', 'running', 'halted') AND hook NOT IN (SELECT name FROM hook) ORDER BY delivery_id

-- name: events_delivered
SELECT e.event_id, c.account_id, e.received_at, e.decided,
       ARRAY(SELECT d.effect_id FROM delivery d WHERE d.effect_id BETWEEN e.event_id * 16 AND e.event_id * 16 + 15
             AND d.redrive_of IS NULL ORDER BY d.delivery_id),
       ARRAY(SELECT d.hook FROM delivery d WHERE d.effect_id BETWEEN e.event_id * 16 AND e.event_id * 16 + 15
             AND d.redrive_of IS NULL ORDER BY d.delivery_id)
FROM event e JOIN account c USING (account_no)
WHERE e.event_id > %s AND right(e.decided, 4) <> ',[]]' AND e.is_quiet = 0
ORDER BY e.event_id

-- name: hooks
SELECT * FROM hook ORDER BY name

-- name: delete_hook
DELETE FROM hook WHERE name = %s RETURNING name

-- name: delete_unfinished
WITH gone AS (
    DELETE FROM delivery WHERE hook = %s AND state IN ('waiting', 'running', 'halted') RETURNING redrive_of
)
UPDATE counter SET value = value - (SELECT count(redrive_of) FROM gone)
WHERE name = 'redrive' AND EXISTS (SELECT FROM gone WHERE redrive_of IS NOT NULL)

-- name: disable
UPDATE hook SET disabled_at = %s, disabled_reason = %s WHERE name = %s AND disabled_at IS NULL RETURNING name

-- name: enable
UPDATE hook SET disabled_at = NULL, disabled_reason = '' WHERE name = %s RETURNING name

-- name: planning
SELECT pg_advisory_xact_lock(1094929475, hashtext('plan ' || coalesce(current_schema(), '')))

-- name: backlog
SELECT event_id, account_id, received_at, decided FROM event JOIN account USING (account_no)
WHERE event_id > %s AND event_id <= %s AND right(decided, 4) <> ',[]]' AND is_quiet = 0
ORDER BY event_id LIMIT %s

-- name: count_behind
SELECT count(*) FROM event
WHERE event_id > %s AND event_id <= %s AND received_at >= %s AND received_at < %s
  AND right(decided, 4) <> ',[]]' AND is_quiet = 0

-- name: is_any_behind
SELECT EXISTS (SELECT FROM hook WHERE backlog_after IS NOT NULL)

-- name: count_backlog
SELECT count(*) FROM event e
WHERE right(e.decided, 4) <> ',[]]' AND e.is_quiet = 0 AND e.event_id > (SELECT min(backlog_after) FROM hook)
  AND EXISTS (SELECT FROM hook h WHERE e.event_id > h.backlog_after AND e.event_id <= h.backlog_until)

-- name: lock_busy_lanes
-- Of these lanes, those that are busy. Whoever completes the last delivery of one waits for us, or has committed.
SELECT d.hook, d.account_id
FROM delivery d JOIN unnest(%s::text[], %s::text[]) lane (hook, account_id) USING (hook, account_id)
WHERE d.is_ordered = 1 AND d.state IN ('waiting', 'running', 'halted')
FOR SHARE OF d

-- name: delivery_numbers
SELECT nextval('delivery_number') FROM generate_series(1, %s)

-- name: save_new_deliveries
INSERT INTO delivery
SELECT nextval('delivery_number'), made.*
FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::smallint[], %s::text[], %s::bigint[], %s::bigint[], %s::bigint[],
            %s::bigint[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::text[], %s::text[], %s::bigint[]) made

-- name: save_delivery
INSERT INTO delivery VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: by_index
-- A claim takes the first few that are due. Where the statistics are older than the backlog, the planner would sort all of
-- it for each claim.
SET LOCAL enable_sort = off

-- name: claim
WITH due AS MATERIALIZED (
    SELECT d.delivery_id
    FROM delivery d JOIN hook h ON h.name = d.hook
    WHERE d.state = 'waiting' AND d.due_at <= %s AND h.disabled_at IS NULL AND d.hook = ANY(%s) {which}
      AND (d.is_ordered = 0 OR (h.backlog_after IS NULL OR d.effect_id / 16 <= h.backlog_after) AND NOT EXISTS (
          SELECT FROM delivery e
          WHERE e.hook = d.hook AND e.account_id = d.account_id AND e.is_ordered = 1
            AND (e.state = 'running' OR e.state IN ('waiting', 'halted')
                 AND (e.effect_id, e.delivery_id) < (d.effect_id, d.delivery_id))))
      AND (d.opener_hook IS NULL OR EXISTS (
          SELECT FROM delivery o
          WHERE o.account_id = d.account_id AND o.effect_id = d.opener_effect_id AND o.hook = d.opener_hook
            AND o.state = 'done'))
    ORDER BY d.effect_id, d.delivery_id
    LIMIT %s
    FOR UPDATE OF d SKIP LOCKED
)
UPDATE delivery d SET state = 'running', attempts = attempts + 1, token = token + 1, leased_until = %s
FROM due, hook h
WHERE d.delivery_id = due.delivery_id AND h.name = d.hook
RETURNING d.*, h.*

-- name: expired
SELECT d.*, h.*
FROM delivery d JOIN hook h ON h.name = d.hook
WHERE d.state = 'running' AND d.leased_until <= %s
ORDER BY d.effect_id, d.delivery_id
LIMIT %s

-- name: renew
UPDATE delivery d SET leased_until = %s
FROM unnest(%s::bigint[], %s::bigint[]) c (delivery_id, token)
WHERE d.delivery_id = c.delivery_id AND d.token = c.token AND d.state = 'running'
RETURNING d.delivery_id, d.token

-- name: lock_watched
SELECT * FROM delivery
WHERE account_id = ANY(%s) AND hook = ANY(%s) AND state IN ('waiting', 'running', 'halted')
ORDER BY delivery_id FOR UPDATE

-- name: last_delivered
SELECT hook, account_id, max(effect_id) FROM delivery
WHERE account_id = ANY(%s) AND hook = ANY(%s) AND state = 'done'
GROUP BY hook, account_id

-- name: withdraw
UPDATE delivery SET state = 'withdrawn', settled_at = %s, error = %s
WHERE delivery_id = %s AND state = 'waiting'

-- name: withdraw_dependents
UPDATE delivery d SET state = 'withdrawn', settled_at = %s, error = %s
FROM delivery dead
WHERE dead.delivery_id = ANY(%s) AND dead.state IN ('dead', 'withdrawn')
  AND d.account_id = dead.account_id AND d.opener_hook = dead.hook AND d.opener_effect_id = dead.effect_id
  AND d.state = 'waiting'

-- name: withdraw_dependents_of_hook
UPDATE delivery SET state = 'withdrawn', settled_at = created_at, error = %s WHERE opener_hook = %s AND state = 'waiting'

-- name: skip
UPDATE delivery SET state = 'withdrawn', settled_at = %s, error = %s
WHERE delivery_id IN (
    SELECT d.delivery_id FROM delivery d JOIN event e ON e.event_id = d.effect_id / 16
    WHERE d.hook = %s AND d.state = 'waiting' AND e.received_at < %s
    ORDER BY d.delivery_id LIMIT %s FOR UPDATE OF d
)
RETURNING delivery_id

-- name: is_running
SELECT EXISTS (SELECT FROM delivery WHERE hook = %s AND state = 'running')

-- name: rename
WITH moved AS (
    UPDATE delivery SET hook = %s
    WHERE delivery_id IN (
        SELECT delivery_id FROM delivery WHERE hook = %s AND delivery_id > %s ORDER BY delivery_id LIMIT %s FOR UPDATE
    )
    RETURNING delivery_id
)
SELECT max(delivery_id) FROM moved

-- name: rename_openers
UPDATE delivery SET opener_hook = %s WHERE opener_hook = %s AND state = 'waiting'

-- name: withdraw_twins
UPDATE delivery d SET state = 'withdrawn', settled_at = %s, error = %s
WHERE d.hook = %s AND d.state = 'waiting' AND d.redrive_of IS NULL AND EXISTS (
    SELECT FROM delivery t
    WHERE t.account_id = d.account_id AND t.hook = d.hook AND t.effect_id = d.effect_id
      AND t.redrive_of IS NULL AND t.delivery_id <> d.delivery_id
      AND (t.state <> 'waiting' OR t.delivery_id < d.delivery_id))

-- name: later_effects
SELECT event_id, account_id, decided FROM event JOIN account USING (account_no)
WHERE account_id = ANY(%s) AND event_id > %s AND right(decided, 4) <> ',[]]' ORDER BY event_id

-- name: complete
WITH locked AS MATERIALIZED (
    SELECT delivery_id FROM delivery WHERE delivery_id = ANY(%s) ORDER BY delivery_id FOR UPDATE
)
UPDATE delivery d SET
    state = s.state, settled_at = s.at, due_at = coalesce(s.due_at, d.due_at),
    error = CASE s.counts WHEN 1 THEN s.error ELSE coalesce(s.error, d.error) END,
    attempts = d.attempts - 1 + s.counts, leased_until = NULL
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[])
     s (delivery_id, token, state, at, due_at, error, counts)
JOIN locked USING (delivery_id)
WHERE d.delivery_id = s.delivery_id AND d.token = s.token AND d.state = 'running'
RETURNING d.delivery_id, d.token

-- name: completed_before
SELECT s.delivery_id, s.token
FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::bigint[], %s::bigint[], %s::text[], %s::bigint[])
     s (delivery_id, token, state, at, due_at, error, counts)
JOIN delivery d USING (delivery_id)
WHERE d.settled_at = s.at AND (d.error IS NOT DISTINCT FROM s.error OR s.counts = 0 AND s.error IS NULL)
  AND (d.token = s.token AND d.state = s.state OR d.token > s.token AND s.state = 'waiting')

-- name: deliveries
SELECT d.*, e.sequence, e.decided, e.owner
FROM delivery d JOIN event e ON e.event_id = d.effect_id / 16
{where}

-- name: lock_finished
SELECT d.delivery_id, d.effect_id, d.account_id, d.state, h.*
FROM delivery d JOIN hook h ON h.name = d.hook
WHERE d.delivery_id = ANY(%s) AND d.state IN ('done', 'dead', 'halted', 'withdrawn')
  AND NOT EXISTS (SELECT FROM delivery again WHERE again.redrive_of = d.delivery_id)
ORDER BY d.delivery_id
FOR UPDATE OF d

-- name: redriven
SELECT 1 FROM delivery WHERE delivery_id = ANY(%s)

-- name: note_redrives
INSERT INTO counter VALUES ('redrive', %s, '') ON CONFLICT (name) DO UPDATE SET value = counter.value + excluded.value

-- name: count_redrives
SELECT count(*), coalesce((SELECT value FROM counter WHERE name = 'redrive'), 0) FROM delivery WHERE redrive_of IS NOT NULL

-- name: give_up_halted
UPDATE delivery SET state = 'dead' WHERE delivery_id = %s

-- name: effects
SELECT e.event_id, e.decided, c.account_id, e.sequence, e.received_at, e.owner, e.reason,
       w.sequence, w.opened_at, w.backfill_from, w.closed_at, w.is_recovered, w.is_estimated, w.causes
FROM event e JOIN account c USING (account_no)
LEFT JOIN blind_window w ON w.account_no = e.account_no AND w.closed_sequence = e.sequence
WHERE e.event_id = ANY(%s)

-- name: transitions
SELECT e.event_id, m.sequence, m.received_at, m.word, m.decided
FROM event e CROSS JOIN LATERAL (
    SELECT sequence, received_at, word, decided
    FROM event WHERE account_no = e.account_no AND sequence <= e.sequence AND is_move = 1
    ORDER BY sequence DESC LIMIT 5
) m
WHERE e.event_id = ANY(%s)
ORDER BY e.event_id, m.sequence

-- name: moves_of_accounts
SELECT moved.account_no, m.sequence, m.received_at, m.word, m.decided
FROM unnest(%s::bigint[]) moved (account_no) CROSS JOIN LATERAL (
    SELECT sequence, received_at, word, decided FROM event WHERE account_no = moved.account_no AND is_move = 1
    ORDER BY sequence DESC LIMIT 5
) m
ORDER BY m.sequence

-- name: evidence
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload,
       e.private_digest, e.rules, e.is_quiet, e.digest, a.kind, a.provider, a.evidence
FROM event e JOIN account c USING (account_no) LEFT JOIN anomaly a USING (event_id)
{where}

-- name: links
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload,
       e.rules, e.is_quiet, e.private_digest, e.digest, e.status, e.is_move,
       coalesce(b.sequence, 0), coalesce(b.digest, decode(repeat('00', 32), 'hex')), c.sequence, c.digest,
       a.ordinal, a.kind, a.provider, a.evidence
FROM event e
LEFT JOIN anomaly a USING (event_id)
LEFT JOIN account c USING (account_no)
LEFT JOIN baseline b ON b.account_id = c.account_id
{where}

-- name: accounts_without_events
SELECT c.account_id, c.sequence, c.digest, coalesce(b.sequence, 0),
       coalesce(b.digest, decode(repeat('00', 32), 'hex'))
FROM account c LEFT JOIN baseline b USING (account_id)
WHERE NOT EXISTS (SELECT FROM event e WHERE e.account_no = c.account_no)
ORDER BY c.account_id

-- name: strays
SELECT 'anomaly of event ' || a.event_id, NULL, 'there is no such event'
FROM anomaly a WHERE NOT EXISTS (SELECT FROM event e WHERE e.event_id = a.event_id)
UNION ALL
SELECT 'delivery ' || d.delivery_id, d.account_id, 'there is no such effect of that account'
FROM delivery d WHERE NOT EXISTS (
    SELECT FROM event e JOIN account c USING (account_no)
    WHERE e.event_id = d.effect_id / 16 AND c.account_id = d.account_id
      AND mod(d.effect_id, 16) < json_array_length(e.decided::json -> 3))
UNION ALL
SELECT 'delivery ' || d.delivery_id, d.account_id, 'it is not as a delivery in its state is'
FROM delivery d WHERE (d.state = 'running') <> (d.leased_until IS NOT NULL) OR d.attempts > d.token
    OR d.state NOT IN ('waiting', 'running', 'done', 'dead', 'halted', 'withdrawn')
    OR d.state = 'withdrawn' AND d.settled_at IS NULL
    OR d.state IN ('done', 'dead', 'halted') AND (d.settled_at IS NULL OR d.token = 0)
    OR d.state = 'waiting' AND (d.token = 0) <> (d.settled_at IS NULL)
UNION ALL
SELECT 'baseline of account ' || b.account_id, b.account_id, 'there is no such account'
FROM baseline b WHERE NOT EXISTS (SELECT FROM account c WHERE c.account_id = b.account_id)

-- name: quarantine_rows
SELECT quarantine_id, received_at, payload, size, field, reason, released_at, dismissed_at, foreign_kind,
       account_id, sha256, private_digest, digest
FROM quarantine ORDER BY quarantine_id

-- name: heads
SELECT digest FROM account ORDER BY account_id

-- name: origin
SELECT last_event, link FROM origin

-- name: save_origin
INSERT INTO origin VALUES (%s, %s)

-- name: baselines
SELECT * FROM baseline
{where}

-- name: closed_windows
SELECT c.account_id, w.sequence, w.opened_at, w.backfill_from, w.closed_at, w.closed_sequence, w.is_recovered,
       w.is_estimated, w.causes
FROM blind_window w JOIN account c USING (account_no)
WHERE c.account_id = ANY(%s) AND w.closed_sequence IS NOT NULL
ORDER BY c.account_id, w.sequence

-- name: windows_before_baselines
SELECT b.account_id, w.sequence, w.opened_at, w.backfill_from, w.closed_at, w.closed_sequence, w.is_recovered,
       w.is_estimated, w.causes
FROM baseline b JOIN account c USING (account_id)
JOIN blind_window w ON w.account_no = c.account_no AND w.closed_sequence <= b.sequence
ORDER BY b.account_id, w.sequence

-- name: segments
SELECT * FROM segment ORDER BY segment_id

-- name: private_events
SELECT event_id, sequence, owner, reason, payload FROM event
WHERE account_no = (SELECT account_no FROM account WHERE account_id = %s) AND sequence < %s AND private_digest IS NULL AND kind IN ('announced', 'observed')
ORDER BY sequence DESC LIMIT %s
FOR UPDATE

-- name: erase_event
UPDATE event SET owner = NULL, reason = '', payload = NULL, private_digest = %s WHERE event_id = %s

-- name: erase_account
UPDATE account SET owner = NULL, facts = %s WHERE account_id = %s

-- name: erase_baseline
UPDATE baseline SET owner = NULL, facts = %s WHERE account_id = %s

-- name: quarantined_payloads
SELECT quarantine_id, payload, reason FROM quarantine WHERE private_digest IS NULL ORDER BY quarantine_id

-- name: unerased_errors
SELECT delivery_id, account_id, error FROM delivery WHERE error IS NOT NULL AND error != %s ORDER BY delivery_id

-- name: erase_errors
UPDATE delivery SET error = %s WHERE delivery_id = ANY(%s)

-- name: erase_quarantined
UPDATE quarantine SET payload = NULL, reason = %s, private_digest = %s, digest = %s WHERE quarantine_id = %s

-- name: cut
SELECT c.account_id, max(e.sequence)
FROM event e JOIN account c USING (account_no)
LEFT JOIN (
    SELECT account_no, min(event_id) AS event_id
    FROM (
        SELECT account_no, event_id FROM event WHERE received_at >= %s
        UNION ALL
        SELECT account_no, event_id FROM event
        WHERE event_id > (SELECT min(backlog_after) FROM hook) AND event_id <= (SELECT max(backlog_until) FROM hook)
        UNION ALL
        SELECT account_no, effect_id / 16 FROM delivery JOIN account USING (account_id)
        WHERE state IN ('waiting', 'running', 'halted')
    ) needed
    GROUP BY account_no
) kept ON kept.account_no = e.account_no
WHERE kept.event_id IS NULL OR e.event_id < kept.event_id
GROUP BY c.account_id
ORDER BY c.account_id

-- name: unpruned
SELECT count(*), max(event_id) FROM event WHERE received_at < %s

-- name: unpruned_of_hooks
SELECT name, sum(events)::bigint FROM (
    SELECT d.hook AS name, count(DISTINCT d.effect_id / 16) AS events
    FROM delivery d JOIN event e ON e.event_id = d.effect_id / 16
    WHERE d.state IN ('waiting', 'running', 'halted') AND e.received_at < %s
    GROUP BY d.hook
    UNION ALL
    SELECT h.name, count(*)
    FROM hook h JOIN event e ON e.event_id > h.backlog_after AND e.event_id <= h.backlog_until
    WHERE e.received_at < %s
    GROUP BY h.name
) unfinished
GROUP BY name ORDER BY name COLLATE "C"

-- name: unpruned_behind
SELECT c.account_id, e.sequence, e.received_at FROM event e JOIN account c USING (account_no)
WHERE e.received_at >= %s AND EXISTS (
    SELECT FROM event b WHERE b.account_no = e.account_no AND b.sequence > e.sequence AND b.received_at < %s
)
ORDER BY e.event_id LIMIT 1

-- name: unfinished_of
SELECT account_id, min(event_id)
FROM (
    SELECT account_id, event_id FROM event JOIN account USING (account_no)
    WHERE account_id = ANY(%s)
      AND event_id > (SELECT min(backlog_after) FROM hook) AND event_id <= (SELECT max(backlog_until) FROM hook)
    UNION ALL
    SELECT account_id, effect_id / 16 FROM delivery
    WHERE account_id = ANY(%s) AND state IN ('waiting', 'running', 'halted')
) needed
GROUP BY account_id

-- name: taken
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload,
       e.private_digest, e.rules, e.is_quiet, e.digest, a.kind, a.provider, a.evidence
FROM unnest(%s::text[], %s::bigint[]) cut (account_id, sequence)
JOIN account c USING (account_id)
JOIN event e ON e.account_no = c.account_no AND e.sequence <= cut.sequence
LEFT JOIN anomaly a USING (event_id)
ORDER BY e.event_id, a.ordinal

-- name: take_anomalies
DELETE FROM anomaly a USING event e, account c, unnest(%s::text[], %s::bigint[]) cut (account_id, sequence)
WHERE c.account_id = cut.account_id AND e.account_no = c.account_no AND e.sequence <= cut.sequence AND a.event_id = e.event_id

-- name: take_deliveries
WITH gone AS (
    DELETE FROM delivery d USING event e, account c, unnest(%s::text[], %s::bigint[]) cut (account_id, sequence)
    WHERE c.account_id = cut.account_id AND e.account_no = c.account_no AND e.sequence <= cut.sequence
      AND d.effect_id / 16 = e.event_id
    RETURNING d.redrive_of
)
UPDATE counter SET value = value - (SELECT count(redrive_of) FROM gone)
WHERE name = 'redrive' AND EXISTS (SELECT FROM gone WHERE redrive_of IS NOT NULL)

-- name: take_events
DELETE FROM event e USING account c, unnest(%s::text[], %s::bigint[]) cut (account_id, sequence)
WHERE c.account_id = cut.account_id AND e.account_no = c.account_no AND e.sequence <= cut.sequence

-- name: drop_baselines
DELETE FROM baseline WHERE account_id = ANY(%s)

-- name: save_baseline
INSERT INTO baseline VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)

-- name: save_segment
INSERT INTO segment VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (segment_id) DO UPDATE SET
    events = excluded.events, head = excluded.head, baselines = excluded.baselines

-- name: number_on
SELECT setval(%s::regclass, %s, false)

-- name: copy_events
COPY event (event_id, account_no, sequence, received_at, kind, word, product, provider, since, allowed, signed_in_at,
            decided, owner, reason, payload, status, is_move, rules, is_quiet, digest) FROM STDIN

-- name: last_account
SELECT coalesce(max(account_no), 0) FROM account

-- name: copy_anomalies
COPY anomaly FROM STDIN

-- name: copy_deliveries
COPY delivery FROM STDIN

-- name: page_of_accounts
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts
FROM account a WHERE a.account_no IN (SELECT a.account_no FROM account a {where})

-- name: tally
SELECT a.health, a.status, a.provider, a.is_stuck, count(*), min(a.since) FROM account a
{where}

-- name: tally_then
SELECT health, status, provider, count(*), NULL::bigint, NULL::text, NULL::text, NULL::text FROM account WHERE account_id > '' GROUP BY 1, 2, 3
UNION ALL
SELECT a.health, a.status, a.provider, -1::bigint, f.sequence, e.decided,
       (SELECT p.decided FROM event p
        WHERE p.account_no = f.account_no AND p.sequence < f.sequence AND strpos(p.decided, '"health_changed"') > 0
        ORDER BY p.sequence DESC LIMIT 1),
       b.health
FROM (SELECT account_no, min(sequence) AS sequence FROM event {where} GROUP BY account_no) f
JOIN account a ON a.account_no = f.account_no AND a.account_id > ''
JOIN event e ON e.account_no = f.account_no AND e.sequence = f.sequence
LEFT JOIN baseline b ON b.account_id = a.account_id

-- name: health_changes
SELECT a.health, a.provider, f.sequence,
       (SELECT p.decided FROM event p
        WHERE p.account_no = f.account_no AND p.sequence < f.sequence AND strpos(p.decided, '"health_changed"') > 0
        ORDER BY p.sequence DESC LIMIT 1),
       b.health
FROM (
    SELECT account_no, min(sequence) AS sequence FROM event
    {where} AND (sequence = 1 OR strpos(decided, '"health_changed"') > 0)
    GROUP BY account_no
) f
JOIN account a ON a.account_no = f.account_no AND a.account_id > ''
LEFT JOIN baseline b ON b.account_id = a.account_id

-- name: healths
SELECT e.received_at, e.decided FROM event e JOIN account c USING (account_no)
{where}

-- name: event_number
SELECT e.event_id FROM event e JOIN account c USING (account_no)
{where}

-- name: pruned
SELECT until, path FROM segment ORDER BY segment_id

-- name: events
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload,
       e.private_digest IS NOT NULL, c.provider, a.kind, a.provider, a.evidence
FROM event e JOIN account c USING (account_no) LEFT JOIN anomaly a USING (event_id)
{where}

-- name: traffic
SELECT e.received_at / 60000000, c.provider, e.status, count(*),
       count(*) FILTER (WHERE e.kind = 'announced'),
       count(*) FILTER (WHERE e.is_move = 1 AND NOT (e.kind = 'observed' AND strpos(e.decided, ',"UNSEEN",') > 0))
FROM event e LEFT JOIN account c USING (account_no)
{where}

-- name: hourly_moves
SELECT e.received_at / 3600000000, c.provider, e.status, count(*)
FROM (
    SELECT account_no, received_at, status FROM event
    WHERE is_move = 1 AND NOT (kind = 'observed' AND strpos(decided, ',"UNSEEN",') > 0)
) e
LEFT JOIN account c USING (account_no)
{where}

-- name: anomalies_by_kind
SELECT a.kind, count(*), count(DISTINCT e.account_no), max(e.received_at)
FROM event e JOIN anomaly a USING (event_id)
{where}

-- name: standing
SELECT 'is_disabled', name::text, (disabled_at IS NOT NULL)::int::bigint, NULL::bigint FROM hook
UNION ALL
SELECT state, hook, count(*), min(due_at) FROM delivery
WHERE state IN ('waiting', 'running', 'halted') GROUP BY state, hook
UNION ALL
SELECT 'dead', d.hook, count(*), NULL FROM delivery d
WHERE d.state = 'dead' AND NOT EXISTS (SELECT 1 FROM delivery again WHERE again.redrive_of = d.delivery_id)
GROUP BY d.hook
UNION ALL
SELECT 'to_plan', name, backlog_until - backlog_after, NULL FROM hook WHERE backlog_until IS NOT NULL
UNION ALL
SELECT 'quarantined', NULL::text, count(*), min(received_at) FROM quarantine WHERE released_at IS NULL AND dismissed_at IS NULL
UNION ALL
SELECT 'open_windows', NULL, count(*), NULL FROM blind_window WHERE closed_at IS NULL
UNION ALL
SELECT 'doubtful', NULL, count(*), NULL FROM account WHERE strpos(facts, '"doubtful":1') > 0
UNION ALL
SELECT 'last_event', NULL, coalesce(max(event_id), 0), NULL FROM event
UNION ALL
SELECT 'last_announced', NULL, 1,
       (SELECT received_at FROM event WHERE kind = 'announced' ORDER BY received_at DESC LIMIT 1)

-- name: reconciling
SELECT pg_advisory_xact_lock(1094929475, hashtext('reconcile ' || coalesce(current_schema(), '')))

-- name: running_reconciliation
SELECT * FROM reconciliation WHERE ended_at IS NULL

-- name: last_reconciliation
SELECT coalesce(max(value), 0) FROM counter WHERE name = 'reconciliation'

-- name: number_reconciliation
INSERT INTO counter VALUES ('reconciliation', %s, '') ON CONFLICT (name) DO UPDATE SET value = excluded.value

-- name: save_reconciliation
INSERT INTO reconciliation VALUES (%s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (number) DO UPDATE SET
    ended_at = excluded.ended_at, leased_until = excluded.leased_until, is_whole = excluded.is_whole,
    problem = excluded.problem, counts = excluded.counts, digest = excluded.digest

-- name: reconciliations
SELECT * FROM reconciliation WHERE number < %s ORDER BY number DESC LIMIT %s

-- name: reconciliation_rows
SELECT * FROM reconciliation ORDER BY number

-- name: differing
SELECT l.account_id
FROM unnest(%s::text[], %s::text[], %s::text[]) l (account_id, status, provider)
WHERE NOT EXISTS (
    SELECT FROM account a
    WHERE a.account_id = l.account_id AND a.status = l.status AND a.provider = l.provider
      AND strpos(a.facts, '"doubtful":1') = 0 AND strpos(a.facts, '"absent_since":') = 0
      AND strpos(a.facts, '"disputed_provider":') = 0
)

-- name: account_ids
SELECT account_id FROM account WHERE account_id > %s AND status = ANY(%s) ORDER BY account_id LIMIT %s
