-- name: place_note
-- Note the place of a message; one that was noted before brings nothing back.
INSERT INTO message_place (application_id, name, noted_ms)
VALUES (:application_id, :name, :now_ms)
ON CONFLICT DO NOTHING
RETURNING application_id, name;

-- name: places_forget
-- Forget places that were noted before a moment, the oldest first.
DELETE FROM message_place WHERE (application_id, name) IN (
    SELECT application_id, name FROM message_place
    WHERE noted_ms < :before_ms ORDER BY noted_ms LIMIT :limit
);
