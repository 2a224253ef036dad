-- What each operator has prepared; which revision is tried, and what comes back if it fails.
ALTER TABLE revision ADD COLUMN kind TEXT NOT NULL DEFAULT 'commit';

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
