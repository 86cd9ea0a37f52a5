-- name: schedules_due
-- Read active schedules whose moment has come, passing over those that another server holds.
-- One that freezes while it holds them loses them sooner than others lose what they hold.
SELECT schedule.* FROM schedule
CROSS JOIN (SELECT set_config('idle_in_transaction_session_timeout', '10s', TRUE)) AS patience
WHERE active = 1 AND next_due_ms <= :now_ms
ORDER BY next_due_ms, kind, ref
LIMIT :limit
FOR UPDATE OF schedule SKIP LOCKED;

-- name: schedule_hold
-- Read a schedule that nobody else changes before this transaction ends.
SELECT * FROM schedule WHERE kind = :kind AND ref = :ref
FOR UPDATE;

-- name: schedules_named
-- Read schedules of a kind by their refs.
SELECT * FROM schedule WHERE kind = :kind AND ref IN (SELECT unnest(:refs::text[]));

-- name: schedules_hold
-- Keep others from beginning runs of some schedules until the end of the transaction.
SELECT ref FROM schedule WHERE kind = :kind AND ref = ANY(:refs::text[]) ORDER BY ref
FOR UPDATE;

-- name: schedule_runs_lease
-- Take runs that are due; they come back when they are not done by then.
UPDATE schedule_run SET tries = tries + 1, try_ms = :until_ms
WHERE (ref, zone, due_ms) IN (
    SELECT ref, zone, due_ms FROM schedule_run WHERE try_ms <= :now_ms
    ORDER BY try_ms, ref LIMIT :limit FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: device_tag_values_among
-- Read which of some values a tag has on devices that are not deleted.
SELECT wanted.value AS value FROM (SELECT unnest(:values::text[]) AS value) AS wanted
WHERE EXISTS (
    SELECT 1 FROM device_tag AS tag JOIN device ON device.id = tag.device_id
    WHERE tag.application_id = :application_id AND tag.key = :key AND tag.value = wanted.value
      AND device.deleted_ms IS NULL);

-- name: schedule_runs_done
-- Forget runs that were taken, unless they have been taken again.
DELETE FROM schedule_run WHERE (ref, zone, due_ms, try_ms) IN (
    SELECT value->>0, value->>1, (value->>2)::bigint, (value->>3)::bigint
    FROM jsonb_array_elements(:rows::jsonb) AS taken(value))
RETURNING ref, zone, due_ms;

-- name: execution_keys_open
-- Read which of some beginnings unique keys of executions of jobs have that have not ended.
SELECT wanted.prefix AS prefix
FROM unnest(:prefixes::text[], :jobs::text[]) AS wanted(prefix, job_id)
WHERE EXISTS (
    SELECT 1 FROM execution
    WHERE execution.job_id = wanted.job_id
      AND state IN ('queued', 'running', 'paused', 'failing', 'canceling')
      AND substr(unique_key, 1, length(wanted.prefix)) = wanted.prefix);
