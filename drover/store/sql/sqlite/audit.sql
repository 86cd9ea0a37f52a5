-- name: audit_entry_add
-- Store entries of audit logs.
INSERT INTO audit_entry (id, org_id, at_ms, status, resource, action, actor_id, actor_type, actor_name,
    primary_id, primary_type, primary_name, secondary_id, secondary_type, secondary_name, document)
SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
       value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13,
       value ->> 14, value ->> 15
FROM json_each(:rows);

-- name: audited_applications
-- Read which organisations own applications, and what these are called.
SELECT id, name, owner_id FROM application
WHERE owner_type = 'organization' AND id IN (SELECT value FROM json_each(:application_ids));

-- name: audited_tokens
-- Read the documents of tokens.
SELECT id, document FROM access_token WHERE id IN (SELECT value FROM json_each(:token_ids));

-- name: audited_accounts
-- Read the documents of accounts.
SELECT id, document FROM account WHERE id IN (SELECT value FROM json_each(:account_ids));
