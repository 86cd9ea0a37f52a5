-- What nodes that remember something told a run, by flow, node and turn: a run that is made again,
-- because its server ended, is told the same, since their memories have moved on meanwhile.
ALTER TABLE firing ADD COLUMN told TEXT;
