-- add
-- A new account; nothing happens when the name is taken.
INSERT INTO account (name, role, full_name, sealed, totp, totp_step, enabled, created_at,
                     changed_at, credentials_at, version)
VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, 1)
ON CONFLICT DO NOTHING;

-- arrive
-- An account from elsewhere: a new one, or in place of the one that has its name.
INSERT INTO account (name, role, full_name, sealed, totp, totp_step, enabled, created_at,
                     changed_at, credentials_at, version)
VALUES (?1, ?2, ?3, ?4, ?5, 0, ?6, ?7, ?8, ?9, 1)
ON CONFLICT (name) DO UPDATE
   SET role = ?2, full_name = ?3, sealed = ?4, totp = ?5, enabled = ?6, changed_at = ?8,
       credentials_at = ?9, version = version + 1;

-- replace
-- What is known of an account, anew, unless somebody else has changed it.
UPDATE account
   SET role = ?2, full_name = ?3, sealed = ?4, totp = ?5, enabled = ?6, changed_at = ?7,
       credentials_at = ?8, version = version + 1
 WHERE name = ?1 AND version = ?9;

-- get
-- One account.
SELECT name, role, full_name, sealed, enabled, created_at, changed_at, credentials_at,
       last_login_at, version
  FROM account WHERE name = ?;

-- list
-- All accounts, without secrets.
SELECT name, role, full_name, totp, enabled, created_at, changed_at, last_login_at
  FROM account ORDER BY name;

-- present
-- Whether there is such an account.
SELECT 1 FROM account WHERE name = ?;

-- count_role
-- How many may log in with a role.
SELECT count(*) FROM account WHERE role = ? AND enabled;

-- remove
-- Forget an account.
DELETE FROM account WHERE name = ?;

-- use_step
-- A one-time password was used: neither it nor an older one counts again.
UPDATE account SET totp_step = ?2 WHERE name = ?1 AND totp_step < ?2;

-- note_login
-- When somebody logged in.
UPDATE account SET last_login_at = ?2 WHERE name = ?1;

-- add_recovery
-- One more recovery code.
INSERT INTO recovery_code (account, digest) VALUES (?1, ?2) ON CONFLICT DO NOTHING;

-- use_recovery
-- A recovery code was used, and is gone.
DELETE FROM recovery_code WHERE account = ?1 AND digest = ?2;

-- forget_recovery
-- Forget all recovery codes of an account.
DELETE FROM recovery_code WHERE account = ?;

-- count_recovery
-- How many recovery codes are left.
SELECT count(*) FROM recovery_code WHERE account = ?;

-- add_token
-- A new token.
INSERT INTO api_token (digest, id, account, role, label, created_at, expires_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7);

-- find_token
-- Whose token this is.
SELECT digest, id, account, role, label, created_at, expires_at, last_used_at
  FROM api_token WHERE digest = ?;

-- tokens
-- The tokens of an account, or of all.
SELECT id, account, role, label, created_at, expires_at, last_used_at
  FROM api_token WHERE ?1 = '' OR account = ?1 ORDER BY account, created_at, id;

-- use_token
-- When a token was used.
UPDATE api_token SET last_used_at = ?2 WHERE id = ?1;

-- revoke_token
-- Forget a token of an account.
DELETE FROM api_token WHERE account = ?1 AND id = ?2;

-- forget_tokens
-- Forget all tokens of an account.
DELETE FROM api_token WHERE account = ?;

-- forget_expired
-- Tokens whose time was over long ago.
DELETE FROM api_token WHERE expires_at < ?;

-- add_ssh_key
-- One more public key; nothing happens when the account has it already.
INSERT INTO ssh_key (account, fingerprint, algorithm, key, comment, added_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT DO NOTHING;

-- ssh_keys
-- The public keys of an account.
SELECT account, fingerprint, algorithm, key, comment, added_at, last_used_at
  FROM ssh_key WHERE account = ? ORDER BY added_at, fingerprint;

-- use_ssh_key
-- When a public key was used.
UPDATE ssh_key SET last_used_at = ?3 WHERE account = ?1 AND fingerprint = ?2;

-- remove_ssh_key
-- Forget a public key of an account.
DELETE FROM ssh_key WHERE account = ?1 AND fingerprint = ?2;

-- move_credentials
-- Sessions that began before have to log in again.
UPDATE account SET credentials_at = ?2, version = version + 1 WHERE name = ?1;

-- forget_ssh_keys
-- Forget all public keys of an account.
DELETE FROM ssh_key WHERE account = ?;
