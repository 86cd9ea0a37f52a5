-- name: flow_storage_get
-- Read the values of some keys.
SELECT key, value FROM flow_storage
WHERE flow_id = :flow_id AND key IN (SELECT unnest(:keys::text[]));

-- name: flow_storage_lock
-- Keep others from changing a flow's values until the end of the transaction.
SELECT id FROM flow WHERE id = :flow_id FOR NO KEY UPDATE;

-- name: flow_storage_size
-- Count a flow's keys, and the bytes that keys and values take.
SELECT
    COUNT(*) AS keys, COALESCE(SUM(octet_length(key) + octet_length(value)), 0) AS bytes
FROM flow_storage WHERE flow_id = :flow_id;
