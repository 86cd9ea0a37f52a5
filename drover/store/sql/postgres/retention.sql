-- name: retire_states_of_deleted
-- Delete reported state of devices that were deleted before a moment. The orders have indexes lead from
-- these devices to their state, and places lead to the rows: PostgreSQL read the state of all devices
-- where it knew little of them.
DELETE FROM device_state WHERE ctid = ANY(ARRAY(
    SELECT state.place
    FROM (
        SELECT id FROM device WHERE deleted_ms < :before_ms ORDER BY deleted_ms
    ) AS gone
    CROSS JOIN LATERAL (
        SELECT ctid AS place FROM device_state WHERE device_id = gone.id
        ORDER BY attribute, time_ms LIMIT :limit
    ) AS state
    LIMIT :limit));
