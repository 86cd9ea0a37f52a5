-- name: execution_add
-- Store a new execution; nothing comes back when its unique key is taken within the job.
INSERT INTO execution (
    id, kind, name, application_id, owner_id, job_id, state, detail, error, source_type, source_id,
    retry_of, unique_key, requested_ms, due_ms, deadline_ms, queue, priority, concurrency, delay_ms,
    timeout_ms, retry_on_timeout, retry_on_failure, max_retries, retry_delay_ms, total
) VALUES (
    :id, :kind, :name, :application_id, :owner_id, :job_id, :state, :detail, :error, :source_type,
    :source_id, :retry_of, :unique_key, :requested_ms, :due_ms, :deadline_ms, :queue, :priority,
    :concurrency, :delay_ms, :timeout_ms, :retry_on_timeout, :retry_on_failure, :max_retries,
    :retry_delay_ms, :total
)
ON CONFLICT (job_id, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
RETURNING *;

-- name: execution_by_id
-- Read an execution by its 24-hex id.
SELECT * FROM execution WHERE id = :id;

-- name: execution_by_number
-- Read an execution by its integer id.
SELECT * FROM execution WHERE number = :number;

-- name: execution_by_unique_key
-- Read the execution of a job that was asked for with a key.
SELECT * FROM execution WHERE job_id = :job_id AND unique_key = :unique_key;

-- name: executions_of_job
-- Read a job's executions, newest first.
SELECT * FROM execution
WHERE job_id = :job_id AND requested_ms >= :since_ms
ORDER BY number DESC
LIMIT :limit OFFSET :offset;

-- name: count_open_executions
-- Count a job's executions that have not ended.
SELECT count(*) AS count FROM execution
WHERE job_id = :job_id AND state IN ('queued', 'running', 'paused', 'failing', 'canceling');

-- name: count_executions
-- Count a job's executions.
SELECT count(*) AS count FROM execution WHERE job_id = :job_id;

-- name: executions_open_of_job
-- Read a job's executions that have not ended.
SELECT * FROM execution
WHERE job_id = :job_id AND state IN ('queued', 'running', 'paused', 'failing', 'canceling')
ORDER BY number;

-- name: executions_open_of_application
-- Read an application's executions that have not ended.
SELECT * FROM execution
WHERE application_id = :application_id
  AND state IN ('queued', 'running', 'paused', 'failing', 'canceling')
ORDER BY number;

-- name: iterations_forget
-- Delete the items of a job's executions that have ended.
DELETE FROM iteration WHERE execution IN (
    SELECT number FROM execution
    WHERE job_id = :job_id AND state IN ('succeeded', 'failed', 'canceled'));

-- name: executions_forget
-- Delete a job's executions that have ended.
DELETE FROM execution WHERE job_id = :job_id AND state IN ('succeeded', 'failed', 'canceled');

-- name: execution_planned
-- Begin an execution whose items are all stored.
UPDATE execution SET
    state = 'running', started_ms = :now_ms, worker = NULL, lease_until_ms = NULL,
    total = (SELECT count(*) FROM iteration WHERE iteration.execution = execution.number)
WHERE number = :number AND state = 'queued'
RETURNING *;

-- name: executions_claimable
-- Read running executions with something to claim now, the one served longest ago first.
-- What looks after open executions names them as the index of these does, and wants no index of
-- kinds: an ended one is never looked at, however many there are.
SELECT * FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
  AND state = 'running' AND coalesce(kind, '') = :kind AND next_claim_ms <= :now_ms
  AND (in_flight < concurrency OR in_flight - (
       SELECT coalesce(sum(items), 0) FROM lease_ahead
       WHERE lease_ahead.execution = execution.number) < concurrency)
  AND ((claimed < total AND (concurrency > 1 OR waiting = 0))
       OR (waiting > 0 AND EXISTS (
           SELECT 1 FROM iteration
           WHERE iteration.execution = execution.number AND iteration.state = 2
             AND iteration.ready_ms <= :now_ms)))
ORDER BY served_ms, number
LIMIT :limit;

-- name: executions_next_ms
-- Read when the next item may be claimed of those that are not to be claimed yet.
SELECT min(CASE
    WHEN claimed < total AND (concurrency > 1 OR waiting = 0) THEN next_claim_ms
    ELSE (SELECT min(CASE WHEN ready_ms > next_claim_ms THEN ready_ms ELSE next_claim_ms END)
          FROM iteration WHERE iteration.execution = execution.number AND iteration.ready_ms IS NOT NULL)
END) AS next_ms
FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
  AND state = 'running' AND (claimed < total OR waiting > 0)
  AND (in_flight < concurrency OR in_flight - (
       SELECT coalesce(sum(items), 0) FROM lease_ahead
       WHERE lease_ahead.execution = execution.number) < concurrency);

-- name: executions_closable
-- Read open executions with nothing left to run.
SELECT * FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
  AND coalesce(kind, '') = :kind AND in_flight = 0
  AND ((state = 'running' AND waiting = 0 AND claimed = total)
       OR state IN ('failing', 'canceling'))
ORDER BY number
LIMIT :limit;

-- name: executions_overdue
-- Read open executions that are past their deadline, or paused for too long.
SELECT * FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
  AND ((state IN ('queued', 'running', 'paused') AND deadline_ms <= :now_ms)
    OR (state = 'paused' AND paused_until_ms <= :now_ms))
ORDER BY number;

-- name: execution_raise_fence
-- Raise the fence and hold the execution until the end of the transaction.
UPDATE execution SET fence = fence + 1 WHERE number = :number RETURNING *;

-- name: execution_count
-- Move items between the counts of an execution.
UPDATE execution SET
    succeeded = succeeded + :succeeded,
    failed = failed + :failed,
    timed_out = timed_out + :timed_out,
    in_flight = in_flight + :in_flight,
    waiting = waiting + :waiting,
    accumulator = coalesce(CAST(:accumulator AS TEXT), accumulator),
    next_claim_ms = coalesce(CAST(:next_claim_ms AS BIGINT), next_claim_ms)
WHERE number = :number
RETURNING *;

-- name: execution_claim_new
-- Take the next items in order: the cursor moves past them, the fence rises.
UPDATE execution SET
    claim_after = claim_cursor,
    claim_cursor = (
        SELECT max(resource_id) FROM (
            SELECT resource_id FROM iteration
            WHERE iteration.execution = execution.number
              AND iteration.resource_id > execution.claim_cursor
            ORDER BY resource_id LIMIT :items
        ) AS following),
    claimed = claimed + :items,
    in_flight = in_flight + :items,
    fence = fence + 1,
    next_claim_ms = :now_ms + delay_ms,
    served_ms = :now_ms
WHERE number = :number AND state = 'running' AND next_claim_ms <= :now_ms
  AND (in_flight + :places - (
       SELECT coalesce(sum(items), 0) FROM lease_ahead
       WHERE lease_ahead.execution = execution.number) <= concurrency OR :places = 0)
  AND claimed + :items <= total
  AND (concurrency > 1 OR waiting = 0)
RETURNING *;

-- name: lease_landed
-- Count the items of a fresh lease that have given up their places.
SELECT count(iteration.resource_id) AS landed FROM lease
LEFT JOIN iteration ON iteration.execution = lease.execution
    AND iteration.resource_id > lease.after_id AND iteration.resource_id <= lease.upto_id
    AND (iteration.state > 1 OR iteration.attempt > 1)
WHERE lease.execution = :number AND lease.fence = :fence
GROUP BY lease.fence;

-- name: execution_claim_again
-- Begin to take items that wait to be tried again: the fence rises.
UPDATE execution SET
    fence = fence + 1, next_claim_ms = :now_ms + delay_ms, served_ms = :now_ms
WHERE number = :number AND state = 'running' AND next_claim_ms <= :now_ms
  AND in_flight - (
       SELECT coalesce(sum(items), 0) FROM lease_ahead
       WHERE lease_ahead.execution = execution.number) < concurrency
  AND waiting > 0
RETURNING *;

-- name: lease_add
-- Note who runs which items until when.
INSERT INTO lease (
    execution, fence, again, after_id, upto_id, size, worker, started_ms, until_ms, expose_ms,
    after_fence
) VALUES (
    :number, :fence, :again, :after_id, :upto_id, :size, :worker, :now_ms, :until_ms, :expose_ms,
    :after_fence
);

-- name: leases_ahead_shrink
-- Count anew the items of leases that wait for another: of those given, some ended before they began.
UPDATE lease SET size = (
    SELECT count(*) FROM iteration
    WHERE iteration.execution = lease.execution AND iteration.resource_id > lease.after_id
      AND iteration.resource_id <= lease.upto_id AND iteration.state = 0)
WHERE execution = :number AND again = 0 AND upto_id >= :first_id AND after_id < :last_id
  AND EXISTS (
    SELECT 1 FROM lease AS before
    WHERE before.execution = lease.execution AND before.fence = lease.after_fence);

-- name: lease_end
-- Give up a lease that is still held.
DELETE FROM lease WHERE execution = :number AND fence = :fence RETURNING fence;

-- name: leases_expired
-- Read leases that were not renewed in time.
SELECT * FROM lease WHERE until_ms < :now_ms ORDER BY until_ms, execution, fence LIMIT :limit;

-- name: lease_expire
-- Take a lease away, unless it was renewed meanwhile.
DELETE FROM lease WHERE execution = :number AND fence = :fence AND until_ms < :now_ms
RETURNING fence;

-- name: leases_behind
-- Read leases that were claimed ahead of the end of another.
SELECT * FROM lease WHERE execution = :number AND after_fence = :fence;

-- name: leases_to_expose
-- Read leases whose items are past their timeout although the chunk still runs.
SELECT * FROM lease WHERE expose_ms <= :now_ms;

-- name: leases_due_to_expose
-- Tell whether items of a lease are past their timeout although the chunk still runs.
SELECT 1 AS found FROM lease WHERE expose_ms <= :now_ms LIMIT 1;

-- name: leases_cut_short
-- Let the items of an execution's leases be past their timeout now.
UPDATE lease SET expose_ms = :now_ms WHERE execution = :number AND expose_ms > :now_ms;

-- name: lease_exposed
-- Note that the items of a lease have deadlines of their own now.
UPDATE lease SET expose_ms = NULL WHERE execution = :number AND fence = :fence;

-- name: execution_count_and_claim
-- Move items between the counts and take the next ones in order, when there is nothing in the way.
UPDATE execution SET
    succeeded = succeeded + :succeeded,
    failed = failed + :failed,
    accumulator = coalesce(CAST(:accumulator AS TEXT), accumulator),
    claim_after = claim_cursor,
    claim_cursor = (
        SELECT max(resource_id) FROM (
            SELECT resource_id FROM iteration
            WHERE iteration.execution = execution.number
              AND iteration.resource_id > execution.claim_cursor
            ORDER BY resource_id LIMIT :items
        ) AS following),
    claimed = claimed + :items,
    in_flight = in_flight + :in_flight + :items,
    fence = fence + 1,
    next_claim_ms = :now_ms,
    served_ms = :now_ms
WHERE number = :number AND state = 'running' AND waiting = 0 AND delay_ms = 0
  AND (in_flight + :in_flight + :items <= concurrency OR :in_flight + :items <= :spare)
  AND claimed + :items <= total
RETURNING *;

-- name: lease_replace
-- Put the lease over the next chunk in the place of one that is over.
UPDATE lease SET
    fence = :fence, again = :again, after_id = :after_id, upto_id = :upto_id, size = :size,
    started_ms = :now_ms, until_ms = :until_ms, expose_ms = :expose_ms,
    after_fence = CAST(:after_fence AS BIGINT)
WHERE execution = :number AND fence = :old_fence AND worker = :worker;

-- name: open_depths
-- Count what is open: executions by state, their items, leases and firings.
SELECT 'executions_' || state AS name, count(*) AS items FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
GROUP BY state
UNION ALL
SELECT 'items_in_flight', CAST(coalesce(sum(in_flight), 0) AS BIGINT) FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
UNION ALL
SELECT 'items_waiting', CAST(coalesce(sum(waiting), 0) AS BIGINT) FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
UNION ALL
SELECT 'items_to_begin', CAST(coalesce(sum(total - claimed), 0) AS BIGINT) FROM execution
WHERE state IN ('running', 'paused')
UNION ALL
SELECT 'leases', count(*) FROM lease
UNION ALL
SELECT 'firings', count(*) FROM firing;

-- name: execution_next_retry
-- Read when the next item of an execution is to be tried again.
SELECT min(ready_ms) AS ready_ms FROM iteration
WHERE execution = :number AND ready_ms IS NOT NULL;
