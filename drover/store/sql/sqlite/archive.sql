-- name: archive_moments
-- Read what a device reported in a span, a row for each moment: the key's order, so nothing is sorted.
SELECT time_ms, group_concat(attribute, char(9)) AS names,
       group_concat(value, char(31)) AS "values", count(*) AS points
FROM device_state
WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms
GROUP BY time_ms ORDER BY time_ms LIMIT :limit;

-- name: archive_applications
-- Read applications with an archive configuration.
SELECT id FROM application
WHERE id > :after_id AND json_type(document, '$.archiveConfig') = 'object'
ORDER BY id LIMIT :limit;
