-- reserve
-- Take a block of numbers out of circulation for good; the first number behind the block.
INSERT INTO number (kind, next) VALUES (:kind, :block + 1)
ON CONFLICT (kind) DO UPDATE SET next = next + :block
RETURNING next;
