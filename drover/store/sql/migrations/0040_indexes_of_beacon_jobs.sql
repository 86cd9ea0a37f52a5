-- Every index that a job of a beacon is in costs a page of the commits that create it, hand it out and
-- end it. No statement looks for those that nobody took by their beacon; and what is due at once, as
-- most jobs are, need not be found by when it will be due.

DROP INDEX execution_unpicked;
DROP INDEX execution_next_due;
CREATE INDEX execution_next_due ON execution (queue, due_ms)
    WHERE state = 'queued' AND queue IS NOT NULL AND due_ms > requested_ms;
