-- name: flow_subscribed
-- Read the triggers of a type and key, with all that their flows' definitions are made from.
SELECT
    trigger.flow_id, trigger.position, trigger.config, flow.document AS flow,
    version.document AS version, application.document AS application
FROM flow_trigger AS trigger
JOIN flow ON flow.id = trigger.flow_id
JOIN application ON application.id = trigger.application_id
LEFT JOIN flow_version AS version ON version.id = trigger.version_id
WHERE trigger.application_id = :application_id
    AND trigger.type = :type
    AND trigger.key IN (:key, :other_key)
    AND (CAST(:flow_id AS TEXT) IS NULL OR trigger.flow_id = CAST(:flow_id AS TEXT))
    AND flow.enabled = 1
    AND (version.id IS NULL OR version.enabled = 1)
    AND CASE
        WHEN CAST(:version AS TEXT) IS NULL
            THEN trigger.version_id = COALESCE(flow.default_version_id, '')
        WHEN CAST(:version AS TEXT) = 'develop' THEN trigger.version_id = ''
        ELSE version.version = CAST(:version AS TEXT)
    END
ORDER BY trigger.flow_id, trigger.position;

-- name: flow_awaited
-- Look whether any flow has a trigger of a type and key.
SELECT 1 AS found FROM flow_trigger
WHERE application_id = :application_id AND type = :type AND key IN (:key, :other_key)
LIMIT 1;

-- name: flow_trigger_clear
-- Forget what a version of a flow is found by.
DELETE FROM flow_trigger WHERE flow_id = :flow_id AND version_id = :version_id;

-- name: flow_trigger_add
-- Let a version of a flow be found by one of its triggers.
INSERT INTO flow_trigger (application_id, flow_id, version_id, position, type, key, config)
VALUES (:application_id, :flow_id, :version_id, :position, :type, :key, :config);

-- name: flow_using
-- Read which flows wait for something in any version.
SELECT DISTINCT flow_id FROM flow_trigger
WHERE application_id = :application_id AND type = :type AND key = :key;

-- name: flow_trigger_keys
-- Read what the triggers of a type wait for.
SELECT DISTINCT key FROM flow_trigger
WHERE application_id = :application_id AND type = :type
ORDER BY key;

-- name: flow_trigger_all_keys
-- Read what the triggers of a type wait for in every application.
SELECT DISTINCT application_id, key FROM flow_trigger
WHERE type = :type
ORDER BY application_id, key;
