-- name: device_log_newest
-- Read the newest lines of a device's log.
SELECT document FROM device_log
WHERE device_id = :device_id AND topic = :topic AND time_ms BETWEEN :start_ms AND :end_ms
ORDER BY time_ms DESC, id DESC LIMIT :limit;

-- name: device_log_oldest
-- Read the oldest lines of a device's log.
SELECT document FROM device_log
WHERE device_id = :device_id AND topic = :topic AND time_ms BETWEEN :start_ms AND :end_ms
ORDER BY time_ms ASC, id ASC LIMIT :limit;

-- name: device_state_forget
-- Delete the values of a span, of one attribute or of all.
DELETE FROM device_state
WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms
  AND (CAST(:attribute AS TEXT) IS NULL OR attribute = CAST(:attribute AS TEXT));

-- name: device_log_forget
-- Delete the lines of a span from a device's log.
DELETE FROM device_log
WHERE device_id = :device_id AND topic = :topic AND time_ms BETWEEN :start_ms AND :end_ms;

-- name: device_last_forget
-- Delete newest values that lie in a span.
DELETE FROM device_last
WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms
  AND (CAST(:attribute AS TEXT) IS NULL OR attribute = CAST(:attribute AS TEXT));

-- name: device_last_again
-- Find the newest values anew where they were deleted.
INSERT INTO device_last (device_id, attribute, time_ms, value, relay_id, relay_type)
SELECT state.device_id, state.attribute, state.time_ms, state.value, state.relay_id,
    state.relay_type
FROM device_state AS state JOIN (
    SELECT attribute, max(time_ms) AS time_ms FROM device_state
    WHERE device_id = :device_id GROUP BY attribute
) AS newest ON newest.attribute = state.attribute AND newest.time_ms = state.time_ms
WHERE state.device_id = :device_id
ON CONFLICT (device_id, attribute) DO NOTHING;

-- name: device_connected
-- Note that a device came.
UPDATE device SET connected = 1, connection_ms = :time_ms, connected_at_ms = :time_ms
WHERE id = :device_id;

-- name: device_disconnected
-- Note that a device went.
UPDATE device SET connected = 0, connection_ms = :time_ms, disconnected_at_ms = :time_ms
WHERE id = :device_id;
