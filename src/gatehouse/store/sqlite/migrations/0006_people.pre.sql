-- People who operate the gateway: accounts, recovery codes, API tokens; and what they did.
CREATE TABLE account (
    name            TEXT PRIMARY KEY,
    role            TEXT NOT NULL,
    full_name       TEXT NOT NULL,
    sealed          BLOB NOT NULL,              -- password hash and secrets of one-time passwords
    totp            INTEGER NOT NULL,
    totp_step       INTEGER NOT NULL,           -- of the last one-time password that was used
    enabled         INTEGER NOT NULL,
    created_at      REAL NOT NULL,
    changed_at      REAL NOT NULL,
    credentials_at  REAL NOT NULL,
    last_login_at   REAL,
    version         INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE recovery_code (
    account         TEXT NOT NULL,
    digest          BLOB NOT NULL,
    PRIMARY KEY (account, digest)
) STRICT, WITHOUT ROWID;

CREATE TABLE api_token (
    digest          BLOB PRIMARY KEY,           -- SHA-256 of the token
    id              TEXT NOT NULL UNIQUE,
    account         TEXT NOT NULL,
    role            TEXT NOT NULL,
    label           TEXT NOT NULL,
    created_at      REAL NOT NULL,
    expires_at      REAL NOT NULL,
    last_used_at    REAL
) STRICT, WITHOUT ROWID;

CREATE INDEX api_token_account ON api_token (account);

CREATE TABLE audit (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    at              REAL NOT NULL,
    operator        TEXT NOT NULL,
    role            TEXT NOT NULL,
    way             TEXT NOT NULL,
    address         TEXT NOT NULL,
    action          TEXT NOT NULL,
    arguments       TEXT NOT NULL,              -- JSON without secrets
    outcome         TEXT NOT NULL,
    revision        INTEGER,
    diff            TEXT NOT NULL
) STRICT;

CREATE INDEX audit_operator ON audit (operator);

CREATE TRIGGER audit_stays BEFORE UPDATE ON audit
BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;

CREATE TRIGGER audit_is_kept BEFORE DELETE ON audit
BEGIN SELECT RAISE(ABORT, 'nothing is removed from the audit log'); END;

CREATE TRIGGER audit_is_not_replaced BEFORE INSERT ON audit
WHEN EXISTS (SELECT 1 FROM audit WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'the audit log is never changed'); END;
