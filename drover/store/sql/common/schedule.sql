-- name: schedule_put
-- Store a schedule in place of any of the same kind and ref.
INSERT INTO schedule (
    kind, ref, application_id, cron, seconds, tz, active, starts_ms, ends_ms, next_due_ms,
    last_due_ms, detail
) VALUES (
    :kind, :ref, :application_id, :cron, :seconds, :tz, :active, :starts_ms, :ends_ms,
    :next_due_ms, :last_due_ms, :detail
)
ON CONFLICT (kind, ref) DO UPDATE SET
    application_id = excluded.application_id, cron = excluded.cron, seconds = excluded.seconds,
    tz = excluded.tz, active = excluded.active, starts_ms = excluded.starts_ms,
    ends_ms = excluded.ends_ms, next_due_ms = excluded.next_due_ms,
    last_due_ms = excluded.last_due_ms, detail = excluded.detail;

-- name: schedule_remove
-- Forget the schedules of a kind whose ref begins so.
DELETE FROM schedule WHERE kind = :kind AND substr(ref, 1, length(:prefix)) = :prefix;

-- name: schedules_of
-- Read the schedules of a kind whose ref begins so.
SELECT * FROM schedule WHERE kind = :kind AND substr(ref, 1, length(:prefix)) = :prefix
ORDER BY ref;

-- name: schedules_due
-- Read active schedules whose moment has come.
SELECT * FROM schedule
WHERE active = 1 AND next_due_ms <= :now_ms
ORDER BY next_due_ms, kind, ref
LIMIT :limit;

-- name: schedule_advance
-- Move a schedule on, unless another server did so since it was read.
UPDATE schedule SET last_due_ms = next_due_ms, next_due_ms = CAST(:next_due_ms AS BIGINT)
WHERE kind = :kind AND ref = :ref AND next_due_ms = :seen_ms AND active = 1;

-- name: schedules_next_ms
-- Read the next due moment of all.
SELECT min(next_due_ms) AS next_ms FROM schedule WHERE active = 1;
