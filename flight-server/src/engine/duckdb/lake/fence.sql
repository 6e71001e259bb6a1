-- The check of commits to a lake, in the database of the lake's catalog. Run at every start of every node, so that what is
-- there already stays; the lock keeps two of them apart. Indexes and the trigger are looked for before they are made: even where
-- they are there, making them locks their tables, which commits of other nodes have locked, or are about to: a deadlock.
DO $pintail$
DECLARE
    -- The schema in which DuckLake keeps its tables: where its connections look first.
    changes regclass := 'ducklake_snapshot_changes'::regclass;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('pintail_lake', 0));
    CREATE SCHEMA IF NOT EXISTS pintail_lake;
    CREATE TABLE IF NOT EXISTS pintail_lake.epochs (
        session text PRIMARY KEY,
        epoch bigint NOT NULL,
        since timestamptz NOT NULL DEFAULT now()
    );
    IF to_regclass('pintail_lake.epochs_since') IS NULL THEN
        CREATE INDEX IF NOT EXISTS epochs_since ON pintail_lake.epochs (since);
    END IF;

    -- Writes that may be sent again, once they were applied.
    CREATE TABLE IF NOT EXISTS pintail_lake.receipts (
        session text NOT NULL,
        request uuid NOT NULL,
        digest text NOT NULL,
        changed bigint,
        returned_rows boolean NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (session, request)
    );
    -- The rows that a write answered with, where they are kept. Later than the rest.
    IF NOT EXISTS (SELECT FROM pg_attribute WHERE attrelid = 'pintail_lake.receipts'::regclass AND attname = 'rows') THEN
        ALTER TABLE pintail_lake.receipts ADD COLUMN IF NOT EXISTS rows text;
    END IF;
    IF to_regclass('pintail_lake.receipts_written_at') IS NULL THEN
        CREATE INDEX IF NOT EXISTS receipts_written_at ON pintail_lake.receipts (written_at);
    END IF;

    -- The last commit of each session that the server itself has asked for.
    CREATE TABLE IF NOT EXISTS pintail_lake.commits (
        session text PRIMARY KEY,
        request uuid NOT NULL,
        written_at timestamptz NOT NULL DEFAULT now()
    );
    IF to_regclass('pintail_lake.commits_written_at') IS NULL THEN
        CREATE INDEX IF NOT EXISTS commits_written_at ON pintail_lake.commits (written_at);
    END IF;

    -- Keeps the receipts in a mark. One that is kept already stays as it is.
    CREATE OR REPLACE FUNCTION pintail_lake.keep_receipts(mark jsonb) RETURNS void
    LANGUAGE sql AS $function$
        INSERT INTO pintail_lake.receipts (session, request, digest, changed, returned_rows, rows)
        SELECT mark ->> 'session', (kept ->> 'request')::uuid, kept ->> 'digest', (kept ->> 'changed')::bigint,
            (kept ->> 'returned_rows')::boolean, kept ->> 'rows'
        FROM jsonb_array_elements(coalesce(mark -> 'receipts', '[]')) AS kept
        WHERE NOT (kept ->> 'is_own')::boolean
        ON CONFLICT DO NOTHING;
        INSERT INTO pintail_lake.commits (session, request)
        SELECT mark ->> 'session', (kept ->> 'request')::uuid
        FROM jsonb_array_elements(coalesce(mark -> 'receipts', '[]')) AS kept
        WHERE (kept ->> 'is_own')::boolean
        LIMIT 1
        ON CONFLICT (session) DO UPDATE SET request = EXCLUDED.request, written_at = now()
    $function$;

    -- Writes the epoch of a session that was taken over. A commit of its last owner that is under way is waited for.
    CREATE OR REPLACE FUNCTION pintail_lake.take_over(of_session text, to_epoch bigint) RETURNS void
    LANGUAGE plpgsql AS $function$
    DECLARE
        held bigint;
    BEGIN
        INSERT INTO pintail_lake.epochs AS known (session, epoch) VALUES (of_session, to_epoch)
        ON CONFLICT (session) DO UPDATE SET epoch = greatest(known.epoch, to_epoch), since = now()
        RETURNING known.epoch INTO held;
        IF held > to_epoch THEN
            RAISE EXCEPTION 'pintail: the session was taken over: % is of epoch %, not %', of_session, held, to_epoch
                USING ERRCODE = '55000';
        END IF;
    END
    $function$;

    -- Refuses the commit of an owner that has lost its session.
    CREATE OR REPLACE FUNCTION pintail_lake.check_commit() RETURNS trigger
    LANGUAGE plpgsql AS $function$
    DECLARE
        mark jsonb;
        held bigint;
    BEGIN
        -- Other programs may use the lake too, and have no sessions that anybody takes over.
        IF current_setting('pintail.fenced', true) IS DISTINCT FROM 'on' THEN
            RETURN NEW;
        END IF;
        mark := NEW.commit_extra_info::jsonb -> 'pintail';
        IF mark ->> 'session' IS NULL OR mark ->> 'epoch' IS NULL THEN
            -- Merging and rewriting files changes no row, and DuckLake does it in transactions of its own too.
            IF NEW.changes_made ~ '^((merge_adjacent|rewrite_delete|inline_flush|flushed_inlined):[^,]*(,|$))+$' THEN
                RETURN NEW;
            END IF;
            RAISE EXCEPTION 'pintail: the commit has no mark of its session' USING ERRCODE = '55000';
        END IF;
        -- The row stays locked until the commit is over. One that this transaction can't see because it is newer fails here
        -- as well: DuckLake then begins anew, and sees it.
        INSERT INTO pintail_lake.epochs AS known (session, epoch)
        VALUES (mark ->> 'session', (mark ->> 'epoch')::bigint)
        ON CONFLICT (session) DO UPDATE SET epoch = EXCLUDED.epoch, since = now() WHERE known.epoch < EXCLUDED.epoch;
        SELECT epoch INTO held FROM pintail_lake.epochs WHERE session = mark ->> 'session';
        IF held > (mark ->> 'epoch')::bigint THEN
            RAISE EXCEPTION 'pintail: the session was taken over: % is of epoch %, not %',
                mark ->> 'session', held, mark ->> 'epoch' USING ERRCODE = '55000';
        END IF;
        -- The commit of an earlier try may have been under way, unseen, when this one looked for its receipt.
        IF EXISTS (
            SELECT FROM jsonb_array_elements(coalesce(mark -> 'receipts', '[]')) AS kept
            JOIN pintail_lake.receipts AS known
            ON known.session = mark ->> 'session' AND known.request = (kept ->> 'request')::uuid
        ) THEN
            RAISE EXCEPTION 'pintail: the write was applied: %', mark ->> 'session' USING ERRCODE = '55000';
        END IF;
        PERFORM pintail_lake.keep_receipts(mark);
        -- The rows that writes answered with are kept with their receipts, and only as long. The mark stays with the lake.
        IF jsonb_path_exists(mark, '$.receipts[*].rows') THEN
            NEW.commit_extra_info := NEW.commit_extra_info::jsonb || jsonb_build_object('pintail', mark || jsonb_build_object(
                'receipts', (SELECT jsonb_agg(kept - 'rows') FROM jsonb_array_elements(mark -> 'receipts') AS kept)));
        END IF;
        -- From here on only the commit itself is missing. A node that is stopped now must not keep the session's next owner
        -- waiting for that row.
        PERFORM set_config('idle_in_transaction_session_timeout', '3s', true);
        -- Sessions that have ended leave their rows; those that are long over go with a commit now and then.
        IF random() < 0.01 THEN
            DELETE FROM pintail_lake.epochs WHERE session IN (
                SELECT session FROM pintail_lake.epochs WHERE since < now() - interval '60 days'
                LIMIT 1000 FOR UPDATE SKIP LOCKED);
            DELETE FROM pintail_lake.receipts WHERE (session, request) IN (
                SELECT session, request FROM pintail_lake.receipts WHERE written_at < now() - interval '60 days'
                LIMIT 1000 FOR UPDATE SKIP LOCKED);
            DELETE FROM pintail_lake.commits WHERE session IN (
                SELECT session FROM pintail_lake.commits WHERE written_at < now() - interval '60 days'
                LIMIT 1000 FOR UPDATE SKIP LOCKED);
        END IF;
        RETURN NEW;
    END
    $function$;

    IF NOT EXISTS (SELECT FROM pg_trigger WHERE tgrelid = changes AND tgname = 'pintail_check_commit') THEN
        BEGIN
            EXECUTE format('CREATE TRIGGER pintail_check_commit BEFORE INSERT ON %s '
                'FOR EACH ROW EXECUTE FUNCTION pintail_lake.check_commit()', changes);
        EXCEPTION WHEN duplicate_object THEN
            -- The transaction may have begun before another node made it, and not have seen it above.
            NULL;
        END;
    END IF;
END
$pintail$
