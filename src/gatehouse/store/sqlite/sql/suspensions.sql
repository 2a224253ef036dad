-- suspend
-- Keep the mail of a destination; nothing happens when it is suspended already.
INSERT INTO suspension (domain, suspended_at, operator) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING;

-- resume
-- Let it go again.
DELETE FROM suspension WHERE domain = ?;

-- all
-- What is suspended; all destinations at once comes first.
SELECT domain, suspended_at, operator FROM suspension ORDER BY domain;
