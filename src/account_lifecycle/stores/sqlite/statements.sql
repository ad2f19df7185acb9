-- name: dated_accounts
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts, a.due_at
FROM account a
{where}

-- name: load_accounts
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts
FROM account a
{where}

-- name: whole_accounts
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts,
       a.due_at, a.due_by, a.account_no
FROM account a WHERE a.account_id IN (SELECT value FROM json_each(?))

-- name: last_account
SELECT coalesce(max(account_no), 0) FROM account

-- name: enter_account
INSERT INTO account (account_id, sequence, status, health, provider, owner, since, is_stuck, facts, due_at, due_by,
                     account_no)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: save_account
UPDATE account SET
    account_id = ?, sequence = ?, status = ?, health = ?, provider = ?, owner = ?, since = ?, is_stuck = ?, facts = ?,
    due_at = ?, due_by = ?
WHERE account_no = ?

-- name: move_account
-- An index is written anew for every column that is named here, whether or not it changes.
UPDATE account SET sequence = ?, status = ?, health = ?, since = ?, is_stuck = ?, facts = ?, due_at = ?
WHERE account_no = ?

-- name: touch_account
UPDATE account SET sequence = ?, facts = ? WHERE account_no = ?

-- name: dated_otherwise
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts,
       a.account_no
FROM account a WHERE (a.due_by < ?1 OR a.due_by > ?1) AND a.account_no > ?2 ORDER BY a.account_no LIMIT ?3

-- name: redate
UPDATE account SET due_at = ?, due_by = ? WHERE account_no = ?

-- name: last_event
SELECT event_id, digest FROM event ORDER BY event_id DESC LIMIT 1

-- name: last_segment
SELECT (SELECT sum(events) FROM segment), head FROM segment ORDER BY segment_id DESC LIMIT 1

-- name: rules
SELECT name, content FROM rules ORDER BY name

-- name: save_rules
INSERT OR IGNORE INTO rules VALUES (?, ?)

-- name: save_event
INSERT INTO event (event_id, account_no, sequence, received_at, kind, word, product, provider, since, allowed,
                   signed_in_at, decided, owner, reason, payload, status, is_move, rules, is_quiet, digest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: save_anomaly
INSERT INTO anomaly VALUES (?, ?, ?, ?, ?)

-- name: save_window
REPLACE INTO blind_window VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: ledger
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload,
       e.private_digest IS NOT NULL, a.kind, a.provider, a.evidence
FROM event e JOIN account c USING (account_no) LEFT JOIN anomaly a USING (event_id)
{where}

-- name: evidence
-- From account to account: of one after the other, without sorting the whole ledger.
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload,
       e.private_digest, e.rules, e.is_quiet, e.digest, a.kind, a.provider, a.evidence
FROM account c CROSS JOIN event e USING (account_no) LEFT JOIN anomaly a USING (event_id)
{where}

-- name: taken
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload,
       e.private_digest, e.rules, e.is_quiet, e.digest, a.kind, a.provider, a.evidence
FROM event e CROSS JOIN account c USING (account_no) LEFT JOIN anomaly a USING (event_id)
WHERE e.event_id <= ? ORDER BY e.event_id, a.ordinal

-- name: audit
SELECT a.kind, c.account_id, e.sequence, e.received_at, e.word, e.product, e.owner, e.reason, e.decided,
       a.provider, a.evidence
FROM anomaly a JOIN event e USING (event_id) JOIN account c USING (account_no)
{where}

-- name: blind_windows
SELECT c.account_id, w.sequence, w.opened_at, w.backfill_from, w.closed_at, w.is_recovered, w.is_estimated, w.causes
FROM blind_window w JOIN account c USING (account_no)
{where}

-- name: last_quarantined
SELECT max(coalesce((SELECT value FROM counter WHERE name = 'quarantine'), 0),
           coalesce((SELECT max(quarantine_id) FROM quarantine), 0))

-- name: quarantine
INSERT INTO quarantine VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?)

-- name: quarantined
SELECT quarantine_id, received_at, payload, size, field, reason, released_at, dismissed_at, foreign_kind,
       account_id, sha256, private_digest IS NOT NULL
FROM quarantine {where}

-- name: quarantined_row
SELECT quarantine_id, received_at, payload, size, field, reason, released_at, dismissed_at, foreign_kind,
       account_id, sha256, private_digest
