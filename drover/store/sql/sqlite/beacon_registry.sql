-- name: beacon_worker_page
-- Read workers of some accounts, by account and name.
SELECT * FROM beacon_worker
WHERE (:everybody = 1 OR owner_id IN (SELECT value FROM json_each(:owners)))
  AND (owner_id, worker) > (:after_owner, :after_worker)
ORDER BY owner_id, worker LIMIT :limit;

-- name: beacon_worker_jobs
-- Read the jobs of some accounts that some workers work on.
SELECT number, worker FROM execution
WHERE state IN ('running', 'canceling') AND kind = 'beacon' AND discarded = 0
  AND worker IN (SELECT value FROM json_each(:workers))
  AND (:everybody = 1 OR owner_id IN (SELECT value FROM json_each(:owners)))
ORDER BY number;
