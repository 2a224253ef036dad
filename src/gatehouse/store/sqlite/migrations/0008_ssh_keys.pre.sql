-- Public keys by which operators log in over SSH.
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
