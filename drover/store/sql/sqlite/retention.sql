-- name: retire_states_of_deleted
-- Delete reported state of devices that were deleted before a moment, found from these devices.
DELETE FROM device_state WHERE (device_id, attribute, time_ms) IN (
    SELECT state.device_id, state.attribute, state.time_ms
    FROM device CROSS JOIN device_state AS state ON state.device_id = device.id
    WHERE device.deleted_ms < :before_ms LIMIT :limit);
