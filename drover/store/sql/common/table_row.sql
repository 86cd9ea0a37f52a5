-- name: table_row_get
-- Read a row of a data table.
SELECT document FROM table_row
WHERE application_id = :application_id AND table_id = :table_id AND id = :id;

-- name: table_row_lock
-- Read a row, keeping others from changing it until the end of the transaction.
SELECT document FROM table_row
WHERE application_id = :application_id AND table_id = :table_id AND id = :id;

-- name: table_row_put
-- Replace a row of a data table.
UPDATE table_row SET updated_ms = :updated_ms, document = :document
WHERE table_id = :table_id AND id = :id;

-- name: table_value_clear
-- Free the unique values of a row.
DELETE FROM table_value WHERE table_id = :table_id AND row_id = :id;

-- name: table_rows_truncate
-- Delete all rows of a data table.
DELETE FROM table_row WHERE table_id = :table_id;

-- name: table_column_fill
-- Add a member to the documents of all rows; the text replaces their closing brace.
UPDATE table_row SET document = substr(document, 1, length(document) - 1) || :member
WHERE table_id = :table_id;

-- name: table_column_free
-- Free the unique values of a column.
DELETE FROM table_value WHERE table_id = :table_id AND column_name = :name;

-- name: table_rows_count
-- Count the rows of all data tables of an application.
SELECT count(*) AS total FROM table_row WHERE application_id = :application_id;
