-- name: migration_table
--- Tell whether a server has ever begun this store.
SELECT name FROM sqlite_master WHERE type = 'table' AND name = 'migration';
