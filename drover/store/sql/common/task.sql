-- name: task_add
-- Note what a new execution has as a long task; whoever is to be told of its end waits for that.
INSERT INTO task (number, application_id, resource_type, resource_id, emails, callback_url, tell_ms)
VALUES (:number, :application_id, :resource_type, :resource_id, :emails, :callback_url, :tell_ms);

-- name: task_advance
-- Note how far a long task has come, and hold its lease.
UPDATE execution SET
    lease_until_ms = :until_ms,
    total = CASE WHEN CAST(:total AS BIGINT) < CAST(:done AS BIGINT)
        THEN CAST(:done AS BIGINT) ELSE CAST(:total AS BIGINT) END,
    succeeded = CAST(:done AS BIGINT),
    accumulator = coalesce(CAST(:checkpoint AS TEXT), accumulator)
WHERE number = :number;

-- name: task_note
-- Say in words what a long task is at.
UPDATE task SET note = :note WHERE number = :number AND note <> :note;

-- name: task_leave
-- Let go of a long task, for whoever comes next.
UPDATE execution SET lease_until_ms = :again_ms, tries = tries - CAST(:forgiven AS INTEGER)
WHERE number = :number AND fence = :fence;

-- name: task_result
-- Keep what a long task hands back.
UPDATE execution SET
    result = CAST(:output AS TEXT), report_key = coalesce(CAST(:report_key AS TEXT), report_key)
WHERE number = :number;

-- name: task_checkpoint_forget
-- Forget what a long task would go on from.
UPDATE execution SET accumulator = NULL WHERE number = :number;

-- name: task_error
-- Keep the name of what ended a long task.
UPDATE task SET error_name = CAST(:error_name AS TEXT) WHERE number = :number;

-- name: tasks_to_tell
-- Tell whether somebody is to be told of the end of a long task.
SELECT 1 AS found FROM task JOIN execution ON execution.number = task.number
WHERE task.tell_ms <= :now_ms AND execution.completed_ms IS NOT NULL LIMIT 1;

-- name: task_told
-- Note that somebody was told, or when to try again.
UPDATE task SET
    tell_ms = CAST(:again_ms AS BIGINT), emails = :emails,
    callback_url = CAST(:callback_url AS TEXT)
WHERE number = :number AND tell_tries = :tries;

-- name: tasks_open
-- Count an application's long tasks that have not ended.
SELECT count(*) AS count FROM task JOIN execution ON execution.number = task.number
WHERE task.application_id = :application_id AND execution.completed_ms IS NULL;
