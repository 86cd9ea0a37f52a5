-- name: flow_subscribed
-- Read each trigger that waits for something, of enabled flows in the version that runs.
SELECT waiting.flow_id, waiting.position, waiting.config, flow.document,
    flow_version.document AS version, application.document AS application
FROM flow_trigger AS waiting
JOIN flow ON flow.id = waiting.flow_id
    AND waiting.version_id = coalesce(flow.default_version_id, '')
JOIN application ON application.id = flow.application_id
LEFT JOIN flow_version ON flow_version.id = flow.default_version_id
WHERE waiting.application_id = :application_id
    AND waiting.type = :type AND waiting.key = :key
    AND flow.enabled = 1 AND flow.flow_class IN ('cloud', 'experience')
    AND coalesce(flow_version.enabled, 1) = 1
ORDER BY waiting.flow_id, waiting.position;

-- name: flow_trigger_clear
-- Forget what a version of a flow waited for.
DELETE FROM flow_trigger WHERE flow_id = :flow_id AND version_id = :version_id;

-- name: flow_trigger_add
-- Note what a version of a flow waits for.
INSERT INTO flow_trigger (application_id, flow_id, version_id, position, type, key, config)
VALUES (:application_id, :flow_id, :version_id, :position, :type, :key, :config);

-- name: flow_using
-- Read which flows wait for something in any version.
SELECT DISTINCT flow_id FROM flow_trigger
WHERE application_id = :application_id AND type = :type AND key = :key;
