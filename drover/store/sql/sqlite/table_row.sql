-- name: table_rows_remove
-- Delete some rows of a data table and tell which were there.
DELETE FROM table_row
WHERE table_id = :table_id AND id IN (SELECT value FROM json_each(:ids)) RETURNING id;

-- name: table_column_drop
-- Take a member out of the documents of all rows.
UPDATE table_row SET document = json_remove(document, :path) WHERE table_id = :table_id;

-- name: sqlite_table_rows_add
-- Insert rows of one moment into a data table: a JSON array of them, which costs one step.
INSERT INTO table_row (application_id, table_id, id, created_ms, updated_ms, document)
SELECT :application_id, :table_id, value ->> 'id', :created_ms, :updated_ms, value
FROM json_each(:rows);

-- name: table_rows_after
-- Read the rows of a data table that come after a place, oldest first, as one JSON array: one step.
SELECT count(*) AS total, '[' || group_concat(document) || ']' AS documents,
       max(printf('%020d', created_ms) || id) AS last
FROM (
    SELECT id, created_ms, document FROM table_row
    WHERE table_id = :table_id AND (created_ms, id) > (:created_ms, :id)
    ORDER BY created_ms, id LIMIT :limit);
