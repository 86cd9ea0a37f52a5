-- name: table_row_lock
-- Read a row, keeping others from changing it until the end of the transaction.
SELECT document FROM table_row
WHERE application_id = :application_id AND table_id = :table_id AND id = :id FOR UPDATE;

-- name: table_rows_remove
-- Delete some rows of a data table.
DELETE FROM table_row WHERE table_id = :table_id AND id = ANY(:ids::text[]);

-- name: table_column_drop
-- Take a member out of the documents of all rows.
UPDATE table_row SET document = (document::jsonb - :name::text)::text WHERE table_id = :table_id;
