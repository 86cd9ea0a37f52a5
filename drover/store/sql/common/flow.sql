-- name: flow_get
-- Read a workflow.
SELECT id, document, NULL AS apart, NULL AS parent_id
FROM flow WHERE application_id = :application_id AND id = :id;

-- name: flow_lock
-- Read a workflow, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, NULL AS parent_id
FROM flow WHERE application_id = :application_id AND id = :id;

-- name: flow_add
-- Insert a workflow.
INSERT INTO flow (
    application_id, id, name, flow_class, enabled, default_version_id, created_ms, updated_ms,
    document
) VALUES (
    :application_id, :id, :name, :flow_class, :enabled, :default_version_id, :created_ms,
    :updated_ms, :document
);

-- name: flow_put
-- Replace a workflow.
UPDATE flow SET
    name = :name, flow_class = :flow_class, enabled = :enabled, default_version_id =
    :default_version_id, updated_ms = :updated_ms, document = :document
WHERE application_id = :application_id AND id = :id;

-- name: flow_remove
-- Delete a workflow.
DELETE FROM flow WHERE application_id = :application_id AND id = :id;
