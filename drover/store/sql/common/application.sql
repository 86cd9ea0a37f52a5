-- name: application_get
-- Read an application.
SELECT id, document, apart, NULL AS parent_id
FROM application WHERE id = :id AND id = :application_id;

-- name: application_lock
-- Read an application, keeping others from changing it until the end of the transaction.
SELECT id, document, apart, NULL AS parent_id
FROM application WHERE id = :id AND id = :application_id;

-- name: application_add
-- Insert an application.
INSERT INTO application (
    id, owner_type, owner_id, name, slug, created_ms, updated_ms, apart, document
) VALUES (
    :id, :owner_type, :owner_id, :name, :slug, :created_ms, :updated_ms, :apart, :document
);

-- name: application_put
-- Replace an application.
UPDATE application SET
    owner_type = :owner_type, owner_id = :owner_id, name = :name, slug = :slug, updated_ms =
    :updated_ms, apart = :apart, document = :document
WHERE id = :id AND id = :application_id;

-- name: application_remove
-- Delete an application.
DELETE FROM application WHERE id = :id AND id = :application_id;
