-- name: schedule_put
-- Store a schedule in place of any of the same kind and ref, whose outcome it keeps.
INSERT INTO schedule (
    kind, ref, owner, application_id, cron, seconds, tz, clock_change, active, starts_ms, ends_ms,
    next_due_ms, last_due_ms, makes_up, outcome, detail
) VALUES (
    :kind, :ref, :owner, :application_id, :cron, :seconds, :tz, :clock_change, :active, :starts_ms,
    :ends_ms, :next_due_ms, :last_due_ms, :makes_up, :outcome, :detail
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

-- name: schedule_remove_one
-- Forget a schedule.
DELETE FROM schedule WHERE kind = :kind AND ref = :ref;

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

-- name: schedule_get
-- Read a schedule.
SELECT * FROM schedule WHERE kind = :kind AND ref = :ref;

-- name: schedule_note
-- Keep what came of a schedule's last run.
UPDATE schedule SET outcome = :outcome WHERE kind = :kind AND ref = :ref;

-- name: schedule_run_add
-- Store a run that is due, once.
INSERT INTO schedule_run (ref, zone, due_ms, try_ms) VALUES (:ref, :zone, :due_ms, :now_ms)
ON CONFLICT (ref, zone, due_ms) DO NOTHING;

-- name: schedule_run_put_off
-- Let a run that was taken be tried later, as though it had not been.
UPDATE schedule_run SET try_ms = :later_ms, tries = 0
WHERE ref = :ref AND zone = :zone AND due_ms = :due_ms AND try_ms = :until_ms;

-- name: schedule_runs_next_ms
-- Read when the next run is to be tried.
SELECT min(try_ms) AS next_ms FROM schedule_run;
