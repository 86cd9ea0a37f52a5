-- name: iterations_waiting_first
-- Read how often the first item to be tried again has lost its worker.
SELECT losses FROM iteration
WHERE execution = :number AND state = 2 AND ready_ms <= :now_ms
ORDER BY ready_ms, resource_id
LIMIT 1;

-- name: iterations_claim_again
-- Begin the next attempt of items that wait for it.
UPDATE iteration SET
    previous = state, state = 1, attempt = attempt + 1, held_by = :fence, ready_ms = NULL,
    started_ms = :now_ms, deadline_ms = :deadline_ms
WHERE execution = :number AND state = 2 AND resource_id IN (
    SELECT resource_id FROM iteration
    WHERE execution = :number AND state = 2 AND ready_ms <= :now_ms AND losses = :losses
    ORDER BY ready_ms, resource_id LIMIT :items)
RETURNING resource_id, attempt, retries;

-- name: iterations_settle_range
-- Apply one acknowledgement to all items of a fresh lease that were never settled.
UPDATE iteration SET
    previous = 0, state = :goal, ready_ms = CAST(:ready_ms AS BIGINT),
    completed_ms = CAST(:completed_ms AS BIGINT), retries = :retries, last_outcome = :outcome,
    attempt = 1, started_ms = :started_ms, message = CAST(:message AS TEXT)
WHERE execution = :number AND resource_id > :after_id AND resource_id <= :upto_id
  AND state = 0 AND fence <= :fence;

-- name: iterations_copy
-- Take over the items of an earlier execution that ended in given states, or never began.
INSERT INTO iteration (execution, resource_id, resource_name)
SELECT :number, resource_id, resource_name FROM iteration
WHERE execution = :source
  AND ((state = 0 AND :unstarted = 1) OR (state = 4 AND :failed = 1)
       OR (state = 5 AND :timed_out = 1))
ON CONFLICT (execution, resource_id) DO NOTHING;

-- name: iterations_await_range
-- Give the items of a chunk that are not settled a deadline; they await their acknowledgement.
UPDATE iteration SET
    previous = state, state = 1, attempt = 1, held_by = CAST(:held_by AS BIGINT),
    started_ms = :started_ms, deadline_ms = :deadline_ms
WHERE execution = :number AND resource_id > :after_id AND resource_id <= :upto_id AND state = 0;

-- name: iterations_release
-- Let go of the items of a lease that await their acknowledgement.
UPDATE iteration SET held_by = NULL
WHERE execution = :number AND deadline_ms IS NOT NULL AND held_by = :fence;

-- name: iterations_lose_range
-- Take back the unsettled items of a fresh lease whose worker is lost.
UPDATE iteration SET
    previous = state,
    state = CASE WHEN losses + :step >= :max_losses THEN 5 ELSE 2 END,
    completed_ms = CASE WHEN losses + :step >= :max_losses THEN CAST(:now_ms AS BIGINT) END,
    message = CASE WHEN losses + :step >= :max_losses THEN CAST(:message AS TEXT) END,
    losses = CASE WHEN :step = 1 AND :size = 1 AND losses < 2 THEN 3 ELSE losses + :step END,
    attempt = CASE WHEN attempt = 0 THEN 1 ELSE attempt END,
    started_ms = coalesce(started_ms, :started_ms),
    fence = :fence, last_outcome = NULL, held_by = NULL, deadline_ms = NULL,
    ready_ms = CASE WHEN losses + :step >= :max_losses THEN NULL ELSE CAST(:now_ms AS BIGINT) END
WHERE execution = :number AND resource_id > :after_id AND resource_id <= :upto_id
  AND (state = 0 OR (state = 1 AND held_by = :held_by))
RETURNING state;

-- name: iterations_lose_held
-- Take back the unsettled items of a lease over further attempts whose worker is lost.
UPDATE iteration SET
    previous = state,
    state = CASE WHEN losses + :step >= :max_losses THEN 5 ELSE 2 END,
    completed_ms = CASE WHEN losses + :step >= :max_losses THEN CAST(:now_ms AS BIGINT) END,
    message = CASE WHEN losses + :step >= :max_losses THEN CAST(:message AS TEXT) END,
    losses = CASE WHEN :step = 1 AND :size = 1 AND losses < 2 THEN 3 ELSE losses + :step END,
    attempt = CASE WHEN attempt = 0 THEN 1 ELSE attempt END,
    started_ms = coalesce(started_ms, :started_ms),
    fence = :fence, last_outcome = NULL, held_by = NULL, deadline_ms = NULL,
    ready_ms = CASE WHEN losses + :step >= :max_losses THEN NULL ELSE CAST(:now_ms AS BIGINT) END
WHERE execution = :number AND deadline_ms IS NOT NULL AND held_by = :held_by
RETURNING state;

-- name: iterations_put_back
-- Hand back the items of a fresh lease that were never begun.
UPDATE iteration SET previous = state, state = 2, ready_ms = CAST(:now_ms AS BIGINT), fence = :fence
WHERE execution = :number AND resource_id > :after_id AND resource_id <= :upto_id AND state = 0
RETURNING resource_id;

