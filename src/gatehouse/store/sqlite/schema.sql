-- The schema as all migrations together make it. A test compares the two.
CREATE TABLE message (
    mid             INTEGER PRIMARY KEY,
    seq             INTEGER NOT NULL UNIQUE,    -- order of commits; a reader's cursor
    recipients      INTEGER NOT NULL,           -- how many there were at first
    held            INTEGER NOT NULL,
    kind            INTEGER NOT NULL,           -- 0 ordinary, 1 DSN, 2 alert
    parent          INTEGER,
    icid            INTEGER NOT NULL,
    listener        TEXT NOT NULL,
    received_at     REAL NOT NULL,
    expires_at      REAL NOT NULL,
    sender          TEXT,                       -- NULL: the null sender
    sender_domain   TEXT NOT NULL,
    eight_bit       INTEGER NOT NULL,
    smtputf8        INTEGER NOT NULL,
    ret             INTEGER,                    -- 0 FULL, 1 HDRS
    envid           TEXT,
    requiretls      INTEGER NOT NULL,
    size            INTEGER NOT NULL,
    segment         INTEGER NOT NULL,
    body_offset     INTEGER NOT NULL,
    body_length     INTEGER NOT NULL,
    message_id      TEXT NOT NULL,
    subject         TEXT NOT NULL,
    client_ip       TEXT NOT NULL,
    helo            TEXT NOT NULL,
    tls_in          TEXT NOT NULL
) STRICT;

CREATE TABLE recipient (
    mid             INTEGER NOT NULL REFERENCES message (mid) ON DELETE CASCADE,
    rid             INTEGER NOT NULL,
    address         TEXT NOT NULL,
    domain          TEXT NOT NULL,
    notify          INTEGER,                    -- bits: 1 NEVER, 2 SUCCESS, 4 FAILURE, 8 DELAY
    orcpt           TEXT,
    state           INTEGER NOT NULL,           -- 0 waiting, 1 delivered, 2 bounced
    tries           INTEGER NOT NULL,
    next_at         REAL,                       -- NULL: due at once, done, or held
    last_reply      TEXT NOT NULL,
    last_enhanced   TEXT NOT NULL,
    last_tried_at   REAL,
    delay_notified  INTEGER NOT NULL,
    PRIMARY KEY (mid, rid)
) STRICT, WITHOUT ROWID;

CREATE INDEX recipient_retry ON recipient (next_at, mid, rid) WHERE next_at IS NOT NULL;

