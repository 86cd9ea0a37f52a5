-- name: device_state_add
-- Store a value; one of the same attribute and moment is replaced.
INSERT INTO device_state (device_id, attribute, time_ms, value, relay_id, relay_type)
VALUES (:device_id, :attribute, :time_ms, :value, :relay_id, :relay_type)
ON CONFLICT (device_id, attribute, time_ms) DO UPDATE SET
    value = excluded.value, relay_id = excluded.relay_id, relay_type = excluded.relay_type;

-- name: device_last_add
-- Keep a value as the newest of its attribute, unless a newer one is there.
INSERT INTO device_last (device_id, attribute, time_ms, value, relay_id, relay_type)
VALUES (:device_id, :attribute, :time_ms, :value, :relay_id, :relay_type)
ON CONFLICT (device_id, attribute) DO UPDATE SET
    time_ms = excluded.time_ms, value = excluded.value,
    relay_id = excluded.relay_id, relay_type = excluded.relay_type
WHERE excluded.time_ms >= device_last.time_ms;

-- name: device_state_newest
-- Read the values of the newest moments of a span.
SELECT time_ms, attribute, value FROM device_state
WHERE device_id = :device_id AND time_ms IN (
    SELECT DISTINCT time_ms FROM device_state
    WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms
    ORDER BY time_ms DESC LIMIT :limit
)
ORDER BY time_ms DESC, attribute;

-- name: device_log_newest
-- Read the newest lines of a device's log.
SELECT document FROM device_log
WHERE device_id = :device_id AND topic = :topic AND time_ms BETWEEN :start_ms AND :end_ms
ORDER BY time_ms DESC, id DESC LIMIT :limit;

-- name: device_state_oldest
-- Read the values of the oldest moments of a span.
SELECT time_ms, attribute, value FROM device_state
WHERE device_id = :device_id AND time_ms IN (
    SELECT DISTINCT time_ms FROM device_state
    WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms
    ORDER BY time_ms ASC LIMIT :limit
)
ORDER BY time_ms ASC, attribute;

-- name: device_log_oldest
-- Read the oldest lines of a device's log.
SELECT document FROM device_log
WHERE device_id = :device_id AND topic = :topic AND time_ms BETWEEN :start_ms AND :end_ms
ORDER BY time_ms ASC, id ASC LIMIT :limit;

-- name: device_state_forget
-- Delete the values of a span.
DELETE FROM device_state
WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms;

-- name: device_last_forget
-- Delete newest values that lie in a span.
DELETE FROM device_last
WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms;

-- name: device_last_again
-- Find the newest values anew where they were deleted.
INSERT INTO device_last (device_id, attribute, time_ms, value, relay_id, relay_type)
SELECT state.device_id, state.attribute, state.time_ms, state.value, state.relay_id,
    state.relay_type
FROM device_state AS state
WHERE state.device_id = :device_id AND state.time_ms = (
    SELECT max(newest.time_ms) FROM device_state AS newest
    WHERE newest.device_id = state.device_id AND newest.attribute = state.attribute
)
ON CONFLICT (device_id, attribute) DO NOTHING;

-- name: device_log_add
-- Write a line to a device's log.
INSERT INTO device_log (device_id, topic, id, time_ms, document)
VALUES (:device_id, :topic, :id, :time_ms, :document);

-- name: device_connected
-- Note that a device came.
UPDATE device SET connected = 1, connection_ms = :time_ms, connected_at_ms = :time_ms
WHERE id = :device_id;

-- name: device_disconnected
-- Note that a device went.
UPDATE device SET connected = 0, connection_ms = :time_ms, disconnected_at_ms = :time_ms
WHERE id = :device_id;
