-- name: flow_version_get
-- Read a version of a workflow.
SELECT id, document, NULL AS apart, flow_id AS parent_id
FROM flow_version WHERE application_id = :application_id AND id = :id;

-- name: flow_version_lock
-- Read a version of a workflow, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, flow_id AS parent_id
FROM flow_version WHERE application_id = :application_id AND id = :id;

-- name: flow_version_add
-- Insert a version of a workflow.
INSERT INTO flow_version (
    application_id, flow_id, id, version, enabled, created_ms, updated_ms, document
) VALUES (
    :application_id, :flow_id, :id, :version, :enabled, :created_ms, :updated_ms, :document
);

-- name: flow_version_put
-- Replace a version of a workflow.
UPDATE flow_version SET
    version = :version, enabled = :enabled, updated_ms = :updated_ms, document = :document
WHERE application_id = :application_id AND id = :id;

-- name: flow_version_remove
-- Delete a version of a workflow.
DELETE FROM flow_version WHERE application_id = :application_id AND id = :id;
