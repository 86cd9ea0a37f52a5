-- name: use_code
-- Note that a code of an account was used, unless it was before.
INSERT INTO used_code (account_id, step) VALUES (:account_id, :step)
ON CONFLICT (account_id, step) DO NOTHING;

-- name: forget_codes
-- Forget an account's used codes from before a step.
DELETE FROM used_code WHERE account_id = :account_id AND step < :step;

-- name: see_item
-- Note that an account looked at something, later than at all else.
INSERT INTO recent_item (account_id, item_type, parent_id, item_id, seq)
SELECT
    CAST(:account_id AS TEXT), CAST(:item_type AS TEXT), CAST(:parent_id AS TEXT),
    CAST(:item_id AS TEXT),
    COALESCE((SELECT MAX(seq) FROM recent_item WHERE account_id = :account_id), 0) + 1
WHERE TRUE
ON CONFLICT (account_id, item_type, parent_id, item_id) DO UPDATE SET seq = excluded.seq;

-- name: forget_items
-- Keep only what an account looked at last of one type within one parent.
DELETE FROM recent_item
WHERE account_id = :account_id AND item_type = :item_type AND parent_id = :parent_id
    AND item_id NOT IN (
        SELECT item_id FROM recent_item
        WHERE account_id = :account_id AND item_type = :item_type AND parent_id = :parent_id
        ORDER BY seq DESC LIMIT :kept
    );

-- name: recent_items
-- Read what an account looked at of one type within one parent, newest first.
SELECT item_id FROM recent_item
WHERE account_id = :account_id AND item_type = :item_type AND parent_id = :parent_id
ORDER BY seq DESC;
