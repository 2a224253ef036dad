-- suspend
-- Keep the mail of a destination; nothing happens when it is suspended already.
INSERT INTO suspension (domain, suspended_at, operator) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING;

-- resume
-- Let it go again.
DELETE FROM suspension WHERE domain = ?;

-- all
-- What is suspended; all destinations at once comes first.
SELECT domain, suspended_at, operator FROM suspension ORDER BY domain;

-- suspend_listener
-- A listener takes no new connections; nothing happens when it is suspended already.
INSERT INTO listener_suspension (listener, suspended_at, operator) VALUES (?1, ?2, ?3)
ON CONFLICT DO NOTHING;

-- resume_listener
-- It takes connections again.
DELETE FROM listener_suspension WHERE listener = ?;

-- listeners
-- Which listeners are suspended.
SELECT listener, suspended_at, operator FROM listener_suspension ORDER BY listener;
