-- name: archive_moments
-- Read what a device reported in a span, a row for each moment.
SELECT time_ms, string_agg(attribute, chr(9) ORDER BY attribute) AS names,
       string_agg(value, chr(31) ORDER BY attribute) AS "values", count(*) AS points
FROM device_state
WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms
GROUP BY time_ms ORDER BY time_ms LIMIT :limit;

-- name: archive_applications
-- Read applications with an archive configuration.
SELECT id FROM application
WHERE id > :after_id
  AND jsonb_typeof(CAST(document AS jsonb) -> 'archiveConfig') = 'object'
ORDER BY id LIMIT :limit;
