-- name: flow_count_add
-- Add to the counts of a minute, unless the flow is gone.
INSERT INTO flow_count (
    flow_id, minute_ms, version, runs, paths_completed, paths_failed, wall_ms
)
SELECT
    CAST(:flow_id AS TEXT), CAST(:minute_ms AS BIGINT), CAST(:version AS TEXT),
    CAST(:runs AS BIGINT), CAST(:paths_completed AS BIGINT), CAST(:paths_failed AS BIGINT),
    CAST(:wall_ms AS DOUBLE PRECISION)
WHERE EXISTS (SELECT 1 FROM flow WHERE id = :flow_id)
ON CONFLICT (flow_id, minute_ms, version) DO UPDATE SET
    runs = flow_count.runs + excluded.runs,
    paths_completed = flow_count.paths_completed + excluded.paths_completed,
    paths_failed = flow_count.paths_failed + excluded.paths_failed,
    wall_ms = flow_count.wall_ms + excluded.wall_ms;

-- name: flow_counts
-- Read a flow's counts of a span, newest first.
SELECT * FROM flow_count
WHERE flow_id = :flow_id AND minute_ms >= :start_ms AND minute_ms < :end_ms
    AND (CAST(:version AS TEXT) IS NULL OR version = CAST(:version AS TEXT))
ORDER BY minute_ms DESC, version
LIMIT :limit;

-- name: flow_note_add
-- Keep an error or a debug message, unless the flow is gone.
INSERT INTO flow_note (flow_id, topic, seq, time_ms, version, document)
SELECT
    CAST(:flow_id AS TEXT), CAST(:topic AS TEXT),
    COALESCE(
        (SELECT MAX(seq) FROM flow_note WHERE flow_id = :flow_id AND topic = :topic), 0
    ) + 1,
    CAST(:time_ms AS BIGINT), CAST(:version AS TEXT), CAST(:document AS TEXT)
WHERE EXISTS (SELECT 1 FROM flow WHERE id = :flow_id);

-- name: flow_note_prune
-- Keep only a flow's newest notes.
DELETE FROM flow_note
WHERE flow_id = :flow_id AND topic = :topic AND seq <= (
    SELECT MAX(seq) FROM flow_note WHERE flow_id = :flow_id AND topic = :topic
) - CAST(:kept AS BIGINT);

-- name: flow_notes
-- Read a flow's newest notes of a span, newest first.
SELECT * FROM flow_note
WHERE flow_id = :flow_id AND topic = :topic AND time_ms >= :start_ms AND time_ms < :end_ms
    AND (CAST(:version AS TEXT) IS NULL OR version = CAST(:version AS TEXT))
ORDER BY seq DESC
LIMIT :limit;
