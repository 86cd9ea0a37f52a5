-- What a device reported is found by its moments through the key alone: one tree, where there
-- were two.

ALTER TABLE device_state DROP CONSTRAINT device_state_pkey;
ALTER TABLE device_state ADD PRIMARY KEY (device_id, time_ms, attribute);
DROP INDEX device_state_time;

-- The access key that opened a device's connection: with the key the connection ends.
ALTER TABLE device ADD COLUMN connection_key TEXT;
