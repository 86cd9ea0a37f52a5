-- name: flow_storage_all
-- Read every value a flow keeps.
SELECT key, value FROM flow_storage WHERE flow_id = :flow_id ORDER BY key;

-- name: flow_storage_put
-- Store a value under a key.
INSERT INTO flow_storage (flow_id, key, value) VALUES (:flow_id, :key, :value)
ON CONFLICT (flow_id, key) DO UPDATE SET value = excluded.value;

-- name: flow_storage_takes
-- Read whether a flow has a key, or fewer than it may have; they are counted for a new one only.
SELECT CASE
    WHEN EXISTS (SELECT 1 FROM flow_storage WHERE flow_id = :flow_id AND key = :key) THEN 1
    WHEN (SELECT count(*) FROM flow_storage WHERE flow_id = :flow_id) < :most THEN 1
    ELSE 0
END AS takes;

-- name: flow_storage_remove
-- Forget one value.
DELETE FROM flow_storage WHERE flow_id = :flow_id AND key = :key;

-- name: flow_storage_clear
-- Forget every value a flow keeps.
DELETE FROM flow_storage WHERE flow_id = :flow_id;
