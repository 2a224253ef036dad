-- create_schema_version
-- The table that remembers which migrations ran.
CREATE TABLE IF NOT EXISTS schema_version (
    number          INTEGER NOT NULL,
    phase           TEXT NOT NULL,              -- pre: before the new code runs, post: after it
    PRIMARY KEY (number, phase)
) STRICT, WITHOUT ROWID;

-- applied
-- Which migrations ran.
SELECT number, phase FROM schema_version;

-- mark_applied
-- Remember that a migration ran.
INSERT INTO schema_version (number, phase) VALUES (?, ?);
