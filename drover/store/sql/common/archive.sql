-- name: archive_devices
-- Read devices of an application in order of their ids, those deleted lately too.
SELECT created_ms, id, document FROM device
WHERE application_id = :application_id AND id > :after_id ORDER BY id LIMIT :limit;

-- name: archive_attributes
-- Read the names of all attributes that a device has or ever reported.
SELECT name FROM device_attribute WHERE device_id = :device_id
UNION SELECT attribute FROM device_last WHERE device_id = :device_id
ORDER BY 1;

-- name: archive_points
-- Count the values that a device reported in a span.
SELECT count(*) AS points FROM device_state
WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms;

-- name: archive_events
-- Read events of an application from after a place on, oldest first.
SELECT created_ms, id, document FROM event
WHERE application_id = :application_id AND (created_ms, id) > (:after_ms, :after_id)
  AND created_ms <= :end_ms
ORDER BY created_ms, id LIMIT :limit;

-- name: archive_rows
-- Read rows of a table from after a place on, oldest first.
SELECT created_ms, id, document FROM table_row
WHERE table_id = :table_id AND (created_ms, id) > (:after_ms, :after_id)
ORDER BY created_ms, id LIMIT :limit;
