-- get
-- What an operator has prepared.
SELECT operator, base, text, changed_at FROM candidate WHERE operator = ?;

-- put
-- Keep or replace it.
INSERT OR REPLACE INTO candidate (operator, base, text, changed_at) VALUES (?, ?, ?, ?);

-- remove
-- Forget it.
DELETE FROM candidate WHERE operator = ?;

-- all
-- Everybody's, the one that was touched last comes first.
SELECT operator, base, text, changed_at FROM candidate ORDER BY changed_at DESC, operator;
