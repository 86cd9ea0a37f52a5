-- name: audit_entry_add
-- Store entries of audit logs.
INSERT INTO audit_entry (id, org_id, at_ms, status, resource, action, actor_id, actor_type, actor_name,
    primary_id, primary_type, primary_name, secondary_id, secondary_type, secondary_name, document)
SELECT * FROM unnest(:ids::text[], :org_ids::text[], :moments::bigint[], :statuses::bigint[],
    :resources::text[], :actions::text[], :actor_ids::text[], :actor_types::text[],
    :actor_names::text[], :primary_ids::text[], :primary_types::text[], :primary_names::text[],
    :secondary_ids::text[], :secondary_types::text[], :secondary_names::text[], :documents::text[]);

-- name: audited_applications
-- Read which organisations own applications, and what these are called.
SELECT id, name, owner_id FROM application
WHERE owner_type = 'organization' AND id = ANY(:application_ids::text[]);

-- name: audited_tokens
-- Read the documents of tokens.
SELECT id, document FROM access_token WHERE id = ANY(:token_ids::text[]);

-- name: audited_accounts
-- Read the documents of accounts.
SELECT id, document FROM account WHERE id = ANY(:account_ids::text[]);
