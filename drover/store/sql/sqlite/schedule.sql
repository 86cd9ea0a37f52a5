-- name: schedules_due
-- Read active schedules whose moment has come: one writer at a time sees them.
SELECT * FROM schedule
WHERE active = 1 AND next_due_ms <= :now_ms
ORDER BY next_due_ms, kind, ref
LIMIT :limit;

-- name: schedule_hold
-- Read a schedule that nobody else changes before this transaction ends.
SELECT * FROM schedule WHERE kind = :kind AND ref = :ref;

-- name: schedules_named
-- Read schedules of a kind by their refs.
SELECT * FROM schedule WHERE kind = :kind AND ref IN (SELECT value FROM json_each(:refs));

-- name: schedules_hold
-- Keep others from beginning runs of some schedules until the end of the transaction.
SELECT ref FROM schedule WHERE kind = :kind AND ref IN (SELECT value FROM json_each(:refs)) ORDER BY ref;

-- name: schedule_runs_lease
-- Take runs that are due; they come back when they are not done by then.
UPDATE schedule_run SET tries = tries + 1, try_ms = :until_ms
WHERE (ref, zone, due_ms) IN (
    SELECT ref, zone, due_ms FROM schedule_run WHERE try_ms <= :now_ms
    ORDER BY try_ms, ref LIMIT :limit)
RETURNING *;

-- name: device_tag_values_among
-- Read which of some values a tag has on devices that are not deleted.
SELECT wanted.value AS value FROM (SELECT value FROM json_each(:values)) AS wanted
WHERE EXISTS (
    SELECT 1 FROM device_tag AS tag JOIN device ON device.id = tag.device_id
    WHERE tag.application_id = :application_id AND tag.key = :key AND tag.value = wanted.value
      AND device.deleted_ms IS NULL);

-- name: schedule_runs_done
-- Forget runs that were taken, unless they have been taken again.
DELETE FROM schedule_run WHERE (ref, zone, due_ms, try_ms) IN (
    SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'), json_extract(value, '$[2]'),
        json_extract(value, '$[3]')
    FROM json_each(:rows))
RETURNING ref, zone, due_ms;

-- name: execution_keys_open
-- Read which of some beginnings unique keys of executions of jobs have that have not ended.
SELECT wanted.value AS prefix
FROM json_each(:prefixes) AS wanted JOIN json_each(:jobs) AS job ON job.key = wanted.key
WHERE EXISTS (
    SELECT 1 FROM execution
    WHERE execution.job_id = job.value
      AND state IN ('queued', 'running', 'paused', 'failing', 'canceling')
      AND substr(unique_key, 1, length(wanted.value)) = wanted.value);
