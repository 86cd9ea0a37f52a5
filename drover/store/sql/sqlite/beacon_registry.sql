-- name: beacon_worker_page
-- Read workers of some accounts, by account and name.
SELECT * FROM beacon_worker
WHERE (:everybody = 1 OR owner_id IN (SELECT value FROM json_each(:owners)))
  AND (owner_id, worker) > (:after_owner, :after_worker)
ORDER BY owner_id, worker LIMIT :limit;

-- name: beacon_worker_jobs
-- Read the jobs of some accounts that some workers work on.
SELECT number, worker FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')  -- the words of the index
  AND state IN ('running', 'canceling') AND kind = 'beacon' AND discarded = 0
  AND worker IN (SELECT value FROM json_each(:workers))
  AND (:everybody = 1 OR owner_id IN (SELECT value FROM json_each(:owners)))
ORDER BY number;

-- name: beacon_queues
-- Count the jobs of some accounts that wait, by beacon.
SELECT queue AS name, count(*) AS queued FROM (
    SELECT queue FROM execution
    WHERE state = 'queued' AND queue IS NOT NULL AND discarded = 0
      AND (:everybody = 1 OR owner_id IN (SELECT value FROM json_each(:owners)))
    LIMIT :most) AS waiting
GROUP BY queue ORDER BY queue;

-- name: beacon_waiting
-- Read the jobs of some accounts that wait for a beacon, in the order they are taken in.
SELECT number FROM execution
WHERE state = 'queued' AND queue = :name AND discarded = 0
  AND (:everybody = 1 OR owner_id IN (SELECT value FROM json_each(:owners)))
ORDER BY priority DESC, due_ms, number LIMIT :limit;

-- name: beacon_worked_on
-- Read the jobs of some accounts and a beacon that somebody works on.
SELECT number FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
  AND state IN ('running', 'canceling') AND kind = 'beacon' AND queue = :name AND discarded = 0
  AND (:everybody = 1 OR owner_id IN (SELECT value FROM json_each(:owners)))
ORDER BY number LIMIT :limit;
