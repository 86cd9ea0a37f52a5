-- name: access_revision
-- Read how often access has been taken away or moved.
SELECT value FROM access_counter WHERE name = 'revision';

-- name: raise_access_revision
-- Void what servers remember of verified tokens.
UPDATE access_counter SET value = value + 1 WHERE name = 'revision';

-- name: next_account_number
-- Take the next small number of an account.
UPDATE access_counter SET value = value + 1 WHERE name = 'account_number' RETURNING value;

-- name: insert_account
-- Add a user unless the e-mail is taken.
INSERT INTO account (id, number, email, document) VALUES (:id, :number, :email, :document)
ON CONFLICT (email) DO NOTHING;

-- name: update_account
-- Replace a user unless the e-mail is another user's.
UPDATE account SET email = :email, document = :document
WHERE id = :id AND NOT EXISTS (SELECT 1 FROM account AS other
                               WHERE other.email = :email AND other.id <> :id);

-- name: account_by_id
-- Read one user.
SELECT document FROM account WHERE id = :id;

-- name: account_by_email
-- Read the user with an address.
SELECT document FROM account WHERE email = :email;

-- name: all_accounts
-- Read all users.
SELECT document FROM account ORDER BY number;

-- name: count_accounts
-- Count the users.
SELECT COUNT(*) AS total FROM account;

-- name: delete_account
-- Delete a user; keys, tokens and memberships go with it.
DELETE FROM account WHERE id = :id;

-- name: insert_account_key
-- Add a key of a user.
INSERT INTO account_key (id, account_id, userkey_digest, created_ms, document)
VALUES (:id, :account_id, :userkey_digest, :created_ms, :document);

-- name: account_keys
-- Read a user's keys, newest first.
SELECT document FROM account_key WHERE account_id = :account_id ORDER BY created_ms DESC, id DESC;

-- name: account_key_by_id
-- Read a key and its user.
SELECT k.document AS key, a.document AS account
FROM account_key AS k JOIN account AS a ON a.id = k.account_id
WHERE k.id = :id;

-- name: account_key_by_userkey
-- Read the key with a userkey, and its user.
SELECT k.document AS key, a.document AS account
FROM account_key AS k JOIN account AS a ON a.id = k.account_id
WHERE k.userkey_digest = :digest;

-- name: delete_account_key
-- Delete a user's key.
DELETE FROM account_key WHERE id = :id AND account_id = :account_id;

-- name: upsert_organization
-- Add or replace an organisation.
INSERT INTO organization (id, name, document) VALUES (:id, :name, :document)
ON CONFLICT (id) DO UPDATE SET name = excluded.name, document = excluded.document;

-- name: organization_by_id
-- Read one organisation.
SELECT document FROM organization WHERE id = :id;

-- name: organizations_of_account
-- Read the organisations of a user, by name.
SELECT o.document FROM organization_member AS m JOIN organization AS o ON o.id = m.organization_id
WHERE m.account_id = :account_id ORDER BY o.name, o.id;

-- name: delete_organization
-- Delete an organisation; members, invitations and tokens go with it.
DELETE FROM organization WHERE id = :id;

-- name: upsert_member
-- Add or replace a membership.
INSERT INTO organization_member (organization_id, account_id, document)
VALUES (:organization_id, :account_id, :document)
ON CONFLICT (organization_id, account_id) DO UPDATE SET document = excluded.document;

-- name: members
-- Read the members of an organisation with their accounts.
SELECT m.document AS member, a.document AS account
FROM organization_member AS m JOIN account AS a ON a.id = m.account_id
WHERE m.organization_id = :organization_id ORDER BY a.number;

-- name: member
-- Read one membership.
SELECT document FROM organization_member
WHERE organization_id = :organization_id AND account_id = :account_id;

-- name: delete_member
-- Take a user out of an organisation.
DELETE FROM organization_member
WHERE organization_id = :organization_id AND account_id = :account_id;

-- name: upsert_invite
-- Invite an address, in place of an earlier invitation of it.
INSERT INTO organization_invite (id, organization_id, email, created_ms, document)
VALUES (:id, :organization_id, :email, :created_ms, :document)
ON CONFLICT (organization_id, email) DO UPDATE
SET id = excluded.id, created_ms = excluded.created_ms, document = excluded.document;

-- name: invites
-- Read the invitations into an organisation, oldest first.
SELECT document FROM organization_invite
WHERE organization_id = :organization_id ORDER BY created_ms, id;

-- name: invites_to
-- Read the invitations of an address with their organisations, oldest first.
SELECT i.document AS invite, o.document AS organization
FROM organization_invite AS i JOIN organization AS o ON o.id = i.organization_id
WHERE i.email = :email ORDER BY i.created_ms, i.id;

