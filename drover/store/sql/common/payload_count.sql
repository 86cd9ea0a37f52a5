-- name: payload_count_forget
-- Delete counts of hours before a moment.
DELETE FROM payload_count WHERE hour_ms < :before_ms;

-- name: purge_payload_count
-- Delete some of an application's counts.
DELETE FROM payload_count WHERE (application_id, hour_ms, category, source) IN (
    SELECT past.application_id, past.hour_ms, past.category, past.source FROM payload_count AS past
    WHERE past.application_id = :application_id LIMIT :limit);
