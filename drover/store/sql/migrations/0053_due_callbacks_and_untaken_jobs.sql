-- A callback is due once its job has ended, and not before: whoever looks for those that are due
-- need not step over jobs that still wait or run.
UPDATE beacon_job SET callback_due_ms = NULL
WHERE callback_due_ms IS NOT NULL
  AND number IN (SELECT number FROM execution WHERE kind = 'beacon' AND completed_ms IS NULL);
UPDATE beacon_job SET callback_due_ms = NULL
WHERE callback_due_ms IS NOT NULL
  AND number IN (SELECT number FROM execution WHERE kind = 'beacon_template');

-- Jobs of a beacon that nobody took: those that are queued are in another index. A job that is
-- queued, taken and ended is never in this one, so that it costs nothing. PostgreSQL takes states and
-- moments for independent of each other, and would think that many are here: it is asked by an
-- expression of which it expects few.
CREATE INDEX execution_untaken ON execution (queue, number)
    WHERE coalesce(picked_ms, 0) = 0 AND state <> 'queued' AND queue IS NOT NULL;