-- name: executions_with_due_iterations
-- Read which executions have items whose deadline has passed.
SELECT number FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling') AND in_flight > 0
  AND EXISTS (
      SELECT 1 FROM iteration
      WHERE iteration.execution = execution.number AND iteration.state = 1
        AND iteration.deadline_ms <= :now_ms)
ORDER BY number;

-- name: iterations_time_out
-- End attempts whose deadline has passed: to be tried again while retries are left, or for good.
UPDATE iteration SET
    previous = state,
    state = CASE WHEN retries < :allowed THEN 2 ELSE 5 END,
    ready_ms = CASE WHEN retries < :allowed THEN CAST(:ready_ms AS BIGINT) END,
    completed_ms = CASE WHEN retries < :allowed THEN NULL ELSE CAST(:now_ms AS BIGINT) END,
    retries = CASE WHEN retries < :allowed THEN retries + 1 ELSE retries END,
    last_outcome = 5, held_by = NULL, deadline_ms = NULL,
    accumulator = CAST(:accumulator AS TEXT)
WHERE execution = :number AND state = 1 AND deadline_ms <= :now_ms AND resource_id IN (
    SELECT resource_id FROM iteration
    WHERE execution = :number AND state = 1 AND deadline_ms <= :now_ms
    ORDER BY deadline_ms, resource_id LIMIT :limit)
RETURNING resource_id, attempt, retries, started_ms, state;

-- name: iterations_cut_short
-- Let items that await their acknowledgement be past their deadline now.
UPDATE iteration SET deadline_ms = :now_ms
WHERE execution = :number AND state = 1 AND deadline_ms > :now_ms;

-- name: iterations_settle_waiting
-- Give items that will not be tried again after all the result of their last attempt; those that
-- were never begun stay so.
UPDATE iteration SET
    previous = state,
    state = CASE WHEN attempt = 0 THEN 0 ELSE coalesce(last_outcome, 5) END,
    completed_ms = CASE WHEN attempt > 0 THEN CAST(:now_ms AS BIGINT) END,
    message = CASE WHEN attempt > 0 AND last_outcome IS NULL THEN CAST(:message AS TEXT)
                   ELSE message END,
    ready_ms = NULL
WHERE execution = :number AND state = 2 AND resource_id IN (
    SELECT resource_id FROM iteration
    WHERE execution = :number AND ready_ms IS NOT NULL ORDER BY ready_ms, resource_id LIMIT :limit)
RETURNING state;

-- name: iteration_get
-- Read one item.
SELECT * FROM iteration WHERE execution = :number AND resource_id = :resource_id;

-- name: iterations_reasons
-- Count what the items that failed or timed out say, commonest first.
SELECT state, message, count(*) AS total FROM (
    SELECT state, message FROM iteration
    WHERE execution = :number AND state IN (4, 5)
    ORDER BY resource_id LIMIT :most) AS ended
GROUP BY state, message
ORDER BY total DESC, state, message
LIMIT :limit;

-- name: iterations_page
-- Read items in order of their resources.
SELECT * FROM iteration
WHERE execution = :number AND resource_id > :after_id
ORDER BY resource_id
LIMIT :limit;

-- name: device_documents_fresh
-- Read the resources of a fresh lease; the document is empty where one was deleted.
SELECT iteration.resource_id, resource.document FROM iteration
LEFT JOIN device AS resource
    ON resource.id = iteration.resource_id AND resource.deleted_ms IS NULL
WHERE iteration.execution = :number AND iteration.state = 0
  AND iteration.resource_id > :after_id AND iteration.resource_id <= :upto_id
ORDER BY iteration.resource_id;

-- name: table_row_documents_fresh
-- Read the resources of a fresh lease; the document is empty where one was deleted.
SELECT iteration.resource_id, resource.document FROM iteration
LEFT JOIN table_row AS resource
    ON resource.id = iteration.resource_id
WHERE iteration.execution = :number AND iteration.state = 0
  AND iteration.resource_id > :after_id AND iteration.resource_id <= :upto_id
ORDER BY iteration.resource_id;

-- name: experience_user_documents_fresh
-- Read the resources of a fresh lease; the document is empty where one was deleted.
SELECT iteration.resource_id, resource.document FROM iteration
LEFT JOIN experience_user AS resource
    ON resource.id = iteration.resource_id
WHERE iteration.execution = :number AND iteration.state = 0
  AND iteration.resource_id > :after_id AND iteration.resource_id <= :upto_id
ORDER BY iteration.resource_id;

-- name: experience_group_documents_fresh
-- Read the resources of a fresh lease; the document is empty where one was deleted.
SELECT iteration.resource_id, resource.document FROM iteration
LEFT JOIN experience_group AS resource
    ON resource.id = iteration.resource_id
WHERE iteration.execution = :number AND iteration.state = 0
  AND iteration.resource_id > :after_id AND iteration.resource_id <= :upto_id
ORDER BY iteration.resource_id;

-- name: iterations_last
-- Read the item with the greatest resource id.
SELECT resource_id FROM iteration WHERE execution = :number ORDER BY resource_id DESC LIMIT 1;

-- name: iterations_report
-- Read items in order of their resources with the columns of a report.
SELECT resource_id, resource_name, state, attempt, message, accumulator, started_ms, completed_ms
FROM iteration
WHERE execution = :number AND resource_id > :after_id
ORDER BY resource_id
LIMIT :limit;
