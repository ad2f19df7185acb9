-- name: load_accounts
SELECT a.account_id, a.status, a.is_existing, a.is_lost, a.sequence, a.provider, a.name, a.since, a.last_announced,
       a.last_product, a.last_heard_at, a.last_ok_at, a.synced_products, a.is_stuck,
       w.sequence, w.last_ok_at, w.opened_at, w.causes
FROM account a
LEFT JOIN blind_window w ON w.account_id = a.account_id AND w.sequence = a.window_sequence
{where}

-- name: save_account
INSERT INTO account VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account_id) DO UPDATE SET
    status = excluded.status, is_existing = excluded.is_existing, is_lost = excluded.is_lost,
    sequence = excluded.sequence, provider = excluded.provider, name = excluded.name, since = excluded.since,
    last_announced = excluded.last_announced, last_product = excluded.last_product,
    last_heard_at = excluded.last_heard_at, last_ok_at = excluded.last_ok_at,
    synced_products = excluded.synced_products, window_sequence = excluded.window_sequence,
    is_stuck = excluded.is_stuck, health = excluded.health

-- name: last_event_id
SELECT coalesce(max(event_id), 0) FROM event

-- name: save_event
INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)

-- name: save_anomaly
INSERT INTO anomaly VALUES (?, ?, ?, ?, ?, ?, ?, ?)

-- name: save_window
INSERT INTO blind_window VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (account_id, sequence) DO UPDATE SET
    closed_at = excluded.closed_at, closed_sequence = excluded.closed_sequence,
    is_recovered = excluded.is_recovered, causes = excluded.causes

-- name: save_effects
INSERT INTO effect VALUES (?, ?, ?)

-- name: ledger
SELECT e.event_id, e.account_id, e.sequence, e.received_at, e.word, e.product, e.provider, e.name, e.payload,
       e.stay_since, e.allowed, e.verdict, e.status_before, e.existing_before, e.lost_before,
       e.status_after, e.existing_after, e.lost_after,
       a.kind, a.provider, a.since, a.last_announced, a.last_heard_at, a.detail
FROM event e LEFT JOIN anomaly a USING (event_id)
{where}

-- name: audit
SELECT a.kind, e.account_id, e.sequence, e.received_at, e.word, e.status_before, e.existing_before, e.lost_before,
       a.provider, a.since, a.last_announced, a.last_heard_at, a.detail
FROM anomaly a JOIN event e USING (event_id)
{where}
ORDER BY e.event_id, a.ordinal

-- name: blind_windows
SELECT account_id, sequence, last_ok_at, opened_at, closed_at, is_recovered, causes
FROM blind_window
{where}
ORDER BY opened_at, account_id, sequence

-- name: quarantine
INSERT INTO quarantine (received_at, payload, size, field, reason) VALUES (?, ?, ?, ?, ?) RETURNING quarantine_id

-- name: quarantined
SELECT quarantine_id, received_at, payload, size, field, reason FROM quarantine ORDER BY quarantine_id

-- name: pending
SELECT event_id, pending FROM effect WHERE pending <> 0 ORDER BY event_id LIMIT ?

-- name: pending_of
SELECT f.event_id, f.pending
FROM json_each(?) wanted
JOIN event e ON e.account_id = wanted.value ->> 0 AND e.sequence = wanted.value ->> 1
JOIN effect f USING (event_id)
WHERE f.pending <> 0
ORDER BY f.event_id

-- name: effects
SELECT f.event_id, f.effects, e.account_id, e.sequence, e.received_at,
       w.sequence, w.last_ok_at, w.opened_at, w.closed_at, w.is_recovered, w.causes
FROM effect f
JOIN event e USING (event_id)
LEFT JOIN blind_window w ON w.account_id = e.account_id AND w.closed_sequence = e.sequence
WHERE f.event_id IN (SELECT value FROM json_each(?))

-- name: due
SELECT effect_id, hook, attempts FROM delivery
WHERE is_done = 0 AND (effect_id, hook) > (?, ?) AND hook IN (SELECT value FROM json_each(?))
ORDER BY effect_id, hook LIMIT ?

-- name: settle_effect
UPDATE effect SET pending = pending & ~? WHERE event_id = ?

-- name: settle_delivery
INSERT INTO delivery VALUES (?, ?, ?, ?, ?, ?)
ON CONFLICT (effect_id, hook) DO UPDATE SET
    attempts = excluded.attempts, settled_at = excluded.settled_at, is_done = excluded.is_done, error = excluded.error
