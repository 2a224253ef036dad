-- MTA-STS policies of others, counts for TLS reports, reports sent and received.
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
