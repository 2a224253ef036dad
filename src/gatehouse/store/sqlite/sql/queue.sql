-- last_seq
-- The place in the order of commits that was given last.
SELECT next FROM number WHERE kind = 'seq';

-- set_last_seq
-- Remember the place given last; never lowered, since readers keep cursors.
INSERT INTO number (kind, next) VALUES ('seq', ?1) ON CONFLICT (kind) DO UPDATE SET next = ?1;

-- add_message
-- A new message.
INSERT INTO message (
    mid, seq, recipients, held, kind, parent, icid, listener, received_at, expires_at,
    sender, sender_domain, eight_bit, smtputf8, ret, envid, requiretls,
    size, segment, body_offset, body_length, message_id, subject, client_ip, helo, tls_in
) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- add_recipient
-- A recipient of a new message, due at once.
INSERT INTO recipient (
    mid, rid, address, domain, notify, orcpt,
    state, tries, next_at, last_reply, last_enhanced, last_tried_at, delay_notified
) VALUES (?, ?, ?, ?, ?, ?, 0, 0, NULL, '', '', NULL, 0);

-- finish_whole
-- Remove a message all of whose recipients came to an end in one go; its recipients go with it.
DELETE FROM message WHERE mid = ? AND recipients = ?;

-- settle_final
-- A recipient was delivered or bounced.
UPDATE recipient SET state = ?, last_reply = ?, last_enhanced = ?, next_at = NULL
WHERE mid = ? AND rid = ?;

-- settle_deferred
-- A recipient is tried again later; while its message is held it is not scheduled.
UPDATE recipient SET
    tries = ?2,
    next_at = iif((SELECT held FROM message WHERE mid = ?7), NULL, ?1),
    last_reply = ?3, last_enhanced = ?4, last_tried_at = ?5,
    delay_notified = max(delay_notified, ?6)
WHERE mid = ?7 AND rid = ?8 AND state = 0;

-- is_there
-- Whether a message is in the queue.
SELECT 1 FROM message WHERE mid = ?;

-- has_waiting
-- Whether a recipient of a message still waits.
SELECT 1 FROM recipient WHERE mid = ? AND state = 0 LIMIT 1;

-- remove
-- Remove a message; its recipients go with it.
DELETE FROM message WHERE mid = ?;

-- all_mids
-- Every message.
SELECT mid FROM message;

-- mids_of_destination
-- Messages with a waiting recipient in a domain.
SELECT DISTINCT mid FROM recipient WHERE domain = ? AND state = 0;

-- hold
-- Keep a message back.
UPDATE message SET held = 1 WHERE mid = ? AND held = 0;

-- release
-- End a hold and show the message to readers again.
UPDATE message SET held = 0, seq = ? WHERE mid = ? AND held = 1;

-- show_again
-- Show a message that is not held to readers again.
UPDATE message SET seq = ? WHERE mid = ? AND held = 0;

-- unschedule
-- The waiting recipients of a message have no next attempt in the timetable.
UPDATE recipient SET next_at = NULL WHERE mid = ? AND state = 0;

-- unschedule_destination
-- The same for those in one domain.
UPDATE recipient SET next_at = NULL WHERE mid = ? AND domain = ? AND state = 0;

-- newest_seq
-- The end of the order of commits.
SELECT max(seq) FROM message;

-- due_new
-- Recipients due at once, of messages between two places in the order of commits.
SELECT message.seq, recipient.mid, recipient.rid, recipient.domain
FROM message CROSS JOIN recipient ON recipient.mid = message.mid
WHERE message.seq > ? AND message.seq <= ? AND message.held = 0
  AND recipient.state = 0 AND recipient.next_at IS NULL
ORDER BY message.seq, recipient.rid;

-- due_retries
-- Recipients whose time has come, behind a cursor.
SELECT next_at, mid, rid, domain FROM recipient
WHERE next_at IS NOT NULL AND next_at <= ? AND (next_at, mid, rid) > (?, ?, ?)
ORDER BY next_at, mid, rid LIMIT ?;

