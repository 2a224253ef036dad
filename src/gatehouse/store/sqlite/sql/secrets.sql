-- put
-- Keep or replace a sealed secret.
INSERT INTO secret (name, sealed, updated_at) VALUES (?1, ?2, ?3)
ON CONFLICT (name) DO UPDATE SET sealed = ?2, updated_at = ?3;

-- get
-- One sealed secret.
SELECT sealed FROM secret WHERE name = ?;

-- remove
-- Forget a secret.
DELETE FROM secret WHERE name = ?;

-- names
-- Which secrets there are.
SELECT name, updated_at FROM secret ORDER BY name;
