-- name: device_last_of
-- Read the newest values of some devices.
SELECT device_id, attribute, time_ms, value, relay_id, relay_type FROM device_last
WHERE device_id IN (SELECT value FROM json_each(:ids))
ORDER BY device_id, attribute;

-- name: device_last_within
-- Read the newest values of some devices within a span.
SELECT state.device_id, state.attribute, state.time_ms, state.value, state.relay_id,
    state.relay_type
FROM device_state AS state
WHERE state.device_id IN (SELECT value FROM json_each(:ids)) AND state.time_ms = (
    SELECT max(newest.time_ms) FROM device_state AS newest
    WHERE newest.device_id = state.device_id AND newest.attribute = state.attribute
        AND newest.time_ms BETWEEN :start_ms AND :end_ms
)
ORDER BY state.device_id, state.attribute;
