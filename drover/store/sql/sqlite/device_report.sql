-- name: device_state_newest
-- Read the values of the newest moments of a span, of some attributes or of all.
SELECT time_ms, attribute, value FROM device_state
WHERE device_id = :device_id AND (:attributes IS NULL OR attribute IN (SELECT value FROM json_each(:attributes))) AND time_ms IN (
    SELECT DISTINCT time_ms FROM device_state
    WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms
      AND (:attributes IS NULL OR attribute IN (SELECT value FROM json_each(:attributes)))
    ORDER BY time_ms DESC LIMIT :limit
)
ORDER BY time_ms DESC, attribute;

-- name: device_state_oldest
-- Read the values of the oldest moments of a span, of some attributes or of all.
SELECT time_ms, attribute, value FROM device_state
WHERE device_id = :device_id AND (:attributes IS NULL OR attribute IN (SELECT value FROM json_each(:attributes))) AND time_ms IN (
    SELECT DISTINCT time_ms FROM device_state
    WHERE device_id = :device_id AND time_ms BETWEEN :start_ms AND :end_ms
      AND (:attributes IS NULL OR attribute IN (SELECT value FROM json_each(:attributes)))
    ORDER BY time_ms ASC LIMIT :limit
)
ORDER BY time_ms ASC, attribute;

-- name: device_last_within
-- Read the newest values of some devices within a span, of some attributes or of all. Others are
-- looked at only where the newest of all lies behind the span. CROSS keeps SQLite from reading all that the
-- devices ever reported first.
SELECT device_id, attribute, time_ms, value, relay_id, relay_type FROM device_last
WHERE device_id IN (SELECT value FROM json_each(:ids)) AND time_ms BETWEEN :start_ms AND :end_ms
    AND (:attributes IS NULL OR attribute IN (SELECT value FROM json_each(:attributes)))
UNION ALL
SELECT state.device_id, state.attribute, state.time_ms, state.value, state.relay_id,
    state.relay_type
FROM (
    SELECT device_id, attribute, (
        SELECT before.time_ms FROM device_state AS before
        WHERE before.device_id = last.device_id AND before.attribute = last.attribute
            AND before.time_ms BETWEEN :start_ms AND :end_ms
        ORDER BY before.time_ms DESC LIMIT 1
    ) AS time_ms
    FROM device_last AS last
    WHERE device_id IN (SELECT value FROM json_each(:ids)) AND time_ms > :end_ms
        AND (:attributes IS NULL OR attribute IN (SELECT value FROM json_each(:attributes)))
) AS newest CROSS JOIN device_state AS state ON state.device_id = newest.device_id
    AND state.time_ms = newest.time_ms AND state.attribute = newest.attribute
ORDER BY device_id, attribute;

-- name: device_state_add
-- Store values; one of the same attribute and moment is replaced.
INSERT INTO device_state (device_id, attribute, time_ms, value, relay_id, relay_type)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
FROM json_each(:rows) WHERE true
ON CONFLICT (device_id, time_ms, attribute) DO UPDATE SET
    value = excluded.value, relay_id = excluded.relay_id, relay_type = excluded.relay_type;

-- name: device_last_add
-- Keep values as the newest of their attributes, unless newer ones are there.
INSERT INTO device_last (device_id, attribute, time_ms, value, relay_id, relay_type)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
FROM json_each(:rows) WHERE true
ON CONFLICT (device_id, attribute) DO UPDATE SET
    time_ms = excluded.time_ms, value = excluded.value,
    relay_id = excluded.relay_id, relay_type = excluded.relay_type
WHERE excluded.time_ms >= device_last.time_ms;

-- name: device_log_add
-- Write lines to logs of devices.
INSERT INTO device_log (device_id, topic, id, time_ms, document)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(:rows);
