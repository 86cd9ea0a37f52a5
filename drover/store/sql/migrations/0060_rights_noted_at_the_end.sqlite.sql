-- Many devices that are made behind a gateway at once change its rights once in a millisecond: each
-- time its whole row is written anew.

DROP TRIGGER device_behind_gateway;

CREATE TRIGGER device_behind_gateway AFTER INSERT ON device WHEN NEW.gateway_id IS NOT NULL
BEGIN
    UPDATE device SET rights_ms = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    WHERE id = NEW.gateway_id
        AND rights_ms IS NOT CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER);
    UPDATE access_counter SET value = value + 1
    WHERE name = 'revision' AND EXISTS (
        SELECT 1 FROM device WHERE id = NEW.gateway_id AND connection_server IS NOT NULL);
END;
