-- name: inventory_cancel
-- Cancel jobs that have not ended: at once what has not begun, the rest when it can stop.
UPDATE execution SET
    state = CASE WHEN state IN ('new', 'queued') THEN 'canceled' ELSE 'canceling' END,
    completed_ms = CASE WHEN state IN ('new', 'queued') THEN CAST(:now_ms AS BIGINT) END,
    cancel_requested = 1, paused_until_ms = NULL,
    cancel_source_type = coalesce(cancel_source_type, :source_type),
    cancel_source_id = coalesce(cancel_source_id, :source_id)
WHERE number = ANY(CAST(:numbers AS bigint[]))
  AND state IN ('new', 'queued', 'running', 'paused', 'failing', 'canceling')
RETURNING number, status, kind;

-- name: inventory_discard
-- Show jobs no more.
UPDATE execution SET discarded = 1 WHERE number = ANY(CAST(:numbers AS bigint[]));

-- name: inventory_purge_items
-- Delete some items of jobs that are to be deleted.
DELETE FROM iteration WHERE (execution, resource_id) IN (
    SELECT execution, resource_id FROM iteration WHERE execution = ANY(CAST(:numbers AS bigint[])) LIMIT :limit);

-- name: inventory_purge
-- Delete jobs.
DELETE FROM execution WHERE number = ANY(CAST(:numbers AS bigint[]));
