-- name: search_many
-- Tell whether an application has more than a few names.
SELECT count(*) > :few AS many FROM (
    SELECT 1 FROM search_entry WHERE application_id = :application_id LIMIT :few + 1
);

-- name: search_each
-- Look at each name of an application.
SELECT kind, id FROM search_entry
WHERE application_id = :application_id AND instr(folded, :text) > 0
  AND kind IN (SELECT value FROM json_each(:kinds))
ORDER BY folded, id LIMIT :limit;

-- name: search_first
-- Find the names of an application that begin with a text.
SELECT kind, id FROM search_entry
WHERE application_id = :application_id AND folded >= :first AND folded < :last
  AND kind IN (SELECT value FROM json_each(:kinds))
ORDER BY folded, id LIMIT :limit;

-- name: search_parts
-- Find names by their parts; that the parts hang together is looked at after.
SELECT entry.kind, entry.id FROM search_text
CROSS JOIN search_entry AS entry ON entry.number = search_text.rowid
WHERE search_text MATCH :grams AND entry.application_id = :application_id
  AND instr(entry.folded, :text) > 0
  AND entry.kind IN (SELECT value FROM json_each(:kinds))
LIMIT :limit;
