-- name: payload_count_add
-- Add to what was counted.
INSERT INTO payload_count (application_id, hour_ms, category, source, payloads, bytes)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
FROM json_each(:rows) WHERE TRUE
ON CONFLICT (application_id, hour_ms, category, source) DO UPDATE SET
    payloads = payload_count.payloads + excluded.payloads,
    bytes = payload_count.bytes + excluded.bytes;

-- name: payload_count_totals
-- Add up what moved in a span by category, source and bucket.
SELECT category, source, hour_ms / :bucket_ms * :bucket_ms AS bucket_ms,
       sum(payloads) AS payloads, sum(bytes) AS bytes
FROM payload_count
WHERE application_id IN (SELECT value FROM json_each(:application_ids)) AND hour_ms >= :start_ms AND hour_ms < :end_ms
GROUP BY category, source, 3 ORDER BY category, source, 3;

-- name: device_count_before
-- Count the devices that there were before a moment.
SELECT count(*) AS total FROM device
WHERE application_id IN (SELECT value FROM json_each(:application_ids)) AND created_ms < :start_ms
  AND (deleted_ms IS NULL OR deleted_ms >= :start_ms);

-- name: devices_made_by_day
-- Count the devices that were made on each day of a span.
SELECT created_ms / 86400000 * 86400000 AS day_ms, count(*) AS total FROM device
WHERE application_id IN (SELECT value FROM json_each(:application_ids)) AND created_ms >= :start_ms AND created_ms < :end_ms
GROUP BY created_ms / 86400000;

-- name: devices_gone_by_day
-- Count the devices that were deleted on each day of a span.
SELECT deleted_ms / 86400000 * 86400000 AS day_ms, count(*) AS total FROM device
WHERE application_id IN (SELECT value FROM json_each(:application_ids)) AND deleted_ms >= :start_ms AND deleted_ms < :end_ms
GROUP BY deleted_ms / 86400000;
