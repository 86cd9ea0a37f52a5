-- The index that finds a resource's executions compares for equality alone: offered for ranges of ids
-- too, it was taken for the ranges of a chunk, and read those of every execution there is.
DROP INDEX iteration_resource;
CREATE INDEX iteration_resource ON iteration (resource_id text_pattern_ops, execution);
