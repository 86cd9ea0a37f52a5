-- name: application_lock
-- Read an application, keeping others from changing it until the end of the transaction.
SELECT id, document, apart, NULL AS parent_id
FROM application WHERE id = :id AND id = :application_id FOR UPDATE;

-- name: document_lock
-- Read a resource of a quiet kind, keeping others from changing it until the end of the transaction.
SELECT id, document, apart, parent_id
FROM document WHERE application_id = :application_id AND kind = :kind AND id = :id FOR UPDATE;

-- name: device_lock
-- Read a device, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, NULL AS parent_id, connected, connection_ms
FROM device WHERE application_id = :application_id AND id = :id AND deleted_ms IS NULL FOR UPDATE;

-- name: event_lock
-- Read an event, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, NULL AS parent_id
FROM event WHERE application_id = :application_id AND id = :id FOR UPDATE;

-- name: experience_user_lock
-- Read an experience user, keeping others from changing it until the end of the transaction.
SELECT id, document, apart, NULL AS parent_id
FROM experience_user WHERE application_id = :application_id AND id = :id FOR UPDATE;

-- name: experience_group_lock
-- Read an experience group, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, NULL AS parent_id
FROM experience_group WHERE application_id = :application_id AND id = :id FOR UPDATE;

-- name: flow_lock
-- Read a workflow, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, NULL AS parent_id
FROM flow WHERE application_id = :application_id AND id = :id FOR UPDATE;

-- name: flow_version_lock
-- Read a version of a workflow, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, flow_id AS parent_id
FROM flow_version WHERE application_id = :application_id AND id = :id FOR UPDATE;
