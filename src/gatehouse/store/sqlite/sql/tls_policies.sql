-- sts_put
-- Keep or replace a policy.
INSERT INTO sts_policy (domain, record_id, content, fetched_at, expires_at, used_at)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (domain) DO UPDATE SET
    record_id = ?2, content = ?3, fetched_at = ?4, expires_at = ?5, used_at = max(used_at, ?6);

-- sts_get
-- The policy of one domain.
SELECT domain, record_id, content, fetched_at, expires_at, used_at FROM sts_policy WHERE domain = ?;

-- sts_remove
-- Forget the policy of one domain.
DELETE FROM sts_policy WHERE domain = ?;

-- sts_mark_used
-- Somebody wrote to the domain.
UPDATE sts_policy SET used_at = ?2 WHERE domain = ?1;

-- sts_due
-- Policies that live and were fetched too long ago, or have half of their life behind them.
SELECT domain, record_id, content, fetched_at, expires_at, used_at FROM sts_policy
WHERE expires_at > ?1 AND fetched_at + min(?2, (expires_at - fetched_at) / 2) <= ?1
ORDER BY expires_at LIMIT ?3;

-- sts_all
-- Every policy.
SELECT domain, record_id, content, fetched_at, expires_at, used_at FROM sts_policy ORDER BY domain;

-- sts_prune
-- Forget policies that ended and that nobody has asked for since.
DELETE FROM sts_policy WHERE expires_at < ?1 AND used_at < ?1;

-- count
-- Add sessions to what is counted.
INSERT INTO tls_count (day, domain, policy, result, detail, sessions)
VALUES (?1, ?2, ?3, ?4, ?5, ?6)
ON CONFLICT (day, domain, policy, result, detail) DO UPDATE SET sessions = sessions + ?6;

-- counts
-- What one day brought for one domain.
SELECT day, domain, policy, result, detail, sessions FROM tls_count
WHERE day = ?1 AND domain = ?2 ORDER BY policy, result, detail;

-- days
-- Which days are counted.
SELECT DISTINCT day FROM tls_count ORDER BY day;

-- domains
-- Which domains one day knows.
SELECT DISTINCT domain FROM tls_count WHERE day = ? ORDER BY domain;

-- forget_counts
-- Counts of days that nobody needs any more.
DELETE FROM tls_count WHERE day < ?;

-- put_state
-- How far a report has come.
INSERT INTO tls_report_state (day, domain, outcome, tries, next_at, changed_at, note)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
ON CONFLICT (day, domain) DO UPDATE SET
    outcome = ?3, tries = ?4, next_at = ?5, changed_at = ?6, note = ?7;

-- states
-- How far the reports about one day have come.
SELECT day, domain, outcome, tries, next_at, changed_at, note FROM tls_report_state
WHERE day = ? ORDER BY domain;

-- forget_states
-- States of days that nobody needs any more.
DELETE FROM tls_report_state WHERE day < ?;

-- keep_received
-- Keep a report of others once.
INSERT INTO tls_report_received (received_at, source, organization, report_id, contact, begins_at,
    ends_at, domains, successes, failures, content)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (organization, report_id) DO NOTHING RETURNING id;

-- received
-- Reports of others, the newest first.
SELECT id, received_at, source, organization, report_id, contact, begins_at, ends_at, domains,
    successes, failures, content FROM tls_report_received ORDER BY id DESC LIMIT ?;

-- received_one
-- One report of others.
SELECT id, received_at, source, organization, report_id, contact, begins_at, ends_at, domains,
    successes, failures, content FROM tls_report_received WHERE id = ?;

-- received_room
-- Keep the newest reports only.
DELETE FROM tls_report_received
WHERE id <= (SELECT id FROM tls_report_received ORDER BY id DESC LIMIT 1 OFFSET ?);
