-- Gateways speak for the devices that no gateway has of its own, which are looked up each time one
-- connects: without this index all devices of the application were read.
CREATE INDEX device_behind_any ON device (application_id, id)
    WHERE device_class = 'floating' AND gateway_id IS NULL AND deleted_ms IS NULL;
