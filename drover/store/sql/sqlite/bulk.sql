-- name: bulk_left
-- Find a bulk operation that nobody goes on with.
SELECT number FROM execution
WHERE kind IN (SELECT value FROM json_each(:kinds)) AND status = 'in_progress' AND lease_until_ms < :now_ms
ORDER BY number LIMIT 1;
