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

-- name: beacon_executions_copy
-- Store the executions of jobs that templates add, each once for the moment that is due.
INSERT INTO execution (
    id, kind, name, owner_id, job_id, state, detail, source_type, source_id, retry_of, unique_key,
    requested_ms, due_ms, queued_ms, queue, priority, concurrency, delay_ms, timeout_ms,
    retry_on_timeout, retry_on_failure, max_retries, retry_delay_ms, discarded
)
SELECT wanted.value ->> 2, 'beacon', template.name, template.owner_id, template.id, 'queued', '{}',
    'user', template.owner_id, template.number, CAST(wanted.value ->> 1 AS TEXT),
    :now_ms, wanted.value ->> 1, wanted.value ->> 1, template.queue,
    template.priority, 0, 0, template.timeout_ms, 0, 0, template.max_retries,
    template.retry_delay_ms, 0
FROM json_each(:copies) AS wanted
JOIN execution AS template
    ON template.number = wanted.value ->> 0 AND template.kind = 'beacon_template'
WHERE TRUE
ON CONFLICT (job_id, unique_key) WHERE unique_key IS NOT NULL DO NOTHING;

-- name: beacon_jobs_copy
-- Store what is particular to jobs that templates add.
INSERT INTO beacon_job (
    number, user_number, user_guid, tasks, steps, lease_ms, labels, callback_url, callback_host
)
SELECT made.number, job.user_number, job.user_guid, job.tasks, job.steps, job.lease_ms, job.labels,
    job.callback_url, job.callback_host
FROM json_each(:copies) AS wanted
JOIN execution AS made ON made.id = wanted.value ->> 2
JOIN beacon_job AS job ON job.number = made.retry_of;

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
SELECT min(next_ms) AS next_ms FROM (
    SELECT (
        SELECT due_ms FROM execution
        WHERE state = 'queued' AND queue = beacon.value AND due_ms > :now_ms
          AND due_ms > requested_ms
        ORDER BY due_ms LIMIT 1) AS next_ms
    FROM json_each(:names) AS beacon) AS found;

-- name: beacon_expired
-- Read which jobs' lease or time is over.
SELECT number FROM execution
WHERE (lease_until_ms < :now_ms AND queue IS NOT NULL OR ends_ms <= :now_ms)
  AND kind = 'beacon' AND state IN ('running', 'canceling')
LIMIT :limit;

-- name: beacon_kept
-- Read which of some jobs their workers are to go on with, and their fences.
SELECT number, fence FROM execution
WHERE number IN (SELECT value FROM json_each(:numbers)) AND state = 'running' AND discarded = 0;

-- name: beacon_accounts_beside
-- Read who shares an organisation with an account, and whether it is an administrator's.
SELECT other.account_id, CASE WHEN json_extract(own.document, '$.role') = 'administrator' THEN 1 ELSE 0 END AS administers
FROM account AS own
LEFT JOIN organization_member AS membership ON membership.account_id = own.id
LEFT JOIN organization_member AS other ON other.organization_id = membership.organization_id
WHERE own.id = :account_id;

-- name: beacon_callbacks_due
-- Note that somebody is to be told of jobs that have just ended, where that was asked for.
UPDATE beacon_job SET callback_due_ms = :due_ms
WHERE number IN (SELECT value FROM json_each(:numbers)) AND callback_url IS NOT NULL;

-- name: beacon_callback_claim
-- Take callbacks of jobs that have ended to one receiver, for as long as one may take.
UPDATE beacon_job SET callback_due_ms = :until_ms, callback_tries = callback_tries + 1
WHERE number IN (
    SELECT job.number FROM beacon_job AS job
    JOIN execution ON execution.number = job.number
    WHERE job.callback_host = :host AND job.callback_due_ms <= :now_ms
      AND execution.completed_ms IS NOT NULL AND execution.discarded = 0
    ORDER BY job.callback_due_ms, job.number LIMIT :limit)
RETURNING number, callback_url, callback_tries;

-- name: beacon_log_add
-- Add lines to a job's log; what has a place already stays as it is.
INSERT INTO beacon_log (number, seq, at_ms, line)
SELECT :number, value ->> 0, value ->> 1, value ->> 2 FROM json_each(:lines) WHERE TRUE
ON CONFLICT (number, seq) DO NOTHING
RETURNING length(CAST(line AS BLOB)) AS size;

-- name: beacon_log_drop
-- Drop the first lines of a job's log, so many that they have a number of bytes together.
DELETE FROM beacon_log WHERE number = :number AND seq <= (
    SELECT min(seq) FROM (
        SELECT seq, sum(length(CAST(line AS BLOB))) OVER (ORDER BY seq) AS passed FROM beacon_log
        WHERE number = :number) AS sums
    WHERE passed >= :size)
RETURNING seq, length(CAST(line AS BLOB)) AS size;
