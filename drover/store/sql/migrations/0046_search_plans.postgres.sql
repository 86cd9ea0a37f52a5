-- Searches cost the same however much was written just before them, and whatever the planner
-- believes: it knows a table that just grew for the small one it was, and reads all of it then.
ALTER INDEX search_entry_part SET (gin_pending_list_limit = 256);

-- The index keeps each part of a name once, whether it is told once or twice.
CREATE OR REPLACE FUNCTION search_grams(folded TEXT) RETURNS TEXT[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT ARRAY(SELECT substr(folded, at, 3) FROM generate_series(1, length(folded) - 2) AS at)
$$;

CREATE FUNCTION search_many(application TEXT, few BIGINT) RETURNS BOOLEAN LANGUAGE sql STABLE
SET enable_bitmapscan = off SET enable_seqscan = off AS $$
    SELECT count(*) > few FROM (
        SELECT 1 FROM search_entry WHERE application_id = application LIMIT few + 1
    ) AS found
$$;

CREATE FUNCTION search_first(
    application TEXT, first TEXT, last TEXT, kinds TEXT[], most BIGINT
) RETURNS TABLE (kind TEXT, id TEXT) LANGUAGE sql STABLE
SET enable_bitmapscan = off SET enable_seqscan = off SET enable_sort = off AS $$
    SELECT entry.kind, entry.id FROM search_entry AS entry
    WHERE entry.application_id = application AND entry.folded >= first AND entry.folded < last
      AND entry.kind = ANY(kinds)
    ORDER BY entry.folded, entry.id LIMIT most
$$;
