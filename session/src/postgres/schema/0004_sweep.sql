-- Schema version 4: the janitor's round, a part of it at a time.
--
-- It waits for no lock, so that any number of nodes may sweep at once: what another call holds at this moment is left to the
-- next round. At most `_most` sessions are expired and as many deleted, so that no round outlasts the statement timeout;
-- `more` says that there may be others.

CREATE FUNCTION sweep(_keep_ended float8, _most integer, OUT expired text[], OUT owners text[],
                      OUT sessions_deleted bigint, OUT nodes_deleted bigint, OUT more boolean) LANGUAGE plpgsql AS $$
DECLARE _now timestamptz := clock();
BEGIN
    WITH due AS (
        SELECT id FROM sessions
        WHERE ended_at IS NULL AND least(idle_expires_at, absolute_expires_at) <= _now
        LIMIT _most FOR NO KEY UPDATE SKIP LOCKED
    ), done AS (
        UPDATE sessions s SET
            state = 'expired', ended_at = _now,
            close_reason = CASE WHEN absolute_expires_at <= _now THEN 'maximum age reached' ELSE 'idle for too long' END
        FROM due WHERE s.id = due.id RETURNING s.id, s.owner
    )
    SELECT coalesce(array_agg(id ORDER BY id), '{}'), coalesce(array_agg(owner ORDER BY id), '{}') INTO expired, owners
    FROM done;

    WITH due AS (
        SELECT id FROM sessions WHERE ended_at <= _now - make_interval(secs => _keep_ended)
        LIMIT _most FOR UPDATE SKIP LOCKED
    )
    DELETE FROM sessions s USING due WHERE s.id = due.id;
    GET DIAGNOSTICS sessions_deleted = ROW_COUNT;
    more := cardinality(expired) >= _most OR sessions_deleted >= _most;

    WITH due AS (
        SELECT incarnation FROM nodes WHERE state <> 'gone' AND lease_until <= _now FOR NO KEY UPDATE SKIP LOCKED
    )
    UPDATE nodes n SET state = 'gone' FROM due WHERE n.incarnation = due.incarnation;

    nodes_deleted := 0;
    BEGIN
        WITH due AS (
            SELECT incarnation FROM nodes n
            WHERE state = 'gone' AND NOT EXISTS (SELECT 1 FROM sessions WHERE owner = n.incarnation)
            FOR UPDATE SKIP LOCKED
        )
        DELETE FROM nodes n USING due WHERE n.incarnation = due.incarnation;
        GET DIAGNOSTICS nodes_deleted = ROW_COUNT;
    EXCEPTION WHEN foreign_key_violation THEN
        -- A session was given to the node just before it went, and was not to be seen yet: the next round sees it.
        NULL;
    END;

    WITH due AS (
        SELECT node, session FROM revocations r
        WHERE NOT is_alive(r.node) FOR UPDATE SKIP LOCKED
    )
    DELETE FROM revocations r USING due WHERE r.node = due.node AND r.session = due.session;
    WITH due AS (
        SELECT key_digest, generation, node FROM dataset_health h
        WHERE NOT is_alive(h.node) FOR UPDATE SKIP LOCKED
    )
    DELETE FROM dataset_health h USING due
    WHERE h.key_digest = due.key_digest AND h.generation = due.generation AND h.node = due.node;
END $$;
