-- name: search_many
-- Tell whether an application has more than a few names.
SELECT search_many(:application_id, :few::bigint) AS many;

-- name: search_each
-- Look at each name of an application.
SELECT kind, id FROM search_entry
WHERE application_id = :application_id AND strpos(folded, :text) > 0
  AND kind = ANY(:kinds::text[])
ORDER BY folded, id LIMIT :limit;

-- name: search_first
-- Find the names of an application that begin with a text.
SELECT kind, id
FROM search_first(:application_id, :first, :last, :kinds::text[], :limit::bigint);

-- name: search_parts
-- Find names by their parts; that the parts hang together is looked at after.
SELECT kind, id FROM search_entry
WHERE search_grams(folded) @> :grams::text[] AND application_id = :application_id
  AND strpos(folded, :text) > 0 AND kind = ANY(:kinds::text[])
LIMIT :limit;
