-- add
-- A new user; nothing happens when the name or the certificate is taken.
INSERT INTO smtp_user (name, sealed, certificate, enabled, created_at, changed_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT DO NOTHING;

-- arrive
-- A user from elsewhere: a new one, or in place of the one who has the name.
INSERT INTO smtp_user (name, sealed, certificate, enabled, created_at, changed_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (name) DO UPDATE
   SET sealed = ?2, certificate = ?3, enabled = ?4, changed_at = ?6;

-- replace
-- What is known of a user, anew.
UPDATE smtp_user SET sealed = ?2, certificate = ?3, enabled = ?4, changed_at = ?5 WHERE name = ?1;

-- get
-- One user.
SELECT name, sealed, certificate, enabled, created_at, changed_at FROM smtp_user WHERE name = ?;

-- list
-- All users, without what their passwords left behind.
SELECT name, sealed IS NOT NULL, certificate, enabled, created_at, changed_at
  FROM smtp_user ORDER BY name;

-- by_certificate
-- Whose certificate this is.
SELECT name FROM smtp_user WHERE certificate = ?;

-- remove
-- Forget a user.
DELETE FROM smtp_user WHERE name = ?;

-- failure
-- One count of failed logins.
SELECT failures, last_at FROM login_failure WHERE account = ?1 AND network = ?2;

-- count_failure
-- One failure more, or the first one after a long time.
INSERT INTO login_failure (account, network, failures, last_at) VALUES (?1, ?2, 1, ?3)
ON CONFLICT (account, network) DO UPDATE SET
    failures = CASE WHEN last_at < ?4 THEN 1 ELSE failures + 1 END,
    last_at = ?3;

-- forget_failures
-- Counts that are too old to matter.
DELETE FROM login_failure WHERE last_at < ?;

-- drop_failures
-- The oldest counts beyond the most that are kept.
DELETE FROM login_failure WHERE (account, network) IN
    (SELECT account, network FROM login_failure ORDER BY last_at DESC LIMIT -1 OFFSET ?);

-- failures_of
-- The counts of an account: over all networks, and at each.
SELECT network, failures, last_at FROM login_failure WHERE account = ? ORDER BY network;

-- unlock
-- Forget the failures of an account.
DELETE FROM login_failure WHERE account = ?;

-- end_failures
-- A login succeeded: failures of the account at this network are over.
DELETE FROM login_failure WHERE account = ?1 AND network = ?2;

-- usual
-- When a login of an account from a network was noted.
SELECT last_at FROM usual_network WHERE account = ?1 AND network = ?2;

-- note_usual
-- An account has logged in from a network.
INSERT INTO usual_network (account, network, last_at) VALUES (?1, ?2, ?3)
ON CONFLICT (account, network) DO UPDATE SET last_at = ?3;

-- usual_of
-- Where an account usually comes from.
SELECT network, last_at FROM usual_network WHERE account = ? ORDER BY last_at DESC;

-- drop_usual
-- The oldest usual networks beyond the most that are kept.
DELETE FROM usual_network WHERE (account, network) IN
    (SELECT account, network FROM usual_network ORDER BY last_at DESC LIMIT -1 OFFSET ?);

-- forget_usual
-- Forget where an account usually comes from.
DELETE FROM usual_network WHERE account = ?;

-- keep_secret
-- Keep a sealed secret unless there is one of this name.
INSERT INTO secret (name, sealed, updated_at) VALUES (?1, ?2, ?3) ON CONFLICT (name) DO NOTHING;
