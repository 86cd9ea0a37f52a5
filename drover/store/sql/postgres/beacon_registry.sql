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

-- name: beacon_queues
-- Count the jobs of some accounts that wait, by beacon.
SELECT queue AS name, count(*) AS queued FROM (
    SELECT queue FROM execution
    WHERE state = 'queued' AND queue IS NOT NULL AND discarded = 0
      AND (CAST(:everybody AS INTEGER) = 1 OR owner_id = ANY(CAST(:owners AS TEXT[])))
    LIMIT :most) AS waiting
GROUP BY queue ORDER BY queue;

-- name: beacon_waiting
-- Read the jobs of some accounts that wait for a beacon, in the order they are taken in.
SELECT number FROM execution
WHERE state = 'queued' AND queue = :name AND discarded = 0
  AND (CAST(:everybody AS INTEGER) = 1 OR owner_id = ANY(CAST(:owners AS TEXT[])))
ORDER BY priority DESC, due_ms, number LIMIT :limit;

-- name: beacon_worked_on
-- Read the jobs of some accounts and a beacon that somebody works on.
SELECT number FROM execution
WHERE state IN ('queued', 'running', 'paused', 'failing', 'canceling')
  AND state IN ('running', 'canceling') AND kind = 'beacon' AND queue = :name AND discarded = 0
  AND (CAST(:everybody AS INTEGER) = 1 OR owner_id = ANY(CAST(:owners AS TEXT[])))
ORDER BY number LIMIT :limit;
