-- Items are settled in place. An update that changes no indexed value, and finds room on its page,
-- writes the row alone (HOT) and no index. The columns of an index's condition count as indexed, so
-- the two indices of waiting items name their moment and no longer the state, which every item
-- changes. A page is filled to a part, for each of its rows to be written a second time.

DROP INDEX iteration_awaiting;
DROP INDEX iteration_waiting;
CREATE INDEX iteration_awaiting ON iteration (execution, deadline_ms) WHERE deadline_ms IS NOT NULL;
CREATE INDEX iteration_waiting ON iteration (execution, ready_ms) WHERE ready_ms IS NOT NULL;
ALTER TABLE iteration SET (fillfactor = 40);
ALTER TABLE execution SET (fillfactor = 50);
