-- What a device reported lies in order of its moments, in one tree: a report touches one place,
-- where a table with a key and an index beside it touched three.

CREATE TABLE device_state_by_moment (
    device_id  TEXT NOT NULL REFERENCES device (id) ON DELETE CASCADE,
    attribute  TEXT NOT NULL,
    time_ms    BIGINT NOT NULL,
    value      TEXT NOT NULL,
    relay_id   TEXT,
    relay_type TEXT,
    PRIMARY KEY (device_id, time_ms, attribute)
) WITHOUT ROWID;
INSERT INTO device_state_by_moment (device_id, attribute, time_ms, value, relay_id, relay_type)
SELECT device_id, attribute, time_ms, value, relay_id, relay_type FROM device_state
ORDER BY device_id, time_ms, attribute;
DROP TABLE device_state;
ALTER TABLE device_state_by_moment RENAME TO device_state;

-- The access key that opened a device's connection: with the key the connection ends.
ALTER TABLE device ADD COLUMN connection_key TEXT;
