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
SELECT min(due_ms) AS next_ms FROM execution
WHERE state = 'queued' AND queue = ANY(:names::text[]) AND due_ms > :now_ms;

-- name: beacon_expired
-- Read which jobs' lease or time is over, and keep others from changing them.
SELECT number FROM execution
WHERE (lease_until_ms < :now_ms AND queue IS NOT NULL OR ends_ms <= :now_ms)
  AND kind = 'beacon' AND state IN ('running', 'canceling')
LIMIT :limit
FOR UPDATE SKIP LOCKED;

-- name: beacon_accounts_beside
-- Read who shares an organisation with an account, and whether it is an administrator's.
SELECT other.account_id, CASE WHEN CAST(own.document AS JSONB) ->> 'role' = 'administrator' THEN 1 ELSE 0 END AS administers
FROM account AS own
LEFT JOIN organization_member AS membership ON membership.account_id = own.id
LEFT JOIN organization_member AS other ON other.organization_id = membership.organization_id
WHERE own.id = :account_id;

-- name: beacon_callback_claim
-- Take callbacks of jobs that have ended, for as long as one may take.
UPDATE beacon_job SET callback_due_ms = :until_ms, callback_tries = callback_tries + 1
WHERE number IN (
    SELECT job.number FROM beacon_job AS job
    JOIN execution ON execution.number = job.number
    WHERE job.callback_due_ms <= :now_ms AND execution.completed_ms IS NOT NULL
      AND execution.discarded = 0
    ORDER BY job.callback_due_ms, job.number LIMIT :limit
    FOR UPDATE OF job SKIP LOCKED)
RETURNING number, callback_url, callback_tries;

-- name: beacon_log_add
-- Add lines to a job's log; what has a place already stays as it is.
INSERT INTO beacon_log (number, seq, at_ms, line)
SELECT CAST(:number AS BIGINT), CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), value ->> 2
FROM json_array_elements(CAST(CAST(:lines AS TEXT) AS JSON))
ON CONFLICT (number, seq) DO NOTHING;
