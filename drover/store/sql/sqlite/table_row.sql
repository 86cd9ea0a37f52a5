-- name: table_rows_remove
-- Delete some rows of a data table.
DELETE FROM table_row
WHERE table_id = :table_id AND id IN (SELECT value FROM json_each(:ids));

-- name: table_column_drop
-- Take a member out of the documents of all rows.
UPDATE table_row SET document = json_remove(document, :path) WHERE table_id = :table_id;
