-- Schema version 1: nodes and sessions.
--
-- Texts hold what no PostgreSQL text may, U+0000, in an escaped form (text.rs), and are compared by their bytes. What may be of
-- any length is looked up by its SHA-256, because an index entry must fit a third of a page.

-- What time it is, for every rule below: the database's clock at this very moment, not at the start of a transaction, which
-- a wait for a lock would have left behind. PostgreSQL puts the body in the place of each call.
CREATE FUNCTION clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS 'SELECT clock_timestamp()';

-- A renewal changes no indexed column: with room on its page for the new row, no index is touched.
CREATE TABLE nodes (
    incarnation       text COLLATE "C" NOT NULL,
    home              text COLLATE "C" NOT NULL,
    name              text COLLATE "C" NOT NULL,
    advertised_uri    text NOT NULL,
    peer_uri          text,
    role              text NOT NULL CHECK (role IN ('both', 'engine', 'front')),
    state             text NOT NULL CHECK (state IN ('live', 'draining', 'gone')),
    lease_until       timestamptz NOT NULL,
    registered_at     timestamptz NOT NULL,
    version           text NOT NULL,
    drain_requested   boolean NOT NULL DEFAULT false,
    load_sessions     bigint NOT NULL DEFAULT 0,
    load_running      bigint NOT NULL DEFAULT 0,
    load_memory_used  bigint NOT NULL DEFAULT 0,
    load_memory_limit bigint NOT NULL DEFAULT 0,
    CONSTRAINT nodes_pkey PRIMARY KEY (incarnation)
) WITH (fillfactor = 50);

CREATE TABLE sessions (
    number              bigint GENERATED ALWAYS AS IDENTITY,
    id                  text COLLATE "C" NOT NULL,
    token_hash          bytea NOT NULL CHECK (length(token_hash) = 32),
    principal           text NOT NULL,
    engine              text NOT NULL,
    state               text NOT NULL CHECK (state IN ('active', 'released', 'closed', 'expired')),
    owner               text COLLATE "C" REFERENCES nodes (incarnation),
    epoch               bigint NOT NULL CHECK (epoch >= 1),
    options             text NOT NULL DEFAULT '{}',
    close_reason        text,
    idle_timeout        interval NOT NULL,
    created_at          timestamptz NOT NULL,
    last_used_at        timestamptz NOT NULL,
    idle_expires_at     timestamptz NOT NULL,
    absolute_expires_at timestamptz NOT NULL,
    ended_at            timestamptz,
    CONSTRAINT sessions_pkey PRIMARY KEY (id),
    CHECK (state <> 'active' OR owner IS NOT NULL),
    CHECK (state <> 'released' OR owner IS NULL),
    CHECK ((state IN ('closed', 'expired')) = (ended_at IS NOT NULL))
);

-- A key that is written again gets a new, higher seq (rows are replaced, never updated): seq is the order of last writes.
CREATE TABLE journal (
    seq        bigint GENERATED ALWAYS AS IDENTITY,
    session    text COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    key_digest bytea NOT NULL,
    key        text NOT NULL,
    statement  text NOT NULL,
    CONSTRAINT journal_pkey PRIMARY KEY (session, key_digest)
);

CREATE TABLE prepared (
    session       text COLLATE "C" NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
    handle_digest bytea NOT NULL,
    handle        bytea NOT NULL,
    sql           text NOT NULL,
    CONSTRAINT prepared_pkey PRIMARY KEY (session, handle_digest)
);

-- Sessions that operators ended, and the owners that have yet to drop them. Not bound to the rows of sessions: an owner that
-- is slow to acknowledge must be told even when the tombstone has gone.
CREATE TABLE revocations (
    node    text COLLATE "C" NOT NULL REFERENCES nodes (incarnation) ON DELETE CASCADE,
    session text COLLATE "C" NOT NULL,
    CONSTRAINT revocations_pkey PRIMARY KEY (node, session)
);

-- However a session ends, what a peer would have replayed ends with it.
CREATE FUNCTION forget_replay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM journal WHERE session = NEW.id;
    DELETE FROM prepared WHERE session = NEW.id;
    RETURN NULL;
END $$;
CREATE TRIGGER session_ended AFTER UPDATE OF state ON sessions
FOR EACH ROW WHEN (NEW.state IN ('closed', 'expired')) EXECUTE FUNCTION forget_replay();

-- A node is alive while it isn't gone and its lease runs.
CREATE VIEW alive_nodes AS
SELECT incarnation, name, role, state FROM nodes WHERE state <> 'gone' AND lease_until > clock();

-- What is read of a session, with what only this database's clock can tell.
CREATE VIEW session_records AS
SELECT
    s.id, s.token_hash, s.principal, s.engine, s.state, s.owner, s.epoch, s.options, s.close_reason, s.number,
    extract(epoch FROM s.created_at)::float8 AS created_at,
    extract(epoch FROM s.last_used_at)::float8 AS last_used_at,
    extract(epoch FROM s.idle_expires_at)::float8 AS idle_expires_at,
    extract(epoch FROM s.absolute_expires_at)::float8 AS absolute_expires_at,
    s.state = 'expired' OR least(s.idle_expires_at, s.absolute_expires_at) <= clock() AS expired,
    s.owner IS NOT NULL AND NOT EXISTS (SELECT 1 FROM alive_nodes n WHERE n.incarnation = s.owner) AS owner_lease_over
FROM sessions s;

-- What is read of a node.
CREATE VIEW node_records AS
SELECT
    incarnation, home, name, advertised_uri, peer_uri, role, state, version, drain_requested,
    load_sessions, load_running, load_memory_used, load_memory_limit,
    extract(epoch FROM lease_until)::float8 AS lease_until,
    extract(epoch FROM registered_at)::float8 AS registered_at,
    CASE state WHEN 'gone' THEN 0 ELSE greatest(extract(epoch FROM lease_until - clock()), 0) END::float8 AS lease_left
FROM nodes;