-- name: delete_invite
-- Take an invitation back, or end it once answered.
DELETE FROM organization_invite WHERE id = :id AND organization_id = :organization_id;

-- name: insert_token
-- Add a session or an API token.
INSERT INTO access_token (id, digest, kind, owner_type, owner_id, account_id, organization_id,
                          application_id, access_key_id, created_ms, expires_ms, document)
VALUES (:id, :digest, :kind, :owner_type, :owner_id, :account_id, :organization_id,
        :application_id, :access_key_id, :created_ms, :expires_ms, :document);

-- name: update_token
-- Replace what may change of a token.
UPDATE access_token SET document = :document WHERE id = :id;

-- name: token_by_digest
-- Read a token with whom it acts for, and the revision of this snapshot.
SELECT t.document AS token, a.document AS account, k.document AS access_key,
       (SELECT value FROM access_counter WHERE name = 'revision') AS revision
FROM access_token AS t
LEFT JOIN account AS a ON a.id = t.account_id
LEFT JOIN access_key AS k ON k.id = t.access_key_id
WHERE t.digest = :digest
  AND (t.owner_type <> 'device'
       OR EXISTS (SELECT 1 FROM device AS d WHERE d.id = t.owner_id AND d.deleted_ms IS NULL));

-- name: token_by_id
-- Read an API token of an owner.
SELECT document FROM access_token
WHERE id = :id AND kind = 'api' AND owner_type = :owner_type AND owner_id = :owner_id;

-- name: tokens_of_owner
-- Read an owner's API tokens, oldest first.
SELECT document FROM access_token
WHERE owner_type = :owner_type AND owner_id = :owner_id AND kind = 'api'
ORDER BY created_ms, id;

-- name: delete_token
-- Delete a token of an owner.
DELETE FROM access_token WHERE id = :id AND owner_type = :owner_type AND owner_id = :owner_id;

-- name: delete_sessions
-- End an owner's sessions but one.
DELETE FROM access_token
WHERE owner_type = :owner_type AND owner_id = :owner_id AND kind = 'session' AND id <> :keep;

-- name: delete_oldest_sessions
-- End an owner's oldest sessions beyond a count.
DELETE FROM access_token WHERE id IN (
    SELECT id FROM access_token
    WHERE owner_type = :owner_type AND owner_id = :owner_id AND kind = 'session'
    ORDER BY created_ms DESC, id DESC LIMIT 1000000 OFFSET :most);

-- name: delete_expired_tokens
-- Delete the tokens whose time is over.
DELETE FROM access_token WHERE expires_ms <= :now_ms;

-- name: upsert_access_key
-- Add or replace an access key.
INSERT INTO access_key (id, application_id, key, created_ms, document)
VALUES (:id, :application_id, :key, :created_ms, :document)
ON CONFLICT (id) DO UPDATE SET document = excluded.document;

-- name: access_key_by_id
-- Read an access key of an application.
SELECT document FROM access_key WHERE id = :id AND application_id = :application_id;

-- name: access_keys
-- Read the access keys of an application, oldest first.
SELECT document FROM access_key WHERE application_id = :application_id ORDER BY created_ms, id;

-- name: delete_access_key
-- Delete an access key; tokens got with it go with it.
DELETE FROM access_key WHERE id = :id AND application_id = :application_id;

-- name: standing
-- Read how an account stands to an application, and the revision of this snapshot.
SELECT p.id AS application_id, p.owner_type, p.owner_id, m.document AS member,
       o.document AS organization,
       (SELECT value FROM access_counter WHERE name = 'revision') AS revision
FROM application AS p
LEFT JOIN organization_member AS m
       ON p.owner_type = 'organization' AND m.organization_id = p.owner_id
      AND m.account_id = :account_id
LEFT JOIN organization AS o ON o.id = m.organization_id
WHERE p.id = :application_id;

-- name: owned_by
-- Read which applications an owner has.
SELECT id FROM application
WHERE owner_id = :owner_id AND owner_type = :owner_type ORDER BY id;

-- name: within_reach
-- Read an account's own applications and all those of its organisations.
SELECT p.id AS application_id, p.owner_type, p.owner_id, m.document AS member,
       o.document AS organization,
       (SELECT value FROM access_counter WHERE name = 'revision') AS revision
FROM application AS p
LEFT JOIN organization_member AS m
       ON p.owner_type = 'organization' AND m.organization_id = p.owner_id
      AND m.account_id = :account_id
LEFT JOIN organization AS o ON o.id = m.organization_id
WHERE p.owner_id IN (SELECT organization_id FROM organization_member WHERE account_id = :account_id
                     UNION SELECT :account_id)
ORDER BY p.id;
