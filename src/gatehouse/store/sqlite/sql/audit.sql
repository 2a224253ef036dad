-- append
-- One entry more.
INSERT INTO audit (at, operator, role, way, address, action, arguments, outcome, revision, diff)
VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10);

-- list
-- Entries that are wanted, the newest first.
SELECT id, at, operator, role, way, address, action, arguments, outcome, revision, diff
  FROM audit
 WHERE (?1 = '' OR operator = ?1)
   AND (?2 = '' OR action = ?2 OR substr(action, 1, length(?2) + 1) = ?2 || ' ')
   AND at >= ?3
   AND (?4 IS NULL OR id < ?4)
 ORDER BY id DESC LIMIT ?5;
