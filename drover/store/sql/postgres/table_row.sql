-- name: table_row_lock
-- Read a row, keeping others from changing it until the end of the transaction.
SELECT document FROM table_row
WHERE application_id = :application_id AND table_id = :table_id AND id = :id FOR UPDATE;

-- name: table_rows_remove
-- Delete some rows of a data table and tell which were there.
DELETE FROM table_row WHERE table_id = :table_id AND id = ANY(:ids::text[]) RETURNING id;

-- name: table_column_drop
-- Take a member out of the documents of all rows.
UPDATE table_row SET document = (document::jsonb - :name::text)::text WHERE table_id = :table_id;

-- name: table_rows_after
-- Read the rows of a data table that come after a place, oldest first, as one JSON array.
SELECT count(*) AS total, '[' || string_agg(document, ',' ORDER BY created_ms, id) || ']' AS documents,
       max(lpad(created_ms::text, 20, '0') || id) AS last
FROM (
    SELECT id, created_ms, document FROM table_row
    WHERE table_id = :table_id AND (created_ms, id) > (:created_ms, :id)
    ORDER BY created_ms, id LIMIT :limit) AS page;