FROM quarantine WHERE quarantine_id = ?

-- name: release
UPDATE quarantine SET released_at = ?, digest = ? WHERE quarantine_id = ?

-- name: dismiss
UPDATE quarantine SET dismissed_at = ?, digest = ? WHERE quarantine_id = ?

-- name: unerased_payloads
SELECT quarantine_id, payload, reason FROM quarantine WHERE private_digest IS NULL

-- name: erase_quarantined
UPDATE quarantine SET payload = NULL, reason = ?, private_digest = ?, digest = ? WHERE quarantine_id = ?

-- name: unerased_errors
SELECT delivery_id, account_id, error FROM delivery WHERE error IS NOT NULL AND error != ?

-- name: unerased_events
SELECT event_id, sequence, owner, reason, payload FROM event
WHERE account_no = (SELECT account_no FROM account WHERE account_id = ?) AND sequence < ? AND private_digest IS NULL AND kind IN ('announced', 'observed')
ORDER BY sequence DESC LIMIT ?

-- name: erase_event
UPDATE event SET owner = NULL, reason = '', payload = NULL, private_digest = ? WHERE event_id = ?

-- name: hooks
SELECT name, kind, subject, severity, next_step, is_ordered, attempts_limit, on_dead, after, is_paired,
       is_confirmed, since,
       backlog_after, backlog_until, subscribed_at, disabled_at, disabled_reason, known_after, chosen
FROM hook ORDER BY name

-- name: save_hook
REPLACE INTO hook VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: forget_hook
DELETE FROM hook WHERE name = ? RETURNING name

-- name: forget_deliveries
DELETE FROM delivery WHERE hook = ? AND state IN ('waiting', 'running', 'halted') RETURNING redrive_of

-- name: earlier_events
SELECT min(event_id) - 1, max(event_id) FROM event

-- name: backlog
SELECT event_id, account_id, received_at, decided FROM event CROSS JOIN account USING (account_no)
WHERE event_id > ? AND event_id <= ? AND substr(decided, -4) <> ',[]]' AND is_quiet = 0
ORDER BY event_id LIMIT ?

-- name: count_backlog
SELECT count(*) FROM event e
WHERE substr(e.decided, -4) <> ',[]]' AND e.is_quiet = 0 AND e.event_id > (SELECT min(backlog_after) FROM hook)
  AND EXISTS (SELECT 1 FROM hook h WHERE e.event_id > h.backlog_after AND e.event_id <= h.backlog_until)

-- name: count_behind
SELECT count(*) FROM event
WHERE event_id > ? AND event_id <= ? AND received_at >= ? AND received_at < ?
  AND substr(decided, -4) <> ',[]]' AND is_quiet = 0

-- name: is_any_behind
SELECT EXISTS (SELECT 1 FROM hook WHERE backlog_after IS NOT NULL)

-- name: is_lane_busy
SELECT EXISTS (SELECT 1 FROM delivery INDEXED BY delivery_lane
               WHERE hook = ? AND account_id = ? AND is_ordered = 1 AND state IN ('waiting', 'running', 'halted'))

-- name: count_hooks
SELECT count(*) FROM hook

-- name: counter
SELECT value FROM counter WHERE name = ?

-- name: count_redrives
SELECT count(*) FROM delivery WHERE redrive_of IS NOT NULL

-- name: events_with_effects
SELECT event_id, account_id, received_at, decided FROM event CROSS JOIN account USING (account_no)
WHERE event_id > ? AND substr(decided, -4) <> ',[]]' AND is_quiet = 0 ORDER BY event_id

-- name: deliveries_made
SELECT effect_id, hook FROM delivery WHERE redrive_of IS NULL AND effect_id >= ? ORDER BY effect_id

-- name: unowned_deliveries
SELECT delivery_id, account_id, hook FROM delivery
WHERE state IN ('waiting', 'running', 'halted') AND hook NOT IN (SELECT name FROM hook) ORDER BY delivery_id

-- name: last_delivery
SELECT coalesce(max(value), 0) FROM counter WHERE name = 'delivery'

-- name: save_counter
REPLACE INTO counter VALUES (?, ?, ?)

