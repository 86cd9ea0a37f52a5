-- A device is let in with the topics of its key, a gateway also with those of the devices behind it.
-- When these become others the moment is noted: connections from before it are ended, and devices
-- have their new rights when they come again.

ALTER TABLE device ADD COLUMN rights_ms BIGINT;
ALTER TABLE access_key ADD COLUMN rights_ms BIGINT;

CREATE TRIGGER device_behind_gateway AFTER INSERT ON device WHEN NEW.gateway_id IS NOT NULL
BEGIN
    UPDATE device SET rights_ms = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    WHERE id = NEW.gateway_id;
    UPDATE access_counter SET value = value + 1
    WHERE name = 'revision' AND EXISTS (
        SELECT 1 FROM device WHERE id = NEW.gateway_id AND connection_server IS NOT NULL);
END;

CREATE TRIGGER device_gateway_changed AFTER UPDATE OF gateway_id, device_class, deleted_ms ON device
WHEN OLD.gateway_id IS NOT NEW.gateway_id OR OLD.device_class <> NEW.device_class
    OR (NEW.gateway_id IS NOT NULL AND OLD.deleted_ms IS NOT NULL AND NEW.deleted_ms IS NULL)
BEGIN
    UPDATE device SET rights_ms = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    WHERE id IN (OLD.gateway_id, NEW.gateway_id, NEW.id);
    UPDATE access_counter SET value = value + 1
    WHERE name = 'revision' AND EXISTS (
        SELECT 1 FROM device
        WHERE id IN (OLD.gateway_id, NEW.gateway_id, NEW.id) AND connection_server IS NOT NULL);
END;

CREATE TRIGGER access_key_changed AFTER UPDATE OF document ON access_key
WHEN OLD.document ->> '$.filter_type' IS NOT NEW.document ->> '$.filter_type'
    OR OLD.document -> '$.pub_topics' IS NOT NEW.document -> '$.pub_topics'
    OR OLD.document -> '$.sub_topics' IS NOT NEW.document -> '$.sub_topics'
    OR OLD.document ->> '$.address_filter_type' IS NOT NEW.document ->> '$.address_filter_type'
    OR OLD.document -> '$.addresses' IS NOT NEW.document -> '$.addresses'
BEGIN
    UPDATE access_key SET rights_ms = CAST((julianday('now') - 2440587.5) * 86400000 AS INTEGER)
    WHERE id = NEW.id;
END;
