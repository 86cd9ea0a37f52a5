-- name: iterations_settle
-- Apply acknowledgements to items that have not ended; none with a fence older than the item's.
-- The execution comes from the given rows too, so that each is one look into the key.
WITH given AS MATERIALIZED (
    SELECT :number AS execution, value ->> 0 AS resource_id, value ->> 1 AS ok,
           value ->> 2 AS message, value ->> 3 AS accumulator
    FROM json_each(:rows))
UPDATE iteration SET
    previous = CASE WHEN state = 1 AND held_by IS NOT NULL AND held_by <> :held_by THEN 6
                    ELSE state END,
    state = CASE WHEN given.ok THEN 3
                 WHEN retries < :allowed OR (state = 2 AND :allowed > 0) THEN 2 ELSE 4 END,
    ready_ms = CASE WHEN given.ok THEN NULL
                    WHEN state = 2 AND :allowed > 0 THEN ready_ms
                    WHEN retries < :allowed THEN CAST(:ready_ms AS BIGINT) END,
    completed_ms = CASE WHEN given.ok OR NOT (retries < :allowed OR (state = 2 AND :allowed > 0))
                        THEN CAST(:now_ms AS BIGINT) END,
    retries = CASE WHEN given.ok OR state = 2 OR retries >= :allowed THEN retries
                   ELSE retries + 1 END,
    last_outcome = CASE WHEN given.ok THEN 3 ELSE 4 END,
    attempt = CASE WHEN attempt = 0 THEN 1 ELSE attempt END,
    started_ms = coalesce(started_ms, CAST(:started_ms AS BIGINT)),
    message = given.message,
    accumulator = coalesce(given.accumulator, CAST(:accumulator AS TEXT)),
    held_by = NULL, deadline_ms = NULL
FROM given
WHERE iteration.execution = given.execution AND iteration.resource_id = given.resource_id
  AND iteration.state < 3 AND iteration.fence <= :fence
  AND (iteration.state > 0 OR iteration.resource_id <= :cursor)
RETURNING iteration.resource_id, iteration.previous, iteration.state;

-- name: iterations_among
-- Read how given items stand.
SELECT resource_id, state, fence FROM iteration
WHERE execution = :number AND resource_id IN (SELECT value FROM json_each(:ids));

-- name: iterations_page_in
-- Read items in given states in order of their resources.
SELECT * FROM iteration
WHERE execution = :number AND resource_id > :after_id AND state IN (SELECT value FROM json_each(:states))
ORDER BY resource_id
LIMIT :limit;

-- name: device_documents
-- Read resources by id.
SELECT resource.id, resource.document FROM device AS resource
WHERE resource.id IN (SELECT value FROM json_each(:ids)) AND resource.deleted_ms IS NULL;

-- name: table_row_documents
-- Read resources by id.
SELECT resource.id, resource.document FROM table_row AS resource
WHERE resource.id IN (SELECT value FROM json_each(:ids));

-- name: experience_user_documents
-- Read resources by id.
SELECT resource.id, resource.document FROM experience_user AS resource
WHERE resource.id IN (SELECT value FROM json_each(:ids));

-- name: experience_group_documents
-- Read resources by id.
SELECT resource.id, resource.document FROM experience_group AS resource
WHERE resource.id IN (SELECT value FROM json_each(:ids));
