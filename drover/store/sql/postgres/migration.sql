-- name: postgres_lock_migrations
-- Let one server at a time migrate this database; freed at the end of the transaction.
SELECT pg_advisory_xact_lock(7235124811604803);

-- name: postgres_collate_text_columns
-- Make new text columns sort by code point, as SQLite does, whatever the database's locale.
DO $$
DECLARE found record;
BEGIN
    FOR found IN
        SELECT c.relname AS table_name, a.attname AS column_name
        FROM pg_attribute AS a
        JOIN pg_class AS c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p')
        WHERE c.relnamespace = current_schema()::regnamespace
          AND a.attnum > 0 AND NOT a.attisdropped
          AND a.atttypid = 'text'::regtype
          AND a.attcollation <> 'pg_catalog."C"'::regcollation
    LOOP
        EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE text COLLATE "C"',
                       found.table_name, found.column_name);
    END LOOP;
END $$;

-- name: migration_table
--- Tell whether a server has ever begun this store.
SELECT 'migration' AS name WHERE to_regclass('migration') IS NOT NULL;

-- name: postgres_settings
-- Read the settings that decide whether a commit is durable.
SELECT current_setting('server_version_num')::integer AS server_version_num,
       current_setting('server_version') AS server_version,
       current_setting('synchronous_commit') AS synchronous_commit,
       current_setting('fsync') AS fsync,
       current_setting('full_page_writes') AS full_page_writes,
       current_setting('server_encoding') AS server_encoding,
       current_setting('max_connections')::integer AS max_connections;

-- name: postgres_now_ms
-- Read the clock of this moment (not of the transaction's start).
SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint AS now_ms;
