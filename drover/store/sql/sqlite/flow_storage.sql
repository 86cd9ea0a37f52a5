-- name: flow_storage_get
-- Read the values of some keys.
SELECT key, value FROM flow_storage
WHERE flow_id = :flow_id AND key IN (SELECT value FROM json_each(:keys));

-- name: flow_storage_lock
-- Read the flow; the writer is alone anyway.
SELECT id FROM flow WHERE id = :flow_id;

-- name: flow_storage_size
-- Count a flow's keys, and the bytes that keys and values take.
SELECT
    COUNT(*) AS keys,
    COALESCE(SUM(length(CAST(key AS BLOB)) + length(CAST(value AS BLOB))), 0) AS bytes
FROM flow_storage WHERE flow_id = :flow_id;
