-- name: postgres_beacon_add
-- Store a beacon job in both its tables by one statement; nothing comes back when its key is taken.
WITH made AS (
    INSERT INTO execution (
        id, kind, name, owner_id, job_id, state, detail, source_type, source_id, retry_of,
        unique_key, requested_ms, due_ms, queued_ms, queue, priority, concurrency, delay_ms,
        timeout_ms, retry_on_timeout, retry_on_failure, max_retries, retry_delay_ms, discarded
    ) VALUES (
        :id, :kind, :name, :owner_id, :unique_in, :state, '{}', :source_type, :source_id,
        :duplicate_of, :unique_key, :now_ms, :due_ms, :queued_ms, :beacon_name, :priority, 0, 0,
        :timeout_ms, 0, 0, :max_retries, :retry_delay_ms, :discarded
    )
    ON CONFLICT (job_id, unique_key) WHERE unique_key IS NOT NULL DO NOTHING
    RETURNING number
)
INSERT INTO beacon_job (
    number, user_number, user_guid, tasks, steps, lease_ms, labels, unique_key, unique_until_ms,
    callback_url, callback_host
)
SELECT number, CAST(:user_number AS BIGINT), CAST(:user_guid AS TEXT), CAST(:tasks AS TEXT),
    CAST(:steps AS BIGINT), CAST(:lease_ms AS BIGINT), CAST(:labels AS TEXT),
    CAST(:shown_key AS TEXT), CAST(:unique_until_ms AS BIGINT), CAST(:callback_url AS TEXT),
    CAST(:callback_host AS TEXT)
FROM made
RETURNING number;

-- name: postgres_beacon_hold_keys
-- Keep others from holding some keys before the end of the transaction, in one order for everybody.
SELECT pg_advisory_xact_lock(place) FROM (
    SELECT DISTINCT hashtextextended(wanted, 20) AS place FROM unnest(:keys::text[]) AS wanted
    ORDER BY place) AS places;

-- name: beacon_hold
-- Read a beacon job and keep others from changing it until the end of the transaction.
SELECT execution.number, execution.id, execution.kind, execution.name, execution.owner_id,
    job.user_number, job.user_guid, execution.queue AS beacon_name, execution.state, job.tasks,
    job.steps, execution.step, execution.requested_ms, execution.queued_ms, execution.due_ms,
    execution.picked_ms, execution.started_ms, execution.completed_ms, execution.result,
    execution.error, execution.retry_of AS duplicate_of, execution.cancel_requested,
    execution.priority, execution.tries, execution.max_retries + 1 AS max_attempts,
    execution.retry_delay_ms, execution.timeout_ms,
    coalesce(job.lease_ms, own.lease_ms, shared.lease_ms) AS asked_lease_ms,
    execution.lease_ms, execution.lease_until_ms, execution.ends_ms, execution.worker,
    execution.fence, job.labels, job.unique_key, job.callback_url,
    schedule.active, schedule.next_due_ms, schedule.last_due_ms,
    greatest(own.paused, shared.paused, 0) AS paused
FROM execution
JOIN beacon_job AS job ON job.number = execution.number
LEFT JOIN beacon_setting AS own
    ON own.name = execution.queue AND own.owner_id = execution.owner_id
LEFT JOIN beacon_setting AS shared ON shared.name = execution.queue AND shared.owner_id = ''
LEFT JOIN schedule ON execution.kind = 'beacon_template'
    AND schedule.kind = 'beacon' AND schedule.ref = CAST(execution.number AS TEXT)
WHERE execution.number = :number
  AND (execution.discarded <= CAST(:discarded AS INTEGER) OR execution.kind = 'beacon_template')
FOR UPDATE OF execution;

