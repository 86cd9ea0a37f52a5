-- name: schedule_put
-- Store a schedule in place of any of the same kind and ref.
INSERT INTO schedule (
    kind, ref, owner, application_id, cron, seconds, tz, clock_change, active, starts_ms, ends_ms,
    next_due_ms, last_due_ms, makes_up, detail
) VALUES (
    :kind, :ref, :owner, :application_id, :cron, :seconds, :tz, :clock_change, :active, :starts_ms,
    :ends_ms, :next_due_ms, :last_due_ms, :makes_up, :detail
)
ON CONFLICT (kind, ref) DO UPDATE SET
    application_id = excluded.application_id, cron = excluded.cron, seconds = excluded.seconds,
    tz = excluded.tz, clock_change = excluded.clock_change, active = excluded.active,
    starts_ms = excluded.starts_ms, ends_ms = excluded.ends_ms,
    next_due_ms = excluded.next_due_ms, last_due_ms = excluded.last_due_ms,
    makes_up = excluded.makes_up, detail = excluded.detail;

-- name: schedule_remove
-- Forget the schedules of a kind that belong to an owner.
DELETE FROM schedule WHERE kind = :kind AND owner = :owner;

-- name: schedules_of
-- Read the schedules of a kind that belong to an owner.
SELECT * FROM schedule WHERE kind = :kind AND owner = :owner ORDER BY ref;

-- name: schedule_advance
-- Move a schedule on from the moment at which it was seen; without a next one it is over.
UPDATE schedule SET
    last_due_ms = coalesce(CAST(:run_ms AS BIGINT), last_due_ms),
    next_due_ms = CAST(:next_ms AS BIGINT),
    active = CASE WHEN CAST(:next_ms AS BIGINT) IS NULL THEN 0 ELSE 1 END
WHERE kind = :kind AND ref = :ref AND next_due_ms = :seen_ms AND active = 1;

-- name: schedules_next_ms
-- Read the next due moment of all.
SELECT min(next_due_ms) AS next_ms FROM schedule WHERE active = 1;