-- name: save_delivery
INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: change_delivery
UPDATE delivery SET
    hook = ?, state = ?, attempts = ?, token = ?, due_at = ?, leased_until = ?, settled_at = ?, error = ?,
    opener_hook = ?, digest = ?
WHERE delivery_id = ?

-- name: claimable
SELECT d.delivery_id, d.effect_id, d.account_id, d.hook, d.is_ordered, d.state, d.attempts, d.token, d.due_at,
       d.leased_until, d.created_at, d.settled_at, d.error, d.redrive_of, d.stands_for,
       d.opener_hook, d.opener_effect_id
FROM delivery d {from_index}
WHERE d.state = 'waiting' AND d.due_at <= ?
  AND d.hook IN (SELECT h.name FROM hook h JOIN json_each(?) wanted ON h.name = wanted.value WHERE h.disabled_at IS NULL)
  AND (d.is_ordered = 0 OR NOT EXISTS (
      SELECT 1 FROM hook behind WHERE behind.name = d.hook AND d.effect_id / 16 > behind.backlog_after
  ) AND NOT EXISTS (
      SELECT 1 FROM delivery b INDEXED BY delivery_lane
      WHERE b.hook = d.hook AND b.account_id = d.account_id AND b.is_ordered = 1
        AND b.state IN ('waiting', 'running', 'halted')
        AND (b.effect_id < d.effect_id OR (b.effect_id = d.effect_id AND b.delivery_id < d.delivery_id))
  ) AND NOT EXISTS (
      SELECT 1 FROM delivery r WHERE r.hook = d.hook AND r.account_id = d.account_id
        AND r.state = 'running' AND r.is_ordered = 1
  ))
  AND (d.opener_hook IS NULL OR EXISTS (
      SELECT 1 FROM delivery o
      WHERE o.account_id = d.account_id AND o.hook = d.opener_hook AND o.effect_id = d.opener_effect_id
        AND o.state = 'done'
  ))
  {of_accounts}
ORDER BY d.effect_id, d.delivery_id
LIMIT ?

-- name: expired
SELECT delivery_id, effect_id, account_id, hook, is_ordered, state, attempts, token, due_at,
       leased_until, created_at, settled_at, error, redrive_of, stands_for, opener_hook, opener_effect_id
FROM delivery WHERE state = 'running' AND leased_until <= ? ORDER BY effect_id, delivery_id LIMIT ?

-- name: claimed
SELECT delivery_id, effect_id, account_id, hook, is_ordered, state, attempts, token, due_at,
       leased_until, created_at, settled_at, error, redrive_of, stands_for, opener_hook, opener_effect_id
FROM delivery WHERE delivery_id IN (SELECT value FROM json_each(?)) AND state = 'running'

-- name: watched
SELECT delivery_id, effect_id, account_id, hook, is_ordered, state, attempts, token, due_at,
       leased_until, created_at, settled_at, error, redrive_of, stands_for, opener_hook, opener_effect_id
FROM delivery
WHERE account_id IN (SELECT value FROM json_each(?)) AND hook IN (SELECT value FROM json_each(?))
  AND state IN ('waiting', 'running', 'halted')

-- name: last_delivered
SELECT hook, account_id, max(effect_id) FROM delivery
WHERE account_id IN (SELECT value FROM json_each(?)) AND hook IN (SELECT value FROM json_each(?)) AND state = 'done'
GROUP BY hook, account_id

-- name: waiting_for_opener
SELECT delivery_id, effect_id, account_id, hook, is_ordered, state, attempts, token, due_at,
       leased_until, created_at, settled_at, error, redrive_of, stands_for, opener_hook, opener_effect_id
FROM delivery WHERE account_id = ? AND opener_hook IS NOT NULL AND state = 'waiting'

-- name: waiting_for_hook
SELECT delivery_id, effect_id, account_id, hook, is_ordered, state, attempts, token, due_at,
       leased_until, created_at, settled_at, error, redrive_of, stands_for, opener_hook, opener_effect_id
FROM delivery WHERE opener_hook = ? AND state = 'waiting'

-- name: later_effects
SELECT event_id, account_id, decided FROM account JOIN event USING (account_no)
WHERE account_id IN (SELECT value FROM json_each(?)) AND event_id > ? AND substr(decided, -4) <> ',[]]' ORDER BY event_id

