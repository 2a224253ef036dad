-- get
-- What an operator has prepared.
SELECT operator, base, text, changed_at FROM candidate WHERE operator = ?;

-- put
-- Keep or replace it.
INSERT OR REPLACE INTO candidate (operator, base, text, changed_at) VALUES (?, ?, ?, ?);

-- give_back
-- Keep it, unless the operator has made another one.
INSERT INTO candidate (operator, base, text, changed_at) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- remove
-- Forget it.
DELETE FROM candidate WHERE operator = ?;

-- all
-- Everybody's, the one that was touched last comes first.
SELECT operator, base, text, changed_at FROM candidate ORDER BY changed_at DESC, operator;
