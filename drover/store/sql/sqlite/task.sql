-- name: task_claim
-- Take one long task that waits, or whose server fell silent.
UPDATE execution SET
    state = CASE state WHEN 'queued' THEN 'running' ELSE state END,
    worker = :worker, lease_until_ms = :until_ms, fence = fence + 1, tries = tries + 1,
    started_ms = coalesce(started_ms, :now_ms)
WHERE number = (
    SELECT number FROM execution
    WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
      AND kind IN (SELECT value FROM json_each(:kinds)) AND state <> 'paused'
      AND due_ms <= :now_ms AND (lease_until_ms IS NULL OR lease_until_ms <= :now_ms)
    ORDER BY number LIMIT 1)
RETURNING *;

-- name: task_hold
-- Read a long task whose fence still stands, and keep others from changing it.
SELECT * FROM execution WHERE number = :number AND fence = :fence;

-- name: tasks_claim_telling
-- Take some ends of long tasks that somebody is to be told of.
UPDATE task SET tell_ms = :until_ms, tell_tries = tell_tries + 1
WHERE number IN (
    SELECT task.number FROM task JOIN execution ON execution.number = task.number
    WHERE task.tell_ms <= :now_ms AND execution.completed_ms IS NOT NULL
    ORDER BY task.tell_ms LIMIT :limit)
RETURNING number;

-- name: task_runs_by_day
-- Add up runs of one kind that ended within a span: by day and how they ended, in begun minutes.
SELECT
    execution.completed_ms / 86400000 * 86400000 AS day_ms,
    CASE WHEN execution.state = 'succeeded' THEN '' ELSE coalesce(task.error_name, '') END AS ended,
    count(*) AS runs,
    sum(coalesce((execution.completed_ms - execution.started_ms + 59999) / 60000, 0)) AS minutes
FROM task JOIN execution ON execution.number = task.number
WHERE task.application_id IN (SELECT value FROM json_each(:application_ids))
    AND execution.kind = :kind
    AND (CAST(:resource_id AS TEXT) IS NULL OR task.resource_id = CAST(:resource_id AS TEXT))
    AND execution.completed_ms >= :start_ms AND execution.completed_ms < :end_ms
GROUP BY 1, 2;
