-- name: payload_count_forget
-- Delete counts of hours before a moment.
DELETE FROM payload_count WHERE hour_ms < :before_ms;