-- name: skippable
SELECT d.delivery_id, d.effect_id, d.account_id, d.hook, d.is_ordered, d.state, d.attempts, d.token, d.due_at,
       d.leased_until, d.created_at, d.settled_at, d.error, d.redrive_of, d.stands_for,
       d.opener_hook, d.opener_effect_id
FROM delivery d JOIN event e ON e.event_id = d.effect_id / 16
WHERE d.hook = ? AND d.state IN ('waiting', 'running', 'halted') AND d.state = 'waiting' AND e.received_at < ?
LIMIT ?

-- name: is_running
SELECT EXISTS (SELECT 1 FROM delivery
               WHERE hook = ? AND state IN ('waiting', 'running', 'halted') AND state = 'running')

-- name: deliveries_of
SELECT d.delivery_id, d.effect_id, d.account_id, d.hook, d.is_ordered, d.state, d.attempts, d.token, d.due_at,
       d.leased_until, d.created_at, d.settled_at, d.error, d.redrive_of, d.stands_for,
       d.opener_hook, d.opener_effect_id
FROM delivery d WHERE d.hook = ? AND d.delivery_id > ? ORDER BY d.delivery_id LIMIT ?

-- name: twins
SELECT d.delivery_id, d.effect_id, d.account_id, d.hook, d.is_ordered, d.state, d.attempts, d.token, d.due_at,
       d.leased_until, d.created_at, d.settled_at, d.error, d.redrive_of, d.stands_for,
       d.opener_hook, d.opener_effect_id
FROM delivery d
WHERE d.hook = ? AND d.state IN ('waiting', 'running', 'halted') AND d.state = 'waiting' AND d.redrive_of IS NULL
  AND EXISTS (
      SELECT 1 FROM delivery t
      WHERE t.account_id = d.account_id AND t.hook = d.hook AND t.effect_id = d.effect_id
        AND t.redrive_of IS NULL AND t.delivery_id <> d.delivery_id
        AND (t.state <> 'waiting' OR t.delivery_id < d.delivery_id)
  )

-- name: delivery
SELECT delivery_id, effect_id, account_id, hook, is_ordered, state, attempts, token, due_at,
       leased_until, created_at, settled_at, error, redrive_of, stands_for, opener_hook, opener_effect_id
FROM delivery WHERE delivery_id = ?

-- name: is_redriven
SELECT EXISTS (SELECT 1 FROM delivery WHERE redrive_of = ?)

-- name: deliveries
SELECT d.delivery_id, d.effect_id, d.account_id, d.hook, d.is_ordered, d.state, d.attempts, d.token, d.due_at,
       d.leased_until, d.created_at, d.settled_at, d.error, d.redrive_of, d.stands_for,
       d.opener_hook, d.opener_effect_id, e.sequence, e.decided, e.owner
FROM delivery d JOIN event e ON e.event_id = d.effect_id / 16
{where}

-- name: effects
SELECT e.event_id, e.decided, c.account_id, e.sequence, e.received_at, e.owner, e.reason,
       w.sequence, w.opened_at, w.backfill_from, w.closed_at, w.is_recovered, w.is_estimated, w.causes
FROM event e JOIN account c USING (account_no)
LEFT JOIN blind_window w ON w.account_no = e.account_no AND w.closed_sequence = e.sequence
WHERE e.event_id IN (SELECT value FROM json_each(?))

-- name: moves
SELECT e.event_id, m.sequence, m.received_at, m.word, m.decided
FROM json_each(?1) asked CROSS JOIN event e ON e.event_id = asked.value
CROSS JOIN event m ON m.event_id IN (
    SELECT event_id FROM event
    WHERE account_no = e.account_no AND sequence <= e.sequence AND is_move = 1
    ORDER BY sequence DESC LIMIT ?2
)
ORDER BY e.event_id, m.sequence

-- name: first_unfinished
SELECT min(first) FROM (
    SELECT min(backlog_after) + 1 AS first FROM hook
    UNION ALL
    SELECT min(effect_id) / 16 FROM delivery WHERE state IN ('waiting', 'running', 'halted')
)

-- name: bounds
SELECT (SELECT min(event_id) FROM event), (SELECT max(event_id) FROM event)

-- name: first_received_later
SELECT event_id FROM event WHERE received_at >= ? ORDER BY event_id LIMIT 1

