-- name: device_get
-- Read a device.
SELECT id, document, NULL AS apart, NULL AS parent_id, connected, connection_ms
FROM device WHERE application_id = :application_id AND id = :id AND deleted_ms IS NULL;

-- name: device_lock
-- Read a device, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, NULL AS parent_id, connected, connection_ms
FROM device WHERE application_id = :application_id AND id = :id AND deleted_ms IS NULL;

-- name: device_add
-- Insert a device.
INSERT INTO device (
    application_id, id, name, device_class, parent_id, gateway_id, created_ms, updated_ms,
    deleted_ms, document
) VALUES (
    :application_id, :id, :name, :device_class, :parent_id, :gateway_id, :created_ms,
    :updated_ms, :deleted_ms, :document
);

-- name: device_put
-- Replace a device.
UPDATE device SET
    name = :name, device_class = :device_class, parent_id = :parent_id, gateway_id =
    :gateway_id, updated_ms = :updated_ms, deleted_ms = :deleted_ms, document = :document
WHERE application_id = :application_id AND id = :id;

-- name: device_remove
-- Mark a device as deleted; the text replaces the closing brace of its document.
UPDATE device SET
    deleted_ms = :deleted_ms,
    document = substr(document, 1, length(document) - 1) || :member
WHERE application_id = :application_id AND id = :id AND deleted_ms IS NULL;
