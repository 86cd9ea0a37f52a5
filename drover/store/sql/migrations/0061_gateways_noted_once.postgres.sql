-- Of many devices that come behind a gateway in one transaction the first one is enough. The gateways
-- noted last are remembered as a text, which is looked through a hundred times as fast as the
-- gateway's row is found.

CREATE OR REPLACE FUNCTION note_device_behind_gateway() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    noted TEXT := coalesce(current_setting('drover.gateways_noted', true), '');
BEGIN
    IF position(NEW.gateway_id IN noted) = 0 THEN
        PERFORM note_rights_of_devices(ARRAY[NEW.gateway_id]);
        PERFORM set_config('drover.gateways_noted', left(NEW.gateway_id || ' ' || noted, 50000), true);
    END IF;
    RETURN NULL;
END;
$$;
