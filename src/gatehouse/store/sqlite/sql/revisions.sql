-- append
-- Keep a configuration under the next number.
INSERT INTO revision (number, committed_at, operator, comment, text, kind)
VALUES ((SELECT coalesce(max(number), 0) + 1 FROM revision), ?, ?, ?, ?, ?)
RETURNING number;

-- last
-- The last number.
SELECT max(number) FROM revision;

-- current
-- The configuration in force: the last one committed.
SELECT number, committed_at, operator, comment, text, kind FROM revision ORDER BY number DESC LIMIT 1;

-- get
-- One configuration by its number.
SELECT number, committed_at, operator, comment, text, kind FROM revision WHERE number = ?;

-- history
-- Configurations before a number, without their texts, the newest first.
SELECT number, committed_at, operator, comment, kind FROM revision
WHERE number < ? ORDER BY number DESC LIMIT ?;
