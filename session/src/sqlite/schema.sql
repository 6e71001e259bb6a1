-- Schema version 1 of the embedded session table. Moments are REAL seconds since the Unix epoch, by this database's
-- own clock; identifiers are TEXT, so that a person with the sqlite3 shell can read them.

CREATE TABLE nodes (
    incarnation    TEXT PRIMARY KEY NOT NULL,
    home           TEXT NOT NULL,
    name           TEXT NOT NULL,
    advertised_uri TEXT NOT NULL,
    peer_uri       TEXT,
    state          TEXT NOT NULL CHECK (state IN ('live', 'draining', 'gone')),
    lease_until    REAL NOT NULL,
    registered_at  REAL NOT NULL,
    version        TEXT NOT NULL
) STRICT;

CREATE TABLE sessions (
    number              INTEGER PRIMARY KEY AUTOINCREMENT,
    id                  TEXT NOT NULL UNIQUE,
    token_hash          BLOB NOT NULL CHECK (length(token_hash) = 32),
    principal           TEXT NOT NULL,
    engine              TEXT NOT NULL,
    state               TEXT NOT NULL CHECK (state IN ('active', 'released', 'closed', 'expired')),
    owner               TEXT REFERENCES nodes (incarnation),
    epoch               INTEGER NOT NULL CHECK (epoch >= 1),
    options             TEXT NOT NULL DEFAULT '{}',
    close_reason        TEXT,
    idle_timeout        REAL NOT NULL,
    created_at          REAL NOT NULL,
    last_used_at        REAL NOT NULL,
    idle_expires_at     REAL NOT NULL,
    absolute_expires_at REAL NOT NULL,
    ended_at            REAL,
    CHECK (state <> 'active' OR owner IS NOT NULL),
    CHECK (state <> 'released' OR owner IS NULL),
    CHECK ((state IN ('closed', 'expired')) = (ended_at IS NOT NULL))
) STRICT;

CREATE INDEX sessions_by_owner ON sessions (owner);

-- A key that is written again gets a new, higher seq (rows are replaced, never updated): seq is the order of last writes.
CREATE TABLE journal (
    seq       INTEGER PRIMARY KEY AUTOINCREMENT,
    session   TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    key       TEXT NOT NULL,
    statement TEXT NOT NULL,
    UNIQUE (session, key)
) STRICT;

CREATE TABLE prepared (
    session TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    handle  BLOB NOT NULL,
    sql     TEXT NOT NULL,
    UNIQUE (session, handle)
) STRICT;

-- However a session ends, what a peer would have replayed ends with it.
CREATE TRIGGER session_ended AFTER UPDATE OF state ON sessions WHEN NEW.state IN ('closed', 'expired')
BEGIN
    DELETE FROM journal WHERE session = NEW.id;
    DELETE FROM prepared WHERE session = NEW.id;
END;

-- The three rules that every statement goes by are written once, here.

-- A node is alive while it isn't gone and its lease runs.
CREATE VIEW alive_nodes AS
SELECT incarnation, state FROM nodes WHERE state <> 'gone' AND lease_until > unixepoch('subsec');

-- A fence holds a session when its incarnation and epoch are found here.
CREATE VIEW held_sessions AS
SELECT s.id, s.owner, s.epoch FROM sessions s JOIN alive_nodes n ON n.incarnation = s.owner WHERE s.state = 'active';

-- What is read of a session, with what only this database's clock can tell.
CREATE VIEW session_records AS
SELECT
    s.*,
    s.state = 'expired' OR min(s.idle_expires_at, s.absolute_expires_at) <= unixepoch('subsec') AS expired,
    s.owner IS NOT NULL AND s.owner NOT IN (SELECT incarnation FROM alive_nodes) AS owner_lease_over
FROM sessions s;
