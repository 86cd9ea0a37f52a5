-- name: beacon_worker_page
-- Read workers of some accounts, by account and name.
SELECT * FROM beacon_worker
WHERE (CAST(:everybody AS INTEGER) = 1 OR owner_id = ANY(CAST(:owners AS TEXT[])))
  AND (owner_id, worker) > (CAST(:after_owner AS TEXT), CAST(:after_worker AS TEXT))
ORDER BY owner_id, worker LIMIT :limit;

-- name: beacon_worker_jobs
-- Read the jobs of some accounts that some workers work on.
SELECT number, worker FROM execution
WHERE state IN ('running', 'canceling') AND kind = 'beacon' AND discarded = 0
  AND worker = ANY(CAST(:workers AS TEXT[]))
  AND (CAST(:everybody AS INTEGER) = 1 OR owner_id = ANY(CAST(:owners AS TEXT[])))
ORDER BY number;
