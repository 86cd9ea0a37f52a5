-- Who may do what: accounts, organisations, tokens and keys.
-- The document of a row holds all of it; columns repeat what statements look for.

CREATE TABLE access_counter (
    name  TEXT PRIMARY KEY,
    value BIGINT NOT NULL
);
INSERT INTO access_counter (name, value) VALUES ('revision', 1), ('account_number', 0);

CREATE TABLE account (
    id       TEXT PRIMARY KEY,
    number   BIGINT NOT NULL UNIQUE,
    email    TEXT NOT NULL UNIQUE,
    document TEXT NOT NULL
);

CREATE TABLE account_key (
    id             TEXT PRIMARY KEY,
    account_id     TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    userkey_digest TEXT NOT NULL UNIQUE,
    created_ms     BIGINT NOT NULL,
    document       TEXT NOT NULL
);
CREATE INDEX account_key_by_account ON account_key (account_id);

CREATE TABLE organization (
    id       TEXT PRIMARY KEY,
    name     TEXT NOT NULL,
    document TEXT NOT NULL
);

CREATE TABLE organization_member (
    organization_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    account_id      TEXT NOT NULL REFERENCES account (id) ON DELETE CASCADE,
    document        TEXT NOT NULL,
    PRIMARY KEY (organization_id, account_id)
);
CREATE INDEX organization_member_by_account ON organization_member (account_id);

CREATE TABLE organization_invite (
    id              TEXT PRIMARY KEY,
    organization_id TEXT NOT NULL REFERENCES organization (id) ON DELETE CASCADE,
    email           TEXT NOT NULL,
    created_ms      BIGINT NOT NULL,
    document        TEXT NOT NULL,
    UNIQUE (organization_id, email)
);
CREATE INDEX organization_invite_by_email ON organization_invite (email);

CREATE TABLE access_key (
    id             TEXT PRIMARY KEY,
    application_id TEXT NOT NULL REFERENCES application (id) ON DELETE CASCADE,
    key            TEXT NOT NULL UNIQUE,
    created_ms     BIGINT NOT NULL,
    document       TEXT NOT NULL
);
CREATE INDEX access_key_by_application ON access_key (application_id, created_ms);

CREATE TABLE access_token (
    id              TEXT PRIMARY KEY,
    digest          TEXT NOT NULL UNIQUE,
    kind            TEXT NOT NULL CHECK (kind IN ('session', 'api')),
    owner_type      TEXT NOT NULL CHECK (owner_type IN ('user', 'organization', 'application', 'device')),
    owner_id        TEXT NOT NULL,
    account_id      TEXT REFERENCES account (id) ON DELETE CASCADE,
    organization_id TEXT REFERENCES organization (id) ON DELETE CASCADE,
    application_id  TEXT REFERENCES application (id) ON DELETE CASCADE,
    access_key_id   TEXT REFERENCES access_key (id) ON DELETE CASCADE,
    created_ms      BIGINT NOT NULL,
    expires_ms      BIGINT,
    document        TEXT NOT NULL
);
CREATE INDEX access_token_by_owner ON access_token (owner_type, owner_id, kind, created_ms);
CREATE INDEX access_token_by_account ON access_token (account_id);
CREATE INDEX access_token_by_application ON access_token (application_id);
CREATE INDEX access_token_by_access_key ON access_token (access_key_id);
CREATE INDEX access_token_by_organization ON access_token (organization_id);
CREATE INDEX access_token_by_end ON access_token (expires_ms) WHERE expires_ms IS NOT NULL;
