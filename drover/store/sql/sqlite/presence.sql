-- name: device_came
-- Note connections that began, except those that are noted; tell which are new, and which of these
-- began before their device's rights were changed.
UPDATE device SET
    connected = 1, connection_ms = given.time_ms, connected_at_ms = given.time_ms,
    connection_id = given.connection_id, connection_server = given.server,
    connection_key = given.key_id
FROM (
    SELECT value ->> 0 AS device_id, value ->> 1 AS connection_id, value ->> 2 AS server,
           value ->> 3 AS time_ms, value ->> 4 AS key_id
    FROM json_each(:rows)) AS given
WHERE device.id = given.device_id
    AND (device.connection_id IS NOT given.connection_id
         OR device.connection_server IS NOT given.server OR device.connected = 0)
RETURNING id, connected_at_ms <= rights_ms AS outdated;

-- name: device_went
-- Note connections that ended, unless a newer one is there; tell which did.
UPDATE device SET
    connected = 0, connection_ms = given.time_ms, disconnected_at_ms = given.time_ms,
    connection_id = NULL, connection_server = NULL, connection_key = NULL
FROM (
    SELECT value ->> 0 AS device_id, value ->> 1 AS connection_id, value ->> 2 AS server,
           value ->> 3 AS time_ms, value ->> 4 AS key_id
    FROM json_each(:rows)) AS given
WHERE device.id = given.device_id AND device.connection_id = given.connection_id
    AND device.connection_server = given.server
RETURNING id;

-- name: revoked_connections
-- Find connections of devices that were deleted, or whose access key was, or is not active; and of
-- those from before the rights of device or key were changed. Each part begins with what changed.
SELECT connection_server, connection_id FROM device INDEXED BY device_outdated
WHERE connection_server IS NOT NULL AND (deleted_ms IS NOT NULL OR connected_at_ms <= rights_ms)
UNION ALL
SELECT device.connection_server, device.connection_id
FROM access_key_until AS past CROSS JOIN device ON device.connection_key = past.id
    AND device.connected_at_ms <= past.until_ms
WHERE device.connection_server IS NOT NULL
    AND (device.deleted_ms IS NOT NULL OR device.connected_at_ms <= device.rights_ms) IS NOT TRUE
LIMIT :limit;

-- name: connections_of
-- Find connections of some devices.
SELECT connection_server, connection_id FROM device
WHERE connection_server IS NOT NULL AND id IN (SELECT value FROM json_each(:ids))
LIMIT :limit;

-- name: connected_among
-- Read which of some devices are connected, and since when.
SELECT id, connection_ms FROM device
WHERE connection_server IS NOT NULL AND id IN (SELECT value FROM json_each(:ids));

-- name: devices_behind
-- Read which devices a gateway speaks for: its own, and those that any gateway may speak for. The
-- sign keeps SQLite from reading the whole application in order for those of its own.
SELECT id FROM device
WHERE gateway_id = :gateway_id AND +application_id = :application_id AND deleted_ms IS NULL
UNION ALL
SELECT id FROM device
WHERE application_id = :application_id
    AND device_class = 'floating' AND gateway_id IS NULL AND deleted_ms IS NULL
ORDER BY id LIMIT :limit;
