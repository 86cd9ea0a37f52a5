-- Which connection made a device connected, and at which broker: a broker that dies takes its
-- connections with it, and the end of an older connection does not end a newer one.

ALTER TABLE device ADD COLUMN connection_id TEXT;
ALTER TABLE device ADD COLUMN connection_server TEXT;
CREATE INDEX device_connection_server ON device (connection_server)
    WHERE connection_server IS NOT NULL;

-- The brokers that devices are connected to, until when they count as being there.
CREATE TABLE mqtt_server (
    name     TEXT PRIMARY KEY,
    until_ms BIGINT NOT NULL
);

-- Which topics workflows of all applications wait for is looked up all the time.
CREATE INDEX flow_trigger_type ON flow_trigger (type, application_id, key);
