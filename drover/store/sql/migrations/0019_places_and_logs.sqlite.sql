-- An item of a fresh lease has given up its place once it was settled, and keeps it no more when it
-- is tried again: that is another attempt, under a lease of its own.
DROP VIEW lease_ahead;
CREATE VIEW lease_ahead AS
SELECT execution, CASE WHEN landed < size THEN size - landed ELSE 0 END AS items
FROM (
    SELECT waiting.execution, waiting.size, (
        SELECT count(*) FROM iteration
        WHERE iteration.execution = before.execution AND iteration.resource_id > before.after_id
          AND iteration.resource_id <= before.upto_id
          AND (iteration.state > 1 OR iteration.attempt > 1)) AS landed
    FROM lease AS waiting
    JOIN lease AS before
        ON before.execution = waiting.execution AND before.fence = waiting.after_fence
) AS pairs;

-- How many bytes the log of a beacon job has, and the place up to which its first lines were dropped.
ALTER TABLE beacon_job ADD COLUMN log_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE beacon_job ADD COLUMN log_dropped BIGINT NOT NULL DEFAULT 0;
UPDATE beacon_job SET log_bytes = (
    SELECT coalesce(sum(length(CAST(line AS BLOB))), 0) FROM beacon_log
    WHERE beacon_log.number = beacon_job.number);
