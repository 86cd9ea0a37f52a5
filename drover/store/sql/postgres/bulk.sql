-- name: bulk_left
-- Find a bulk operation that nobody goes on with.
SELECT number FROM execution
WHERE kind = ANY(CAST(:kinds AS text[])) AND status = 'in_progress' AND lease_until_ms < :now_ms
ORDER BY number LIMIT 1 FOR UPDATE SKIP LOCKED;
