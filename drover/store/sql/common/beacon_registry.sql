-- name: beacon_worker_note
-- Write a worker's sign of life, and what it told along; its account may be gone by now.
INSERT INTO beacon_worker (
    owner_id, worker, user_number, names, labels, version, draining, first_beat_ms, last_beat_ms
)
SELECT
    CAST(:owner_id AS TEXT), CAST(:worker AS TEXT), CAST(:user_number AS BIGINT),
    coalesce(CAST(:names AS TEXT), '[]'), coalesce(CAST(:labels AS TEXT), '[]'),
    coalesce(CAST(:version AS TEXT), ''), coalesce(CAST(:draining AS INTEGER), 0),
    CAST(:beat_ms AS BIGINT), CAST(:beat_ms AS BIGINT)
WHERE EXISTS (SELECT 1 FROM account WHERE id = :owner_id)
ON CONFLICT (owner_id, worker) DO UPDATE SET
    names = coalesce(CAST(:names AS TEXT), beacon_worker.names),
    labels = coalesce(CAST(:labels AS TEXT), beacon_worker.labels),
    version = coalesce(CAST(:version AS TEXT), beacon_worker.version),
    draining = coalesce(CAST(:draining AS INTEGER), beacon_worker.draining),
    last_beat_ms = CASE
        WHEN excluded.last_beat_ms > beacon_worker.last_beat_ms THEN excluded.last_beat_ms
        ELSE beacon_worker.last_beat_ms END;

-- name: beacon_worker_trim
-- Forget the workers of an account that gave signs longest ago.
DELETE FROM beacon_worker
WHERE owner_id = :owner_id AND worker IN (
    SELECT oldest.worker FROM beacon_worker AS oldest
    WHERE oldest.owner_id = :owner_id
    ORDER BY oldest.last_beat_ms DESC, oldest.worker LIMIT 1000000000 OFFSET :most);

-- name: beacon_worker_forget
-- Forget workers that gave no sign since a moment.
DELETE FROM beacon_worker WHERE last_beat_ms < :before_ms;
