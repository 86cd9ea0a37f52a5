-- name: execution_move
-- Move an execution to another state, if it stands where that is allowed.
UPDATE execution SET
    state = CAST(:goal AS TEXT),
    error = CASE WHEN :sets_error = 1 THEN CAST(:error AS TEXT) ELSE error END,
    cancel_requested = CASE WHEN CAST(:goal AS TEXT) = 'canceling' THEN 1 ELSE cancel_requested END,
    cancel_source_type = coalesce(CAST(:cancel_source_type AS TEXT), cancel_source_type),
    cancel_source_id = coalesce(CAST(:cancel_source_id AS TEXT), cancel_source_id),
    paused_until_ms = CAST(:paused_until_ms AS BIGINT),
    -- Whoever was choosing its resources found it paused and gave up: the next may begin at once.
    lease_until_ms = CASE WHEN kind = 'resource_job' AND CAST(:goal AS TEXT) = 'queued' THEN NULL
                          ELSE lease_until_ms END,
    completed_ms = CAST(:completed_ms AS BIGINT)
WHERE number = :number AND state IN (SELECT unnest(:before::text[]))
RETURNING *;

-- name: execution_close
-- End an execution that has nothing left to run; one that never began is counted now.
UPDATE execution SET
    state = CAST(:goal AS TEXT), completed_ms = :now_ms,
    total = CASE WHEN started_ms IS NULL AND kind = 'resource_job'
        THEN (SELECT count(*) FROM iteration WHERE iteration.execution = execution.number)
        ELSE total END,
    report_key = coalesce(CAST(:report_key AS TEXT), report_key)
WHERE number = :number AND state IN (SELECT unnest(:before::text[])) AND in_flight = 0 AND waiting = 0
  AND (CAST(:goal AS TEXT) <> 'succeeded' OR claimed = total)
RETURNING *;

-- name: execution_claim_plan
-- Take one execution that is due and not being planned by a living worker.
UPDATE execution SET tries = tries + 1, worker = :worker, lease_until_ms = :until_ms
WHERE state = 'queued' AND number = (
    SELECT number FROM execution
    WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
      AND state = 'queued' AND coalesce(kind, '') = :kind AND due_ms <= :now_ms
      AND (lease_until_ms IS NULL OR lease_until_ms < :now_ms)
    ORDER BY priority DESC, due_ms, number LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *;

-- name: execution_hold
-- Read an execution, how much of it is claimed ahead, and keep others from claiming meanwhile.
SELECT *, (
    SELECT coalesce(sum(items), 0) FROM lease_ahead
    WHERE lease_ahead.execution = execution.number) AS ahead
FROM execution WHERE number = :number FOR NO KEY UPDATE;

-- name: leases_renew
-- Renew leases that are still held.
UPDATE lease SET until_ms = :until_ms
WHERE worker = :worker AND (execution, fence) IN (
    SELECT (pair ->> 0)::bigint, (pair ->> 1)::bigint FROM jsonb_array_elements(:leases::jsonb) AS pair)
RETURNING execution, fence;

-- name: execution_under_lease
-- Read an execution, whether a lease is still held, and the clock.
SELECT execution.*, (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms, lease.fence AS held
FROM execution
LEFT JOIN lease ON lease.execution = execution.number AND lease.fence = :fence
WHERE execution.number = :number;
