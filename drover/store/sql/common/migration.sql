-- name: create_migration_table
-- Keep which migrations this store has had.
CREATE TABLE IF NOT EXISTS migration (
    version       INTEGER PRIMARY KEY,
    name          TEXT NOT NULL,
    applied_at_ms BIGINT NOT NULL,
    checksum      TEXT NOT NULL
);

-- name: applied_migrations
-- Read the migrations this store has had, oldest first.
SELECT version, name, checksum FROM migration ORDER BY version;

-- name: record_migration
-- Note that a migration has been applied.
INSERT INTO migration (version, name, applied_at_ms, checksum)
VALUES (:version, :name, :applied_at_ms, :checksum);
