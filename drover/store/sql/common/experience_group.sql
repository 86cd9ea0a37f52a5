-- name: experience_group_get
-- Read an experience group.
SELECT id, document, NULL AS apart, NULL AS parent_id
FROM experience_group WHERE application_id = :application_id AND id = :id;

-- name: experience_group_lock
-- Read an experience group, keeping others from changing it until the end of the transaction.
SELECT id, document, NULL AS apart, NULL AS parent_id
FROM experience_group WHERE application_id = :application_id AND id = :id;

-- name: experience_group_add
-- Insert an experience group.
INSERT INTO experience_group (
    application_id, id, name, parent_id, created_ms, updated_ms, document
) VALUES (
    :application_id, :id, :name, :parent_id, :created_ms, :updated_ms, :document
);

-- name: experience_group_put
-- Replace an experience group.
UPDATE experience_group SET
    name = :name, parent_id = :parent_id, updated_ms = :updated_ms, document = :document
WHERE application_id = :application_id AND id = :id;

-- name: experience_group_remove
-- Delete an experience group.
DELETE FROM experience_group WHERE application_id = :application_id AND id = :id;
