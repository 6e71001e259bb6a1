-- Schema version 3: what nodes are for, how loaded they are, and what operators ask of them.

ALTER TABLE nodes ADD COLUMN role TEXT NOT NULL DEFAULT 'both' CHECK (role IN ('both', 'engine', 'front'));
ALTER TABLE nodes ADD COLUMN drain_requested INTEGER NOT NULL DEFAULT 0 CHECK (drain_requested IN (0, 1));
ALTER TABLE nodes ADD COLUMN load_sessions INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN load_running INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN load_memory_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN load_memory_limit INTEGER NOT NULL DEFAULT 0;

-- Sessions that operators ended, and the owners that have yet to drop them. Not bound to the rows of sessions: an owner
-- that is slow to acknowledge must be told even when the tombstone has gone.
CREATE TABLE revocations (
    node    TEXT NOT NULL REFERENCES nodes (incarnation) ON DELETE CASCADE,
    session TEXT NOT NULL,
    PRIMARY KEY (node, session)
) STRICT, WITHOUT ROWID;
CREATE INDEX revocations_by_session ON revocations (session);
