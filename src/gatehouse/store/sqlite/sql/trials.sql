-- current
-- The revision that is tried.
SELECT revision, good, seen_running, confirm_by FROM trial;

-- begin
-- Try a revision; one that was tried before counts no more.
INSERT OR REPLACE INTO trial (one, revision, good, seen_running, confirm_by)
VALUES (1, ?, ?, 0, ?);

-- seen
-- It runs; now somebody has to confirm it.
UPDATE trial SET seen_running = 1, confirm_by = ?2 WHERE revision = ?1;

-- end
-- It is kept, or it is no more.
DELETE FROM trial;
