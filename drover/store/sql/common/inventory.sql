-- name: inventory_targets
-- Read the first devices that a job ran on.
SELECT target.resource_id FROM iteration AS target
JOIN device ON device.id = target.resource_id
WHERE target.execution = :number ORDER BY target.resource_id LIMIT :limit;

-- name: inventory_to_purge
-- Find jobs that are shown no more and have ended.
SELECT number FROM execution
WHERE discarded = 1 AND state IN ('succeeded', 'failed', 'canceled') ORDER BY number LIMIT :limit;

-- name: device_fact_clear
-- Forget what a device is known by.
DELETE FROM device_fact WHERE device_id = :device_id;

-- name: device_fact_add
-- Note what a device is known by.
INSERT INTO device_fact (application_id, device_id, field, value, number)
VALUES (:application_id, :device_id, :field, :value, :number);

-- name: inventory_items_below
-- Read the newest job with items below a number, and the job of the item so many below that one.
SELECT (SELECT max(execution) FROM iteration WHERE execution < :upper) AS newest,
    (SELECT execution FROM iteration WHERE execution < :upper
     ORDER BY execution DESC LIMIT 1 OFFSET :items) AS last;
