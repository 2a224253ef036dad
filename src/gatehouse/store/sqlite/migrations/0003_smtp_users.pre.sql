-- Users who send by SMTP AUTH, their failed logins, and where they usually come from.
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
