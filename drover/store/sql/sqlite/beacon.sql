-- name: beacon_hold
-- Read a beacon job that is about to be changed.
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
    max(coalesce(own.paused, 0), coalesce(shared.paused, 0)) AS paused
FROM execution
JOIN beacon_job AS job ON job.number = execution.number
LEFT JOIN beacon_setting AS own
    ON own.name = execution.queue AND own.owner_id = execution.owner_id
LEFT JOIN beacon_setting AS shared ON shared.name = execution.queue AND shared.owner_id = ''
LEFT JOIN schedule ON execution.kind = 'beacon_template'
    AND schedule.kind = 'beacon' AND schedule.ref = CAST(execution.number AS TEXT)
WHERE execution.number = :number
  AND (execution.discarded <= CAST(:discarded AS INTEGER) OR execution.kind = 'beacon_template');

-- name: beacon_seen
-- Read a beacon job that may be about to be changed; the store's clock is this machine's.
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
    max(coalesce(own.paused, 0), coalesce(shared.paused, 0)) AS paused,
    NULL AS now_ms
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
-- Find the best eligible job of some beacons.
SELECT best.number FROM execution AS best
WHERE best.number IN (
    SELECT (
        SELECT candidate.number FROM execution AS candidate
        CROSS JOIN beacon_job AS job ON job.number = candidate.number
        WHERE candidate.state = 'queued' AND candidate.queue = beacon.value
          AND candidate.due_ms <= :now_ms AND candidate.discarded = 0
          AND (:everybody = 1 OR candidate.owner_id IN (SELECT value FROM json_each(:owners)))
          AND (job.labels IS NULL OR NOT EXISTS (
              SELECT 1 FROM json_each(job.labels) AS label
              WHERE label.value NOT IN (SELECT value FROM json_each(:labels))))
          AND NOT EXISTS (
              SELECT 1 FROM beacon_setting AS setting
              WHERE setting.name = candidate.queue AND setting.paused = 1
                AND setting.owner_id IN ('', candidate.owner_id))
        ORDER BY candidate.priority DESC, candidate.due_ms, candidate.number LIMIT 1)
    FROM json_each(:names) AS beacon)
ORDER BY best.priority DESC, best.due_ms, best.number LIMIT 1;

-- name: beacon_eligible
-- Read queued jobs of some beacons that are due.
SELECT candidate.queue, candidate.owner_id, job.labels
FROM execution AS candidate
JOIN beacon_job AS job ON job.number = candidate.number
WHERE candidate.state = 'queued' AND candidate.queue IN (SELECT value FROM json_each(:names))
  AND candidate.due_ms <= :now_ms AND candidate.discarded = 0
  AND NOT EXISTS (
      SELECT 1 FROM beacon_setting AS setting
      WHERE setting.name = candidate.queue AND setting.paused = 1
        AND setting.owner_id IN ('', candidate.owner_id))
LIMIT :limit;

-- name: beacon_next_due
-- Read when the next job of some beacons that is not due yet will be.
SELECT min(due_ms) AS next_ms FROM execution
WHERE state = 'queued' AND queue IN (SELECT value FROM json_each(:names)) AND due_ms > :now_ms;

-- name: beacon_expired
-- Read which jobs' lease or time is over.
SELECT number FROM execution
WHERE (lease_until_ms < :now_ms AND queue IS NOT NULL OR ends_ms <= :now_ms)
  AND kind = 'beacon' AND state IN ('running', 'canceling')
LIMIT :limit;

-- name: beacon_accounts_beside
-- Read who shares an organisation with an account, and whether it is an administrator's.
SELECT other.account_id, CASE WHEN json_extract(own.document, '$.role') = 'administrator' THEN 1 ELSE 0 END AS administers
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
    ORDER BY job.callback_due_ms, job.number LIMIT :limit)
RETURNING number, callback_url, callback_tries;

-- name: beacon_log_add
-- Add lines to a job's log; what has a place already stays as it is.
INSERT INTO beacon_log (number, seq, at_ms, line)
SELECT :number, value ->> 0, value ->> 1, value ->> 2 FROM json_each(:lines) WHERE TRUE
ON CONFLICT (number, seq) DO NOTHING;
