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
    connection_id = NULL, connection_server = NULL, connection_key = NULL
WHERE id IN (
    SELECT id FROM device
    WHERE connection_server IS NOT NULL
        AND connection_server NOT IN (SELECT name FROM mqtt_server)
    LIMIT :limit
)
RETURNING application_id, id;

-- name: connections_at
-- Read the connections that a server has.
SELECT application_id, id, connection_id, connection_server, connection_ms, connection_key
FROM device
WHERE connection_server = :server;
