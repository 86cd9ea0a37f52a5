-- name: schedules_due
-- Read active schedules whose moment has come, passing over those that another server holds.
SELECT * FROM schedule
WHERE active = 1 AND next_due_ms <= :now_ms
ORDER BY next_due_ms, kind, ref
LIMIT :limit
FOR UPDATE SKIP LOCKED;
