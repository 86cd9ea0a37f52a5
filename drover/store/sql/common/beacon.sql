-- name: beacon_execution_add
-- Store the execution of a beacon job; nothing comes back when its unique key is taken.
INSERT INTO execution (
    id, kind, name, owner_id, job_id, state, detail, source_type, source_id, retry_of, unique_key,
    requested_ms, due_ms, queued_ms, queue, priority, concurrency, delay_ms, timeout_ms,
    retry_on_timeout, retry_on_failure, max_retries, retry_delay_ms, discarded
) VALUES (
    :id, :kind, :name, :owner_id, :unique_in, :state, '{}', :source_type, :source_id, :duplicate_of,
    :unique_key, :now_ms, :due_ms, :queued_ms, :beacon_name, :priority, 0, 0, :timeout_ms,
    0, 0, :max_retries, :retry_delay_ms, :discarded
)
ON CONFLICT (job_id, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
RETURNING number;

-- name: beacon_job_add
-- Store what is particular to a beacon job.
INSERT INTO beacon_job (
    number, user_number, user_guid, tasks, steps, lease_ms, labels, unique_key, unique_until_ms,
    callback_url, callback_host
) VALUES (
    :number, :user_number, :user_guid, :tasks, :steps, :lease_ms, :labels, :unique_key,
    :unique_until_ms, :callback_url, :callback_host
);

-- name: beacon_by_unique_key
-- Read the number of the job that holds a key.
SELECT number FROM execution WHERE job_id = :unique_in AND unique_key = :unique_key;

-- name: beacon_free_key
-- Free a key whose time is over, or that of a job that is shown no more and still ends.
UPDATE execution SET unique_key = NULL
WHERE job_id = :unique_in AND unique_key = :unique_key
  AND (discarded = 1 AND kind <> 'beacon_template'
       OR number IN (SELECT number FROM beacon_job WHERE unique_until_ms <= :now_ms));

-- name: beacon_get
-- Read a beacon job with all that belongs to it, in the order of the model.
SELECT execution.number, execution.id, execution.kind, execution.name, execution.owner_id,
    job.user_number, job.user_guid, execution.queue AS beacon_name, execution.state, job.tasks,
    job.steps, execution.step, execution.requested_ms, execution.queued_ms, execution.due_ms,
    execution.picked_ms, execution.started_ms, execution.completed_ms, execution.result,
    execution.error, execution.retry_of AS duplicate_of, execution.cancel_requested,
    execution.priority, execution.tries, execution.max_retries + 1 AS max_attempts,
    execution.retry_delay_ms, execution.timeout_ms, job.lease_ms AS asked_lease_ms,
    execution.lease_ms, execution.lease_until_ms, execution.ends_ms, execution.worker,
    execution.fence, job.labels, job.unique_key, job.callback_url,
    schedule.active, schedule.next_due_ms, schedule.last_due_ms, 0 AS paused
FROM execution
JOIN beacon_job AS job ON job.number = execution.number
LEFT JOIN schedule ON execution.kind = 'beacon_template'
    AND schedule.kind = 'beacon' AND schedule.ref = CAST(execution.number AS TEXT)
WHERE execution.number = :number
  AND (execution.discarded = 0 OR execution.kind = 'beacon_template');

-- name: beacon_untaken
-- Read which jobs of a beacon nobody has, up to a bound: those that are queued, and all others.
SELECT number FROM (
    SELECT number FROM execution WHERE state = 'queued' AND queue = :name
    ORDER BY priority DESC, due_ms, number LIMIT :limit) AS queued
UNION ALL
SELECT number FROM (
    SELECT number FROM execution WHERE coalesce(picked_ms, 0) = 0 AND state <> 'queued' AND queue = :name
    ORDER BY number LIMIT :limit) AS other;

-- name: beacon_before_untaken
-- Read a number that all jobs of a beacon which nobody has come at or after, looking at few: the first
-- of those that wait. (The order is told so that PostgreSQL cannot but walk the index of that order.)
SELECT min(number) AS number FROM (
    SELECT coalesce(min(CASE WHEN queue = :name THEN number END), max(number)) AS number FROM (
        SELECT kind, status, number, queue FROM execution
        WHERE (kind, status, number) > ('beacon', 'new', 0)
        ORDER BY kind, status, number LIMIT :limit) AS waiting
    WHERE kind = 'beacon' AND status = 'new'
    UNION ALL
    SELECT number FROM (
        SELECT number FROM execution WHERE coalesce(picked_ms, 0) = 0 AND state <> 'queued' AND queue = :name
        ORDER BY number LIMIT 1) AS other) AS untaken;

-- name: beacon_renew
-- Write what a worker tells of a job it keeps, unless it has changed since: no index of states moves.
UPDATE execution SET
    started_ms = :started_ms, step = :step, lease_until_ms = :lease_until_ms
WHERE number = :number AND state = :seen_state AND fence = :seen_fence AND step = :seen_step
  AND coalesce(started_ms, 0) = :seen_started_ms
  AND coalesce(lease_until_ms, 0) = :seen_lease_until_ms
  AND discarded <= CAST(:discarded AS INTEGER);

-- name: beacon_save
-- Write what was done to a job, one of several, unless it has changed since it was seen; tell its place.
UPDATE execution SET
    state = :state, queued_ms = :queued_ms, due_ms = :due_ms, picked_ms = :picked_ms,
    started_ms = :started_ms, completed_ms = :completed_ms, step = :step, result = :result,
    error = :error, worker = :worker, lease_ms = :lease_ms, lease_until_ms = :lease_until_ms,
    ends_ms = :ends_ms, tries = :tries, fence = :fence
WHERE number = :number AND state = :seen_state AND fence = :seen_fence AND step = :seen_step
  AND coalesce(started_ms, 0) = :seen_started_ms
  AND coalesce(lease_until_ms, 0) = :seen_lease_until_ms
  AND discarded <= CAST(:discarded AS INTEGER)
RETURNING CAST(:place AS BIGINT) AS place;

-- name: beacon_put_clock
-- Give jobs that are to be cancelled and have no lease one that ends.
UPDATE execution SET lease_until_ms = :until_ms
WHERE state = 'canceling' AND kind = 'beacon' AND lease_until_ms IS NULL;

-- name: beacon_log_count
-- Count lines that were added to a job's log, or dropped from it, and read how large it is.
UPDATE beacon_job SET
    log_lines = log_lines + :lines,
    log_bytes = log_bytes + :bytes,
    log_dropped = CASE WHEN :dropped > log_dropped THEN :dropped ELSE log_dropped END
WHERE number = :number
RETURNING log_lines, log_bytes;

-- name: beacon_log_ends
-- Read the place of the last line of a job's log, and that of the last one dropped.
SELECT log_dropped AS dropped, (
    SELECT max(seq) FROM beacon_log WHERE beacon_log.number = beacon_job.number) AS last
FROM beacon_job WHERE number = :number;

-- name: beacon_log_before_last
-- Read the place before so many last lines of a job's log; none where there are no more lines.
SELECT seq FROM beacon_log WHERE number = :number ORDER BY seq DESC LIMIT 1 OFFSET :count;

-- name: beacon_log_page
-- Read lines of a job's log from after a place on.
SELECT seq, at_ms, line FROM beacon_log
WHERE number = :number AND seq > :after ORDER BY seq LIMIT :limit;

-- name: beacon_setting_put
-- Note what is set for a beacon; what is not given stays.
INSERT INTO beacon_setting (name, owner_id, paused, lease_ms)
VALUES (:name, :owner_id, coalesce(CAST(:paused AS INTEGER), 0), :lease_ms)
ON CONFLICT (name, owner_id) DO UPDATE SET
    paused = coalesce(CAST(:paused AS INTEGER), beacon_setting.paused),
    lease_ms = coalesce(excluded.lease_ms, beacon_setting.lease_ms);

-- name: beacon_settings
-- Read what is set for beacons, by name; for all accounts first.
SELECT name, owner_id, paused, lease_ms FROM beacon_setting ORDER BY name, owner_id;

-- name: beacon_callback_done
-- Forget a callback that was delivered or given up, if it is still ours.
UPDATE beacon_job SET callback_due_ms = NULL
WHERE number = :number AND callback_tries = :tries;

-- name: beacon_callback_again
-- Put a callback off, if it is still ours.
UPDATE beacon_job SET callback_due_ms = :due_ms
WHERE number = :number AND callback_tries = :tries;

-- name: beacon_callback_hosts
-- Read who is to be called now, in order from after one on: a step of the index for each receiver.
WITH RECURSIVE receiver (host) AS (
    SELECT min(callback_host) FROM beacon_job
    WHERE callback_due_ms IS NOT NULL AND callback_host > :after
    UNION ALL
    SELECT (
        SELECT min(callback_host) FROM beacon_job
        WHERE callback_due_ms IS NOT NULL AND callback_host > receiver.host)
    FROM receiver WHERE receiver.host IS NOT NULL
)
SELECT host FROM receiver
WHERE host IS NOT NULL AND EXISTS (
    SELECT 1 FROM beacon_job JOIN execution ON execution.number = beacon_job.number
    WHERE beacon_job.callback_host = receiver.host AND beacon_job.callback_due_ms <= :now_ms
      AND execution.completed_ms IS NOT NULL AND execution.discarded = 0)
LIMIT :limit;
