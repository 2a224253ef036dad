-- Destinations whose mail stays in the queue until an operator says otherwise.
CREATE TABLE suspension (
    domain          TEXT PRIMARY KEY,           -- '': all destinations
    suspended_at    REAL NOT NULL,
    operator        TEXT NOT NULL
) STRICT, WITHOUT ROWID;
