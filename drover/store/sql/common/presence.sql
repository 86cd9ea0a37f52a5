-- name: device_came
-- Note a connection that began.
UPDATE device SET
    connected = 1, connection_ms = :time_ms, connected_at_ms = :time_ms,
    connection_id = :connection_id, connection_server = :server
WHERE id = :device_id;

-- name: device_went
-- Note a connection that ended, unless a newer one is there.
UPDATE device SET
    connected = 0, connection_ms = :time_ms, disconnected_at_ms = :time_ms,
    connection_id = NULL, connection_server = NULL
WHERE id = :device_id AND connection_id = :connection_id AND connection_server = :server;

-- name: mqtt_server_renew
-- Note that a server is there.
INSERT INTO mqtt_server (name, until_ms) VALUES (:name, :until_ms)
ON CONFLICT (name) DO UPDATE SET until_ms = excluded.until_ms;

-- name: mqtt_server_forget
-- Forget servers that have not said for long that they are there.
DELETE FROM mqtt_server WHERE until_ms < :now_ms;

-- name: devices_of_lost_servers
-- Disconnect devices of servers that are there no longer.
UPDATE device SET
    connected = 0, connection_ms = :now_ms, disconnected_at_ms = :now_ms,
    connection_id = NULL, connection_server = NULL
WHERE id IN (
    SELECT id FROM device
    WHERE connection_server IS NOT NULL
        AND connection_server NOT IN (SELECT name FROM mqtt_server)
    LIMIT :limit
)
RETURNING application_id, id;