-- name: beacon_seen
-- Read a beacon job that may be about to be changed, and the store's clock.
SELECT execution.number, execution.id, execution.kind, execution.name, execution.owner_id,
    job.user_number, job.user_guid, execution.queue AS beacon_name, execution.state, job.tasks,
    job.steps, execution.step, execution.requested_ms, execution.queued_ms, execution.due_ms,
    execution.picked_ms, execution.started_ms, execution.completed_ms, execution.result,
    execution.error, execution.retry_of AS duplicate_of, execution.cancel_requested,
    execution.priority, execution.tries, execution.max_retries + 1 AS max_attempts,
    execution.retry_delay_ms, execution.timeout_ms,
    coalesce(job.lease_ms, own.lease_ms, shared.lease_ms) AS asked_lease_ms,
    execution.lease_ms, execution.lease_until_ms, execution.ends_ms, execution.worker,
    execution.fence, job.labels, job.unique_key, job.callback_url,
    schedule.active, schedule.next_due_ms, schedule.last_due_ms,
    greatest(own.paused, shared.paused, 0) AS paused,
    (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms
FROM execution
JOIN beacon_job AS job ON job.number = execution.number
LEFT JOIN beacon_setting AS own
    ON own.name = execution.queue AND own.owner_id = execution.owner_id
LEFT JOIN beacon_setting AS shared ON shared.name = execution.queue AND shared.owner_id = ''
LEFT JOIN schedule ON execution.kind = 'beacon_template'
    AND schedule.kind = 'beacon' AND schedule.ref = CAST(execution.number AS TEXT)
WHERE execution.number = :number
  AND (execution.discarded = 0 OR execution.kind = 'beacon_template');

-- name: beacon_executions_copy
-- Store the executions of jobs that templates add, each once for the moment that is due.
INSERT INTO execution (
    id, kind, name, owner_id, job_id, state, detail, source_type, source_id, retry_of, unique_key,
    requested_ms, due_ms, queued_ms, queue, priority, concurrency, delay_ms, timeout_ms,
    retry_on_timeout, retry_on_failure, max_retries, retry_delay_ms, discarded
)
SELECT wanted.value ->> 2, 'beacon', template.name, template.owner_id, template.id, 'queued', '{}',
    'user', template.owner_id, template.number, wanted.value ->> 1,
    CAST(:now_ms AS BIGINT), CAST(wanted.value ->> 1 AS BIGINT), CAST(wanted.value ->> 1 AS BIGINT), template.queue,
    template.priority, 0, 0, template.timeout_ms, 0, 0, template.max_retries,
    template.retry_delay_ms, 0
FROM jsonb_array_elements(CAST(CAST(:copies AS TEXT) AS JSONB)) AS wanted (value)
JOIN execution AS template
    ON template.number = CAST(wanted.value ->> 0 AS BIGINT) AND template.kind = 'beacon_template'
WHERE TRUE
ON CONFLICT (job_id, unique_key) WHERE unique_key IS NOT NULL DO NOTHING;

-- name: beacon_jobs_copy
-- Store what is particular to jobs that templates add.
INSERT INTO beacon_job (
    number, user_number, user_guid, tasks, steps, lease_ms, labels, callback_url, callback_host
)
SELECT made.number, job.user_number, job.user_guid, job.tasks, job.steps, job.lease_ms, job.labels,
    job.callback_url, job.callback_host
FROM jsonb_array_elements(CAST(CAST(:copies AS TEXT) AS JSONB)) AS wanted (value)
JOIN execution AS made ON made.id = wanted.value ->> 2
JOIN beacon_job AS job ON job.number = made.retry_of;

-- name: postgres_beacon_save_told
-- Do as beacon_save does, and note that somebody is to be told of a job that has just ended.
WITH saved AS (
    UPDATE execution SET
        state = :state, queued_ms = :queued_ms, due_ms = :due_ms, picked_ms = :picked_ms,
        started_ms = :started_ms, completed_ms = :completed_ms, step = :step, result = :result,
        error = :error, worker = :worker, lease_ms = :lease_ms, lease_until_ms = :lease_until_ms,
        ends_ms = :ends_ms, tries = :tries, fence = :fence
    WHERE number = :number AND state = :seen_state AND fence = :seen_fence AND step = :seen_step
      AND coalesce(started_ms, 0) = :seen_started_ms
      AND coalesce(lease_until_ms, 0) = :seen_lease_until_ms
      AND discarded <= CAST(:discarded AS INTEGER)
    RETURNING number, completed_ms
), told AS (
    UPDATE beacon_job SET callback_due_ms = saved.completed_ms FROM saved
    WHERE beacon_job.number = saved.number AND beacon_job.callback_url IS NOT NULL
)
SELECT CAST(:place AS BIGINT) AS place FROM saved;

-- name: beacon_next
-- Find the best eligible job of some beacons and keep others from taking it.
SELECT best.number FROM unnest(:names::text[]) AS beacon (value)
CROSS JOIN LATERAL (
    SELECT candidate.number, candidate.priority, candidate.due_ms FROM execution AS candidate
    JOIN beacon_job AS job ON job.number = candidate.number
    WHERE candidate.state = 'queued' AND candidate.queue = beacon.value
      AND candidate.due_ms <= :now_ms AND candidate.discarded = 0
      AND (CAST(:everybody AS INTEGER) = 1 OR candidate.owner_id = ANY(:owners::text[]))
      AND (job.labels IS NULL OR CAST(job.labels AS JSONB) <@ to_jsonb(:labels::text[]))
      AND NOT EXISTS (
          SELECT 1 FROM beacon_setting AS setting
          WHERE setting.name = candidate.queue AND setting.paused = 1
            AND setting.owner_id IN ('', candidate.owner_id))
    ORDER BY candidate.priority DESC, candidate.due_ms, candidate.number LIMIT 1
    FOR UPDATE OF candidate SKIP LOCKED) AS best
ORDER BY best.priority DESC, best.due_ms, best.number LIMIT 1;

-- name: beacon_eligible
-- Read queued jobs of some beacons that are due.
SELECT candidate.queue, candidate.owner_id, job.labels
FROM execution AS candidate
JOIN beacon_job AS job ON job.number = candidate.number
WHERE candidate.state = 'queued' AND candidate.queue = ANY(:names::text[])
  AND candidate.due_ms <= :now_ms AND candidate.discarded = 0
  AND NOT EXISTS (
      SELECT 1 FROM beacon_setting AS setting
      WHERE setting.name = candidate.queue AND setting.paused = 1
        AND setting.owner_id IN ('', candidate.owner_id))
LIMIT :limit;

-- name: beacon_next_due
-- Read when the next job of some beacons that is not due yet will be.
SELECT min(next_ms) AS next_ms FROM (
    SELECT (
        SELECT due_ms FROM execution
        WHERE state = 'queued' AND queue = beacon.value AND due_ms > :now_ms
          AND due_ms > requested_ms
        ORDER BY due_ms LIMIT 1) AS next_ms
    FROM unnest(:names::text[]) AS beacon (value)) AS found;

-- name: beacon_expired
-- Read which jobs' lease or time is over, and keep others from changing them.
SELECT number FROM execution
WHERE (lease_until_ms < :now_ms AND queue IS NOT NULL OR ends_ms <= :now_ms)
  AND kind = 'beacon' AND state IN ('running', 'canceling')
LIMIT :limit
FOR UPDATE SKIP LOCKED;

-- name: beacon_kept
-- Read which of some jobs their workers are to go on with, and their fences.
SELECT number, fence FROM execution
WHERE number = ANY(CAST(:numbers AS bigint[])) AND state = 'running' AND discarded = 0;

-- name: beacon_accounts_beside
-- Read who shares an organisation with an account, and whether it is an administrator's.
SELECT other.account_id, CASE WHEN CAST(own.document AS JSONB) ->> 'role' = 'administrator' THEN 1 ELSE 0 END AS administers
FROM account AS own
LEFT JOIN organization_member AS membership ON membership.account_id = own.id
LEFT JOIN organization_member AS other ON other.organization_id = membership.organization_id
WHERE own.id = :account_id;

-- name: beacon_callbacks_due
-- Note that somebody is to be told of jobs that have just ended, where that was asked for.
UPDATE beacon_job SET callback_due_ms = :due_ms
WHERE number = ANY(CAST(:numbers AS bigint[])) AND callback_url IS NOT NULL;

-- name: beacon_callback_claim
-- Take callbacks of jobs that have ended to one receiver, for as long as one may take.
UPDATE beacon_job SET callback_due_ms = :until_ms, callback_tries = callback_tries + 1
WHERE number IN (
    SELECT job.number FROM beacon_job AS job
    JOIN execution ON execution.number = job.number
    WHERE job.callback_host = :host AND job.callback_due_ms <= :now_ms
      AND execution.completed_ms IS NOT NULL AND execution.discarded = 0
    ORDER BY job.callback_due_ms, job.number LIMIT :limit
    FOR UPDATE OF job SKIP LOCKED)
RETURNING number, callback_url, callback_tries;

-- name: beacon_log_add
-- Add lines to a job's log; what has a place already stays as it is.
INSERT INTO beacon_log (number, seq, at_ms, line)
SELECT CAST(:number AS BIGINT), CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), value ->> 2
FROM json_array_elements(CAST(CAST(:lines AS TEXT) AS JSON))
ON CONFLICT (number, seq) DO NOTHING
RETURNING octet_length(line) AS size;

-- name: beacon_log_drop
-- Drop the first lines of a job's log, so many that they have a number of bytes together.
DELETE FROM beacon_log WHERE number = :number AND seq <= (
    SELECT min(seq) FROM (
        SELECT seq, sum(octet_length(line)) OVER (ORDER BY seq) AS passed FROM beacon_log
        WHERE number = :number) AS sums
    WHERE passed >= :size)
RETURNING seq, octet_length(line) AS size;
