-- name: device_came
-- Note connections that began, except those that are noted; tell which are new, and which of these
-- began before their device's rights were changed.
UPDATE device SET
    connected = 1, connection_ms = given.time_ms, connected_at_ms = given.time_ms,
    connection_id = given.connection_id, connection_server = given.server,
    connection_key = given.key_id
FROM unnest(:device_ids::text[], :connection_ids::text[], :servers::text[], :times::bigint[],
    :key_ids::text[]) AS given(device_id, connection_id, server, time_ms, key_id)
WHERE device.id = given.device_id
    AND (device.connection_id IS DISTINCT FROM given.connection_id
         OR device.connection_server IS DISTINCT FROM given.server OR device.connected = 0)
RETURNING device.id, device.connected_at_ms <= device.rights_ms AS outdated;

-- name: device_went
-- Note connections that ended, unless a newer one is there; tell which did.
UPDATE device SET
    connected = 0, connection_ms = given.time_ms, disconnected_at_ms = given.time_ms,
    connection_id = NULL, connection_server = NULL, connection_key = NULL
FROM unnest(:device_ids::text[], :connection_ids::text[], :servers::text[], :times::bigint[],
    :key_ids::text[]) AS given(device_id, connection_id, server, time_ms, key_id)
WHERE device.id = given.device_id AND device.connection_id = given.connection_id
    AND device.connection_server = given.server
RETURNING device.id;

-- name: revoked_connections
-- Find connections of devices that were deleted, or whose access key was, or is not active; and of
-- those from before the rights of device or key were changed. Each part begins with what changed, and
-- the order keeps PostgreSQL from reading all devices where it expects that many have a key.
SELECT connection_server, connection_id FROM device
WHERE connection_server IS NOT NULL AND (deleted_ms IS NOT NULL OR connected_at_ms <= rights_ms)
UNION ALL
SELECT late.connection_server, late.connection_id
FROM access_key_until AS past CROSS JOIN LATERAL (
    SELECT connection_server, connection_id FROM device
    WHERE connection_key = past.id AND connected_at_ms <= past.until_ms
        AND connection_server IS NOT NULL
        AND (deleted_ms IS NOT NULL OR connected_at_ms <= rights_ms) IS NOT TRUE
    ORDER BY connected_at_ms LIMIT :limit
) AS late
LIMIT :limit;

-- name: connections_of
-- Find connections of some devices.
SELECT connection_server, connection_id FROM device
WHERE connection_server IS NOT NULL AND id = ANY(:ids::text[])
LIMIT :limit;

-- name: connected_among
-- Read which of some devices are connected, and since when.
SELECT id, connection_ms FROM device
WHERE connection_server IS NOT NULL AND id = ANY(:ids::text[]);

-- name: devices_behind
-- Read which devices a gateway speaks for: its own, and those that any gateway may speak for.
SELECT id FROM device
WHERE gateway_id = :gateway_id AND application_id = :application_id AND deleted_ms IS NULL
UNION ALL
SELECT id FROM device
WHERE application_id = :application_id
    AND device_class = 'floating' AND gateway_id IS NULL AND deleted_ms IS NULL
ORDER BY id LIMIT :limit;