-- next_retry_at
-- When the next deferred recipient falls due.
SELECT min(next_at) FROM recipient WHERE next_at IS NOT NULL;

-- message
-- One message.
SELECT mid, seq, icid, listener, kind, parent, held, received_at, expires_at,
       sender, sender_domain, eight_bit, smtputf8, ret, envid, requiretls,
       size, segment, body_offset, body_length, message_id, subject, client_ip, helo, tls_in
FROM message WHERE mid = ?;

-- is_alert
-- Whether a message is an alert.
SELECT 1 FROM message WHERE mid = ? AND kind = 2;

-- waiting_recipients
-- The recipients of a message that still wait, in no order: sorting two rows here costs 15 µs.
SELECT rid, address, domain, notify, orcpt, state, tries, next_at,
       last_reply, last_enhanced, last_tried_at, delay_notified
FROM recipient WHERE mid = ? AND state = 0;

-- all_recipients
-- All recipients of a message.
SELECT rid, address, domain, notify, orcpt, state, tries, next_at,
       last_reply, last_enhanced, last_tried_at, delay_notified
FROM recipient WHERE mid = ?;

-- list
-- Messages for the operator, oldest first.
SELECT m.mid, m.kind, m.held, m.received_at, m.expires_at, coalesce(m.sender, ''), m.size, m.subject,
       count(*), group_concat(DISTINCT r.domain), max(r.tries), min(r.next_at), max(r.last_reply)
FROM message AS m CROSS JOIN recipient AS r ON r.mid = m.mid AND r.state = 0
WHERE (:held IS NULL OR m.held = :held)
  AND (:sender IS NULL OR coalesce(m.sender, '') = :sender)
  AND (:destination IS NULL OR EXISTS (
      SELECT 1 FROM recipient AS d WHERE d.mid = m.mid AND d.state = 0 AND d.domain = :destination))
  AND (:recipient IS NULL OR EXISTS (
      SELECT 1 FROM recipient AS a WHERE a.mid = m.mid AND a.state = 0 AND a.address = :recipient))
GROUP BY m.mid ORDER BY m.mid LIMIT :limit OFFSET :offset;

-- counts
-- Waiting recipients per destination.
SELECT r.domain, total(m.held = 0 AND r.tries = 0), total(m.held = 0 AND r.tries > 0), total(m.held)
FROM recipient AS r CROSS JOIN message AS m ON m.mid = r.mid
WHERE r.state = 0 GROUP BY r.domain ORDER BY count(*) DESC, r.domain;

-- waiting_at
-- Messages that wait for one destination, and since when the oldest.
SELECT count(*), min(received_at) FROM message WHERE mid IN (
    SELECT mid FROM recipient WHERE state = 0 AND domain = ?);

-- totals
-- Messages, held messages and octets.
SELECT count(*), total(held), total(size) FROM message;

-- waiting_total
-- Waiting recipients.
SELECT count(*) FROM recipient WHERE state = 0;

-- oldest
-- When the oldest message came; MIDs are given in the order of arrival, up to the blocks of a process.
SELECT min(received_at) FROM message;

-- live_segments
-- What the queue still needs of each segment.
SELECT segment, count(*), sum(body_length) FROM message GROUP BY segment;

-- bodies_in_segment
-- Which messages have their body in a segment.
SELECT mid, segment, body_offset, body_length FROM message WHERE segment = ?;

-- move_body
-- A body was copied; from now on it is read at its new place.
UPDATE message SET segment = ?, body_offset = ? WHERE mid = ? AND segment = ? AND body_offset = ?;

-- entered
-- Up to where a segment has been entered.
SELECT upto FROM entered WHERE segment = ?;

-- set_entered
-- Everything in a segment before this place has its rows, or had them.
INSERT INTO entered (segment, upto) VALUES (?1, ?2) ON CONFLICT (segment) DO UPDATE SET upto = ?2;

-- forget_entered
-- A segment is gone for good.
DELETE FROM entered WHERE segment = ?;
