-- Schema version 2: the calls that write, one function each, so that each is one round trip and one transaction.
--
-- Every function takes its locks in one order, so that no two wait for each other: a session (several by their ids), then
-- nodes (several by their incarnations), then what hangs on them. Rules are judged after the locks are had, at the moment it
-- is then. Sweeps wait for nobody: they pass over what is locked.

CREATE FUNCTION is_alive(_node text) RETURNS boolean LANGUAGE sql VOLATILE AS
'SELECT EXISTS (SELECT 1 FROM alive_nodes WHERE incarnation = _node)';

-- Why a node may not take a session, or NULL.
CREATE FUNCTION refusal(_node text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE n alive_nodes;
BEGIN
    SELECT * INTO n FROM alive_nodes WHERE incarnation = _node;
    RETURN CASE WHEN NOT FOUND THEN 'gone' WHEN n.role = 'front' THEN 'front' WHEN n.state = 'draining' THEN 'draining' END;
END $$;

-- Locks a session and tells what keeps a fence from holding it, or NULL.
CREATE FUNCTION fence_loss(_session text, _writer text, _epoch bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE s record;
BEGIN
    SELECT state, owner, epoch INTO s FROM sessions WHERE id = _session FOR NO KEY UPDATE;
    RETURN CASE
        WHEN NOT FOUND THEN 'unknown'
        WHEN s.state <> 'active' THEN 'not_active'
        WHEN s.owner <> _writer OR s.epoch <> _epoch THEN 'claimed'
        WHEN NOT is_alive(_writer) THEN 'lease_over'
    END;
END $$;

-- Says whether the node is registered now.
CREATE FUNCTION register_node(_node text, _home text, _name text, _advertised_uri text, _peer_uri text, _role text,
                              _lease float8, _version text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    -- Two incarnations of one home that register at the same moment must see each other.
    PERFORM pg_advisory_xact_lock(hashtextextended('pintail home ' || _home, 0));
    PERFORM 1 FROM nodes WHERE home = _home OR incarnation = _node ORDER BY incarnation FOR NO KEY UPDATE;
    IF EXISTS (SELECT 1 FROM nodes WHERE incarnation = _node) AND NOT is_alive(_node) THEN
        RETURN false;
    END IF;
    UPDATE nodes SET state = 'gone', lease_until = least(lease_until, clock()) WHERE home = _home AND incarnation <> _node;
    INSERT INTO nodes (incarnation, home, name, advertised_uri, peer_uri, role, state, lease_until, registered_at, version)
    VALUES (_node, _home, _name, _advertised_uri, _peer_uri, _role, 'live',
            clock() + make_interval(secs => _lease), clock(), _version)
    ON CONFLICT (incarnation) DO UPDATE SET
        home = excluded.home, name = excluded.name, advertised_uri = excluded.advertised_uri,
        peer_uri = excluded.peer_uri, role = excluded.role, state = excluded.state,
        lease_until = excluded.lease_until, version = excluded.version;
    RETURN true;
END $$;

-- `drain` is NULL when the lease was over.
CREATE FUNCTION renew_node(_node text, _lease float8, _sessions bigint, _running bigint, _memory_used bigint,
                           _memory_limit bigint, OUT drain boolean, OUT revoked text[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM nodes WHERE incarnation = _node FOR NO KEY UPDATE;
    UPDATE nodes SET
        lease_until = clock() + make_interval(secs => _lease), load_sessions = _sessions, load_running = _running,
        load_memory_used = _memory_used, load_memory_limit = _memory_limit
    WHERE incarnation = _node AND state <> 'gone' AND lease_until > clock()
    RETURNING drain_requested INTO drain;
    SELECT coalesce(array_agg(session ORDER BY session), '{}') INTO revoked FROM revocations WHERE node = _node;
END $$;

-- Says whether the node is in that state now.
CREATE FUNCTION set_node_state(_node text, _state text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM nodes WHERE incarnation = _node FOR NO KEY UPDATE;
    IF _state = 'gone' THEN
        UPDATE nodes SET state = 'gone', lease_until = least(lease_until, clock()) WHERE incarnation = _node;
        RETURN true;
    END IF;
    UPDATE nodes SET state = _state WHERE incarnation = _node AND state <> 'gone' AND lease_until > clock();
    RETURN FOUND;
END $$;

CREATE FUNCTION request_drain(_name text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE asked bigint;
BEGIN
    PERFORM 1 FROM nodes WHERE name = _name ORDER BY incarnation FOR NO KEY UPDATE;
    UPDATE nodes SET drain_requested = true WHERE name = _name AND state <> 'gone' AND lease_until > clock();
    GET DIAGNOSTICS asked = ROW_COUNT;
    RETURN asked;
END $$;

CREATE FUNCTION create_session(_id text, _token_hash bytea, _principal text, _engine text, _owner text,
                               _idle_timeout float8, _max_age float8, OUT outcome text, OUT seen session_records)
LANGUAGE plpgsql AS $$
DECLARE _now timestamptz := clock();
BEGIN
    outcome := refusal(_owner);
    IF outcome IS NOT NULL THEN RETURN; END IF;
    INSERT INTO sessions (id, token_hash, principal, engine, state, owner, epoch, idle_timeout, created_at, last_used_at,
                          idle_expires_at, absolute_expires_at)
    VALUES (_id, _token_hash, _principal, _engine, 'active', _owner, 1, make_interval(secs => _idle_timeout), _now, _now,
            _now + make_interval(secs => _idle_timeout), _now + make_interval(secs => _max_age))
    ON CONFLICT (id) DO NOTHING;
    outcome := CASE WHEN FOUND THEN 'created' ELSE 'exists' END;
    SELECT * INTO seen FROM session_records WHERE id = _id;
END $$;

-- The compare-and-swap of ownership.
CREATE FUNCTION claim_session(_id text, _expected bigint, _me text, OUT outcome text, OUT seen session_records)
LANGUAGE plpgsql AS $$
DECLARE s record;
BEGIN
    outcome := refusal(_me);
    IF outcome IS NOT NULL THEN RETURN; END IF;
    outcome := 'lost';
    -- Most claims that come too early or too late need no lock to be told so.
    SELECT * INTO seen FROM session_records WHERE id = _id;
    IF seen.epoch = _expected AND seen.state IN ('active', 'released') AND NOT seen.expired
       AND (seen.state = 'released' OR seen.owner_lease_over) THEN
        SELECT state, owner INTO s FROM sessions
        WHERE id = _id AND epoch = _expected AND state IN ('active', 'released')
          AND least(idle_expires_at, absolute_expires_at) > clock()
        FOR NO KEY UPDATE;
        IF FOUND THEN
            -- A renewal of the owner that is under way is waited for, and counts.
            PERFORM 1 FROM nodes WHERE incarnation = s.owner FOR SHARE;
            IF s.state = 'released' OR NOT is_alive(s.owner) THEN
                outcome := coalesce(refusal(_me), 'claimed');
            END IF;
        END IF;
        IF outcome = 'claimed' THEN
            UPDATE sessions SET state = 'active', owner = _me, epoch = epoch + 1 WHERE id = _id;
        END IF;
        SELECT * INTO seen FROM session_records WHERE id = _id;
    END IF;
END $$;

CREATE FUNCTION release_session(_session text, _writer text, _epoch bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE loss text := fence_loss(_session, _writer, _epoch);
BEGIN
    IF loss IS NULL THEN
        UPDATE sessions SET state = 'released', owner = NULL WHERE id = _session;
    END IF;
    RETURN loss;
END $$;

CREATE FUNCTION close_session(_session text, _writer text, _epoch bigint, _reason text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE loss text := fence_loss(_session, _writer, _epoch);
BEGIN
    IF loss IS NULL THEN
        UPDATE sessions SET state = 'closed', close_reason = _reason, ended_at = clock() WHERE id = _session;
    END IF;
    RETURN loss;
END $$;

CREATE FUNCTION end_session(_id text, _reason text, OUT outcome text, OUT seen session_records) LANGUAGE plpgsql AS $$
BEGIN
    outcome := 'unknown';
    PERFORM 1 FROM sessions WHERE id = _id FOR NO KEY UPDATE;
    IF NOT FOUND THEN RETURN; END IF;
    SELECT * INTO seen FROM session_records WHERE id = _id;
    outcome := 'had_ended';
    IF seen.state IN ('closed', 'expired') THEN RETURN; END IF;
    UPDATE sessions SET state = 'closed', close_reason = _reason, ended_at = clock() WHERE id = _id;
    -- A released session has no owner, and one that isn't alive has lost it without being told.
    INSERT INTO revocations (node, session)
    SELECT incarnation, _id FROM alive_nodes WHERE incarnation = seen.owner ON CONFLICT DO NOTHING;
    outcome := 'ended';
END $$;

CREATE FUNCTION acknowledge_revoked(_node text, _sessions text[]) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM revocations WHERE node = _node AND session = ANY (_sessions) ORDER BY session FOR UPDATE;
    DELETE FROM revocations WHERE node = _node AND session = ANY (_sessions);
    RETURN FOUND;
END $$;

CREATE FUNCTION touch_sessions(_sessions text[], _me text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM sessions WHERE id = ANY (_sessions) AND owner = _me AND state = 'active' ORDER BY id FOR NO KEY UPDATE;
    IF is_alive(_me) THEN
        UPDATE sessions SET last_used_at = moment.now, idle_expires_at = moment.now + idle_timeout
        FROM (SELECT clock() AS now) AS moment
        WHERE id = ANY (_sessions) AND owner = _me AND state = 'active'
          AND least(idle_expires_at, absolute_expires_at) > moment.now;
    END IF;
    RETURN FOUND;
END $$;

CREATE FUNCTION set_options(_session text, _writer text, _epoch bigint, _options text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE loss text := fence_loss(_session, _writer, _epoch);
BEGIN
    IF loss IS NULL THEN
        UPDATE sessions SET options = _options WHERE id = _session;
    END IF;
    RETURN loss;
END $$;

-- No key comes twice. A statement that is NULL forgets its key.
CREATE FUNCTION write_journal(_session text, _writer text, _epoch bigint, _digests bytea[], _keys text[],
                              _statements text[]) RETURNS text LANGUAGE plpgsql AS $$
DECLARE loss text := fence_loss(_session, _writer, _epoch);
BEGIN
    IF loss IS NULL THEN
        DELETE FROM journal WHERE session = _session AND key_digest = ANY (_digests);
        INSERT INTO journal (session, key_digest, key, statement)
        SELECT _session, e.digest, e.key, e.statement
        FROM unnest(_digests, _keys, _statements) WITH ORDINALITY AS e (digest, key, statement, n)
        WHERE e.statement IS NOT NULL ORDER BY e.n;
    END IF;
    RETURN loss;
END $$;

CREATE FUNCTION put_prepared(_session text, _writer text, _epoch bigint, _digest bytea, _handle bytea, _sql text)
RETURNS text LANGUAGE plpgsql AS $$
DECLARE loss text := fence_loss(_session, _writer, _epoch);
BEGIN
    IF loss IS NULL THEN
        INSERT INTO prepared (session, handle_digest, handle, sql) VALUES (_session, _digest, _handle, _sql)
        ON CONFLICT (session, handle_digest) DO UPDATE SET sql = excluded.sql;
    END IF;
    RETURN loss;
END $$;

CREATE FUNCTION delete_prepared(_session text, _writer text, _epoch bigint, _digest bytea) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE loss text := fence_loss(_session, _writer, _epoch);
BEGIN
    IF loss IS NULL THEN
        DELETE FROM prepared WHERE session = _session AND handle_digest = _digest;
    END IF;
    RETURN loss;
END $$;