-- name: unpruned
SELECT count(*), max(event_id) FROM event WHERE received_at < ?

-- name: unpruned_of_hooks
SELECT name, sum(events) FROM (
    SELECT d.hook AS name, count(DISTINCT d.effect_id / 16) AS events
    FROM delivery d JOIN event e ON e.event_id = d.effect_id / 16
    WHERE d.state IN ('waiting', 'running', 'halted') AND e.received_at < ?
    GROUP BY d.hook
    UNION ALL
    SELECT h.name, count(*)
    FROM hook h JOIN event e ON e.event_id > h.backlog_after AND e.event_id <= h.backlog_until
    WHERE e.received_at < ?
    GROUP BY h.name
) unfinished
GROUP BY name ORDER BY name

-- name: unpruned_behind
SELECT account_id, e.sequence, received_at FROM event e CROSS JOIN account USING (account_no)
WHERE received_at >= ? AND event_id < ? ORDER BY event_id LIMIT 1

-- name: baselines
SELECT * FROM baseline
{where}

-- name: windows_before
SELECT sequence, opened_at, backfill_from, closed_at, closed_sequence, is_recovered, is_estimated, causes
FROM blind_window
WHERE account_no = (SELECT account_no FROM account WHERE account_id = ?) AND closed_sequence <= ? ORDER BY sequence

-- name: save_baseline
REPLACE INTO baseline VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: drop_deliveries
DELETE FROM delivery WHERE account_id = ? AND effect_id < ? RETURNING redrive_of

-- name: drop_anomalies
DELETE FROM anomaly WHERE event_id <= ?

-- name: drop_events
DELETE FROM event WHERE event_id <= ?

-- name: segments
SELECT segment_id, until, pruned_at, events, path, archive_sha256, head, baselines FROM segment ORDER BY segment_id

-- name: save_segment
REPLACE INTO segment VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: chained
SELECT e.event_id, c.account_id, e.sequence, e.received_at, e.kind, e.word, e.product, e.provider, e.since, e.allowed,
       e.signed_in_at, e.decided, e.owner, e.reason, e.payload,
       e.rules, e.is_quiet, e.private_digest, e.digest, e.status, e.is_move, a.ordinal, a.kind, a.provider, a.evidence
FROM event e LEFT JOIN account c USING (account_no) LEFT JOIN anomaly a USING (event_id)
ORDER BY e.event_id, a.ordinal

-- name: stored_accounts
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts,
       w.sequence, w.opened_at, w.backfill_from, w.is_estimated, w.causes
FROM account a LEFT JOIN blind_window w ON w.account_no = a.account_no AND w.closed_at IS NULL
ORDER BY a.account_id

-- name: stored_windows
SELECT a.account_id, w.sequence, w.opened_at, w.backfill_from, w.closed_at, w.closed_sequence, w.is_recovered,
       w.is_estimated, w.causes, c.received_at, o.received_at,
       coalesce((SELECT b.sequence FROM baseline b WHERE b.account_id = a.account_id), 0)
FROM blind_window w
LEFT JOIN account a ON a.account_no = w.account_no
LEFT JOIN event c ON c.account_no = w.account_no AND c.sequence = w.closed_sequence
LEFT JOIN event o ON o.account_no = w.account_no AND o.sequence = w.sequence
ORDER BY w.account_no, w.sequence

-- name: orphan_anomalies
SELECT event_id, ordinal FROM anomaly WHERE event_id NOT IN (SELECT event_id FROM event)

-- name: delivery_rows
SELECT d.*, a.account_id, e.decided
FROM delivery d LEFT JOIN event e ON e.event_id = d.effect_id / 16 LEFT JOIN account a USING (account_no)
ORDER BY d.delivery_id

-- name: quarantine_rows
SELECT * FROM quarantine ORDER BY quarantine_id

-- name: page_of_accounts
SELECT a.account_id, a.sequence, a.status, a.health, a.provider, a.owner, a.since, a.is_stuck, a.facts
FROM account a WHERE a.account_no IN (SELECT a.account_no FROM account a {where})

-- name: tally
SELECT a.health, a.status, a.provider, a.is_stuck, count(*), min(a.since) FROM account a
{where}

