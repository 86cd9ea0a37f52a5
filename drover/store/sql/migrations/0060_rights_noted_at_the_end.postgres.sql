-- Rights are noted when a transaction ends, not while it goes on: one that brings many devices takes
-- minutes. Until it ends gateways come and go, which waits for nothing of it; who came meanwhile was
-- let in with the rights from before, so the moment that counts is the end.

CREATE OR REPLACE FUNCTION note_rights_of_devices(ids TEXT[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    now_ms BIGINT := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
    -- When this transaction noted the first: once for each device is enough, and what others noted
    -- while it went on is not its own.
    since_ms BIGINT := nullif(current_setting('drover.rights_since_ms', true), '')::bigint;
BEGIN
    IF since_ms IS NULL THEN
        since_ms := now_ms;
        PERFORM set_config('drover.rights_since_ms', now_ms::text, true);
    END IF;
    UPDATE device SET rights_ms = now_ms
    WHERE id = ANY(ids) AND (rights_ms IS NULL OR rights_ms < since_ms);
    IF FOUND THEN
        UPDATE access_counter SET value = value + 1
        WHERE name = 'revision' AND EXISTS (
            SELECT 1 FROM device WHERE id = ANY(ids) AND connection_server IS NOT NULL);
    END IF;
END;
$$;

DROP TRIGGER device_behind_gateway ON device;
DROP TRIGGER device_gateway_changed ON device;

CREATE CONSTRAINT TRIGGER device_behind_gateway AFTER INSERT ON device
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.gateway_id IS NOT NULL)
    EXECUTE FUNCTION note_device_behind_gateway();

CREATE CONSTRAINT TRIGGER device_gateway_changed
    AFTER UPDATE OF gateway_id, device_class, deleted_ms ON device
    DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (
        OLD.gateway_id IS DISTINCT FROM NEW.gateway_id OR OLD.device_class <> NEW.device_class
        OR (NEW.gateway_id IS NOT NULL AND OLD.deleted_ms IS NOT NULL AND NEW.deleted_ms IS NULL))
    EXECUTE FUNCTION note_gateway_changed();
