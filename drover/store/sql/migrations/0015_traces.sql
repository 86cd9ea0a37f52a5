-- What users did lately, as far as a rule or a list looks at it; and what retention looks for.

-- Codes of a second factor that were used: none counts twice.
CREATE TABLE used_code (
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    step       BIGINT NOT NULL,
    PRIMARY KEY (account_id, step)
);

-- What a user looked at, newest by the highest seq; parent_id is '' where there is none.
CREATE TABLE recent_item (
    account_id TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    item_type  TEXT NOT NULL,
    parent_id  TEXT NOT NULL,
    item_id    TEXT NOT NULL,
    seq        BIGINT NOT NULL,
    PRIMARY KEY (account_id, item_type, parent_id, item_id)
);
