-- Up to which place each shared segment has been entered in the queue.
CREATE TABLE entered (
    segment         INTEGER PRIMARY KEY,
    upto            INTEGER NOT NULL            -- messages taken on before this place have rows
) STRICT;
