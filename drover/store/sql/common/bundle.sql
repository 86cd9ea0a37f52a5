-- name: import_log_add
-- Insert an import unless another one of its owner runs.
INSERT INTO import_log (application_id, id, owner_id, queued_ms, running_until_ms, document)
VALUES (:application_id, :id, :owner_id, :queued_ms, :running_until_ms, :document)
ON CONFLICT DO NOTHING;

-- name: import_log_overdue
-- Read the imports of an owner whose time is over.
SELECT document FROM import_log
WHERE owner_id = :owner_id AND running_until_ms <= :now_ms;

-- name: import_log_hold
-- Let an import run on.
UPDATE import_log SET running_until_ms = :running_until_ms
WHERE id = :id AND running_until_ms IS NOT NULL;

-- name: import_log_resume
-- Let an import that waited or was stopped run, unless another one of its owner does.
UPDATE import_log SET running_until_ms = :running_until_ms, document = :document
WHERE id = :id AND NOT EXISTS (
    SELECT 1 FROM import_log AS other
    WHERE other.owner_id = :owner_id AND other.running_until_ms IS NOT NULL AND other.id <> :id
);

-- name: import_log_put
-- Replace an import that goes on.
UPDATE import_log SET document = :document WHERE id = :id;

-- name: import_log_end
-- Replace an import that has ended.
UPDATE import_log SET document = :document, running_until_ms = NULL WHERE id = :id;

-- name: import_log_list
-- Read the imports into an application, newest first.
SELECT document FROM import_log
WHERE application_id = :application_id AND queued_ms >= :since_ms
ORDER BY queued_ms DESC, id DESC LIMIT :limit;

-- name: import_log_forget
-- Delete the oldest imports into an application, but for so many of those that ended.
DELETE FROM import_log WHERE id IN (
    SELECT id FROM import_log WHERE application_id = :application_id AND running_until_ms IS NULL
    ORDER BY queued_ms DESC, id DESC LIMIT 1000 OFFSET :kept
);

-- name: download_add
-- Insert a file that may be fetched.
INSERT INTO download (id, application_id, key, name, expires_ms)
VALUES (:id, :application_id, :key, :name, :expires_ms);

-- name: download_get
-- Read a file that may be fetched.
SELECT id, application_id, key, name, expires_ms FROM download WHERE id = :id;

-- name: download_past
-- Read some files whose time is over.
SELECT id, application_id, key, name, expires_ms FROM download
WHERE expires_ms <= :now_ms ORDER BY expires_ms, id LIMIT :limit;

-- name: download_remove
-- Forget a file.
DELETE FROM download WHERE id = :id;
