-- name: document_get
-- Read a resource of a quiet kind.
SELECT id, document, apart, parent_id
FROM document WHERE application_id = :application_id AND kind = :kind AND id = :id;

-- name: document_lock
-- Read a resource of a quiet kind, keeping others from changing it until the end of the transaction.
SELECT id, document, apart, parent_id
FROM document WHERE application_id = :application_id AND kind = :kind AND id = :id;

-- name: document_add
-- Insert a resource of a quiet kind.
INSERT INTO document (
    kind, application_id, parent_id, id, name, created_ms, updated_ms, apart, document
) VALUES (
    :kind, :application_id, :parent_id, :id, :name, :created_ms, :updated_ms, :apart,
    :document
);

-- name: document_put
-- Replace a resource of a quiet kind.
UPDATE document SET
    parent_id = :parent_id, name = :name, updated_ms = :updated_ms, apart = :apart, document =
    :document
WHERE application_id = :application_id AND kind = :kind AND id = :id;

-- name: document_remove
-- Delete a resource of a quiet kind.
DELETE FROM document WHERE application_id = :application_id AND kind = :kind AND id = :id;

-- name: document_by_own_name
-- Find a resource, whosever it is, of a kind whose names nobody else may have.
SELECT document, apart FROM document
WHERE kind = :kind AND name = :name AND kind IN ('experienceSlug', 'experienceDomain');