-- name: tally_then
SELECT health, status, provider, count(*), NULL, NULL, NULL, NULL FROM account WHERE account_id > '' GROUP BY 1, 2, 3
UNION ALL
SELECT a.health, a.status, a.provider, -1, f.sequence, e.decided,
       (SELECT p.decided FROM event p
        WHERE p.account_no = f.account_no AND p.sequence < f.sequence AND instr(p.decided, '"health_changed"') > 0
        ORDER BY p.sequence DESC LIMIT 1),
       b.health
FROM (SELECT account_no, min(sequence) AS sequence FROM event INDEXED BY event_received {where}
      GROUP BY account_no) f
CROSS JOIN account a ON a.account_no = f.account_no AND a.account_id > ''
CROSS JOIN event e ON e.account_no = f.account_no AND e.sequence = f.sequence
LEFT JOIN baseline b ON b.account_id = a.account_id

-- name: health_changes
SELECT a.health, a.provider, f.sequence,
       (SELECT p.decided FROM event p
        WHERE p.account_no = f.account_no AND p.sequence < f.sequence AND instr(p.decided, '"health_changed"') > 0
        ORDER BY p.sequence DESC LIMIT 1),
       b.health
FROM (
    SELECT account_no, min(sequence) AS sequence FROM event INDEXED BY event_received
    {where} AND (sequence = 1 OR instr(decided, '"health_changed"') > 0)
    GROUP BY account_no
) f
CROSS JOIN account a ON a.account_no = f.account_no AND a.account_id > ''
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
SELECT e.received_at / 60000000, c.provider, e.status, count(*), sum(e.kind = 'announced'),
       sum(e.is_move AND NOT (e.kind = 'observed' AND instr(e.decided, ',"UNSEEN",') > 0))
FROM event e LEFT JOIN account c USING (account_no)
{where}

-- name: hourly_moves
SELECT e.received_at / 3600000000, c.provider, e.status, count(*)
FROM (
    SELECT account_no, received_at, status FROM event
    WHERE is_move = 1 AND NOT (kind = 'observed' AND instr(decided, ',"UNSEEN",') > 0)
) e
LEFT JOIN account c USING (account_no)
{where}

-- name: anomalies_by_kind
SELECT a.kind, count(*), count(DISTINCT e.account_no), max(e.received_at)
FROM event e CROSS JOIN anomaly a USING (event_id)
{where}

-- name: standing
SELECT 'is_disabled', name, disabled_at IS NOT NULL, NULL FROM hook
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
SELECT 'quarantined', NULL, count(*), min(received_at) FROM quarantine WHERE released_at IS NULL AND dismissed_at IS NULL
UNION ALL
SELECT 'open_windows', NULL, count(*), NULL FROM blind_window WHERE closed_at IS NULL
UNION ALL
SELECT 'doubtful', NULL, count(*), NULL FROM account WHERE instr(facts, '"doubtful":1') > 0
UNION ALL
SELECT 'last_event', NULL, coalesce(max(event_id), 0), NULL FROM event
UNION ALL
SELECT 'last_announced', NULL, 1,
       (SELECT received_at FROM event WHERE kind = 'announced' ORDER BY received_at DESC LIMIT 1)

-- name: running_reconciliation
SELECT * FROM reconciliation WHERE ended_at IS NULL

-- name: last_reconciliation
SELECT coalesce(max(value), 0) FROM counter WHERE name = 'reconciliation'

-- name: save_reconciliation
REPLACE INTO reconciliation VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: reconciliations
SELECT * FROM reconciliation WHERE number < ? ORDER BY number DESC LIMIT ?

-- name: reconciliation_rows
SELECT * FROM reconciliation ORDER BY number

-- name: differing
WITH listed (account_id, status, provider) AS (VALUES {rows})
SELECT l.account_id FROM listed l
WHERE NOT EXISTS (
    SELECT 1 FROM account a
    WHERE a.account_id = l.account_id AND a.status = l.status AND a.provider = l.provider
      AND instr(a.facts, '"doubtful":1') = 0 AND instr(a.facts, '"absent_since":') = 0
      AND instr(a.facts, '"disputed_provider":') = 0
)

-- name: account_ids
SELECT account_id FROM account
WHERE account_id > ? AND status IN (SELECT value FROM json_each(?)) ORDER BY account_id LIMIT ?
