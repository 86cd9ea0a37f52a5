-- Waiting items are found by their moment, as on PostgreSQL, where that lets rows be written in
-- place.

DROP INDEX iteration_awaiting;
DROP INDEX iteration_waiting;
CREATE INDEX iteration_awaiting ON iteration (execution, deadline_ms) WHERE deadline_ms IS NOT NULL;
CREATE INDEX iteration_waiting ON iteration (execution, ready_ms) WHERE ready_ms IS NOT NULL;