CREATE TABLE number (
    kind            TEXT PRIMARY KEY,
    next            INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE revision (
    number          INTEGER PRIMARY KEY,
    committed_at    REAL NOT NULL,
    operator        TEXT NOT NULL,
    comment         TEXT NOT NULL,
    text            TEXT NOT NULL
, kind TEXT NOT NULL DEFAULT 'commit') STRICT;

CREATE TRIGGER revision_stays BEFORE UPDATE ON revision
BEGIN SELECT RAISE(ABORT, 'a revision is never changed'); END;

CREATE TRIGGER revision_is_kept BEFORE DELETE ON revision
BEGIN SELECT RAISE(ABORT, 'a revision is never removed'); END;

CREATE TABLE secret (
    name            TEXT PRIMARY KEY,
    sealed          BLOB NOT NULL,
    updated_at      REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sts_policy (
    domain          TEXT PRIMARY KEY,
    record_id       TEXT NOT NULL,
    content         BLOB NOT NULL,              -- the policy file as it came
    fetched_at      REAL NOT NULL,
    expires_at      REAL NOT NULL,
    used_at         REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE tls_count (
    day             INTEGER NOT NULL,           -- days since 1970-01-01, UTC
    domain          TEXT NOT NULL,
    policy          TEXT NOT NULL,              -- JSON
    result          TEXT NOT NULL,              -- RFC 8460 result type, '' for success
    detail          TEXT NOT NULL,              -- JSON, '' for success
    sessions        INTEGER NOT NULL,
    PRIMARY KEY (day, domain, policy, result, detail)
) STRICT, WITHOUT ROWID;

CREATE TABLE tls_report_state (
    day             INTEGER NOT NULL,
    domain          TEXT NOT NULL,
    outcome         TEXT NOT NULL,              -- waiting, sent, not wanted
    tries           INTEGER NOT NULL,
    next_at         REAL NOT NULL,
    changed_at      REAL NOT NULL,
    note            TEXT NOT NULL,
    PRIMARY KEY (day, domain)
) STRICT, WITHOUT ROWID;

CREATE TABLE tls_report_received (
    id              INTEGER PRIMARY KEY,
    received_at     REAL NOT NULL,
    source          TEXT NOT NULL,              -- mail, import
    organization    TEXT NOT NULL,
    report_id       TEXT NOT NULL,
    contact         TEXT NOT NULL,
    begins_at       REAL NOT NULL,
    ends_at         REAL NOT NULL,
    domains         TEXT NOT NULL,              -- JSON
    successes       INTEGER NOT NULL,
    failures        INTEGER NOT NULL,
    content         TEXT NOT NULL,              -- JSON
    UNIQUE (organization, report_id)
) STRICT;

CREATE TABLE smtp_user (
    name            TEXT PRIMARY KEY,
    sealed          BLOB,                       -- what the password left behind; NULL: there is none
    certificate     TEXT UNIQUE,
    enabled         INTEGER NOT NULL,
    created_at      REAL NOT NULL,
    changed_at      REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE login_failure (
    account         TEXT NOT NULL,              -- '': all accounts of this network
    network         TEXT NOT NULL,              -- '': all networks of this account
    failures        INTEGER NOT NULL,
    last_at         REAL NOT NULL,
    PRIMARY KEY (account, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX login_failure_age ON login_failure (last_at);

CREATE TABLE usual_network (
    account         TEXT NOT NULL,
    network         TEXT NOT NULL,
    last_at         REAL NOT NULL,
    PRIMARY KEY (account, network)
) STRICT, WITHOUT ROWID;

CREATE INDEX usual_network_age ON usual_network (last_at);

CREATE TABLE suspension (
    domain          TEXT PRIMARY KEY,           -- '': all destinations
    suspended_at    REAL NOT NULL,
    operator        TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE listener_suspension (
    listener        TEXT PRIMARY KEY,           -- by name, whether the configuration has it or not
    suspended_at    REAL NOT NULL,
    operator        TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE entered (
    segment         INTEGER PRIMARY KEY,
    upto            INTEGER NOT NULL            -- messages taken on before this place have rows
) STRICT;

CREATE TABLE schema_version (
    number          INTEGER NOT NULL,
    phase           TEXT NOT NULL,              -- pre: before the new code runs, post: after it
    PRIMARY KEY (number, phase)
) STRICT, WITHOUT ROWID;

CREATE TABLE candidate (
    operator        TEXT PRIMARY KEY,
    base            INTEGER NOT NULL,           -- the revision that it was made from
    text            TEXT NOT NULL,
    changed_at      REAL NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE trial (
    one             INTEGER PRIMARY KEY CHECK (one = 1),
    revision        INTEGER NOT NULL,           -- what is tried, or waits for its confirmation
    good            INTEGER NOT NULL,           -- what comes back
    seen_running    INTEGER NOT NULL,
    confirm_by      REAL                        -- NULL: needs no confirmation
) STRICT;

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

CREATE TABLE ssh_key (
    account         TEXT NOT NULL,
    fingerprint     TEXT NOT NULL,              -- SHA256:…, of `key`
    algorithm       TEXT NOT NULL,
    key             BLOB NOT NULL,              -- its form on the wire
    comment         TEXT NOT NULL,
    added_at        REAL NOT NULL,
    last_used_at    REAL,
    PRIMARY KEY (account, fingerprint)
) STRICT, WITHOUT ROWID;

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
