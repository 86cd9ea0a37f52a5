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
    callback_url, callback_due_ms, schedule
) VALUES (
    :number, :user_number, :user_guid, :tasks, :steps, :lease_ms, :labels, :unique_key,
    :unique_until_ms, :callback_url, :callback_due_ms, :schedule
);

-- name: beacon_by_unique_key
-- Read the number of the job that holds a key.
SELECT number FROM execution WHERE job_id = :unique_in AND unique_key = :unique_key;

-- name: beacon_free_key
-- Free a key whose time is over.
UPDATE execution SET unique_key = NULL
WHERE job_id = :unique_in AND unique_key = :unique_key
  AND number IN (SELECT number FROM beacon_job WHERE unique_until_ms <= :now_ms);

-- name: beacon_get
-- Read a beacon job with all that belongs to it.
SELECT execution.*, job.user_number, job.user_guid, job.tasks, job.steps, job.labels,
    job.unique_key AS given_key, job.callback_url, job.lease_ms AS asked_lease_ms,
    0 AS paused, schedule.active
FROM execution
JOIN beacon_job AS job ON job.number = execution.number
LEFT JOIN schedule ON execution.kind = 'beacon_template'
    AND schedule.kind = 'beacon' AND schedule.ref = CAST(execution.number AS TEXT)
WHERE execution.number = :number
  AND (execution.discarded = 0 OR execution.kind = 'beacon_template');

-- name: beacon_save
-- Write what was done to a job, unless it has changed hands or state since it was seen.
UPDATE execution SET
    state = :state, queued_ms = :queued_ms, due_ms = :due_ms, picked_ms = :picked_ms,
    started_ms = :started_ms, completed_ms = :completed_ms, step = :step, result = :result,
    error = :error, worker = :worker, lease_ms = :lease_ms, lease_until_ms = :lease_until_ms,
    ends_ms = :ends_ms, tries = :tries, fence = :fence
WHERE number = :number AND state = :seen_state AND fence = :seen_fence;

-- name: beacon_put_clock
-- Give jobs that are to be cancelled and have no lease one that ends.
UPDATE execution SET lease_until_ms = :until_ms
WHERE state = 'canceling' AND kind = 'beacon' AND lease_until_ms IS NULL;
