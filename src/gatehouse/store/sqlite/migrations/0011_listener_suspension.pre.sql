-- Listeners that take no new connections until an operator says otherwise.
CREATE TABLE listener_suspension (
    listener        TEXT PRIMARY KEY,           -- by name, whether the configuration has it or not
    suspended_at    REAL NOT NULL,
    operator        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
