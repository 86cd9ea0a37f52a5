-- A device is let in with the topics of its key, a gateway also with those of the devices behind it.
-- When these become others the moment is noted: connections from before it are ended, and devices
-- have their new rights when they come again.

ALTER TABLE device ADD COLUMN rights_ms BIGINT;
ALTER TABLE access_key ADD COLUMN rights_ms BIGINT;

-- Once in a transaction is enough: one that makes many devices behind a gateway writes it once.
CREATE FUNCTION note_rights_of_devices(ids TEXT[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE device SET rights_ms = (extract(epoch FROM clock_timestamp()) * 1000)::bigint
    WHERE id = ANY(ids)
        AND (rights_ms IS NULL OR rights_ms < (extract(epoch FROM now()) * 1000)::bigint);
    IF FOUND THEN
        UPDATE access_counter SET value = value + 1
        WHERE name = 'revision' AND EXISTS (
            SELECT 1 FROM device WHERE id = ANY(ids) AND connection_server IS NOT NULL);
    END IF;
END;
$$;

CREATE FUNCTION note_device_behind_gateway() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_rights_of_devices(ARRAY[NEW.gateway_id]);
    RETURN NULL;
END;
$$;

CREATE FUNCTION note_gateway_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM note_rights_of_devices(ARRAY[OLD.gateway_id, NEW.gateway_id, NEW.id]);
    RETURN NULL;
END;
$$;

CREATE FUNCTION note_access_key_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.rights_ms := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
    RETURN NEW;
END;
$$;

CREATE TRIGGER device_behind_gateway AFTER INSERT ON device
    FOR EACH ROW WHEN (NEW.gateway_id IS NOT NULL)
    EXECUTE FUNCTION note_device_behind_gateway();

CREATE TRIGGER device_gateway_changed
    AFTER UPDATE OF gateway_id, device_class, deleted_ms ON device
    FOR EACH ROW WHEN (
        OLD.gateway_id IS DISTINCT FROM NEW.gateway_id OR OLD.device_class <> NEW.device_class
        OR (NEW.gateway_id IS NOT NULL AND OLD.deleted_ms IS NOT NULL AND NEW.deleted_ms IS NULL))
    EXECUTE FUNCTION note_gateway_changed();

CREATE TRIGGER access_key_changed BEFORE UPDATE OF document ON access_key
    FOR EACH ROW WHEN (
        OLD.document::jsonb -> 'filter_type' IS DISTINCT FROM NEW.document::jsonb -> 'filter_type'
        OR OLD.document::jsonb -> 'pub_topics' IS DISTINCT FROM NEW.document::jsonb -> 'pub_topics'
        OR OLD.document::jsonb -> 'sub_topics' IS DISTINCT FROM NEW.document::jsonb -> 'sub_topics'
        OR OLD.document::jsonb -> 'address_filter_type'
            IS DISTINCT FROM NEW.document::jsonb -> 'address_filter_type'
        OR OLD.document::jsonb -> 'addresses' IS DISTINCT FROM NEW.document::jsonb -> 'addresses')
    EXECUTE FUNCTION note_access_key_changed();
