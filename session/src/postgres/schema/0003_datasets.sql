-- Schema version 3: datasets. Their names are compared without case: `key` is the name in lower case.

CREATE TABLE datasets (
    key_digest bytea NOT NULL,
    key        text COLLATE "C" NOT NULL,
    name       text NOT NULL,
    url        text NOT NULL,
    format     text NOT NULL,
    secret     text,
    columns    text,
    generation bigint NOT NULL CHECK (generation >= 1),
    created_at timestamptz NOT NULL,
    CONSTRAINT datasets_pkey PRIMARY KEY (key_digest)
);

-- One row: `version` rises with every change, `refresh` is the version at which nodes were last asked to describe the
-- datasets of their own configuration anew. Generations are taken from `version`, so that none is ever used twice. Every
-- change locks it first: changes come one after the other.
CREATE TABLE dataset_version (
    version bigint NOT NULL,
    refresh bigint NOT NULL
);
INSERT INTO dataset_version VALUES (0, 0);
CREATE UNIQUE INDEX dataset_version_one ON dataset_version ((true));

-- How datasets fare on nodes; generation 0 is a dataset of the node's own configuration. Rows of a generation that is over
-- are deleted with it.
CREATE TABLE dataset_health (
    key_digest bytea NOT NULL,
    key        text COLLATE "C" NOT NULL,
    dataset    text NOT NULL,
    generation bigint NOT NULL,
    node       text COLLATE "C" NOT NULL REFERENCES nodes (incarnation) ON DELETE CASCADE,
    failure    text,
    checked_at timestamptz NOT NULL,
    CONSTRAINT dataset_health_pkey PRIMARY KEY (key_digest, generation, node)
);

CREATE FUNCTION forget_generation() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM dataset_health WHERE key_digest = OLD.key_digest AND generation = OLD.generation;
    RETURN NULL;
END $$;
CREATE TRIGGER dataset_removed AFTER DELETE ON datasets FOR EACH ROW EXECUTE FUNCTION forget_generation();
CREATE TRIGGER dataset_generation_over AFTER UPDATE OF generation ON datasets
FOR EACH ROW EXECUTE FUNCTION forget_generation();

CREATE FUNCTION next_dataset_version() RETURNS bigint LANGUAGE sql VOLATILE AS
'UPDATE dataset_version SET version = version + 1 RETURNING version';

-- Says whether the dataset was put; else the name is taken.
CREATE FUNCTION put_dataset(_digest bytea, _key text, _name text, _url text, _format text, _secret text, _replace boolean)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM dataset_version FOR UPDATE;
    IF NOT _replace AND EXISTS (SELECT 1 FROM datasets WHERE key_digest = _digest) THEN
        RETURN false;
    END IF;
    INSERT INTO datasets (key_digest, key, name, url, format, secret, generation, created_at)
    VALUES (_digest, _key, _name, _url, _format, _secret, next_dataset_version(), clock())
    ON CONFLICT (key_digest) DO UPDATE SET
        key = excluded.key, name = excluded.name, url = excluded.url, format = excluded.format, secret = excluded.secret,
        columns = NULL, generation = excluded.generation, created_at = excluded.created_at;
    RETURN true;
END $$;

-- Says whether there was one.
CREATE FUNCTION remove_dataset(_digest bytea) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM dataset_version FOR UPDATE;
    DELETE FROM datasets WHERE key_digest = _digest;
    IF NOT FOUND THEN RETURN false; END IF;
    PERFORM next_dataset_version();
    RETURN true;
END $$;

CREATE FUNCTION set_dataset_columns(_digest bytea, _generation bigint, _columns text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE fixed text;
BEGIN
    PERFORM 1 FROM dataset_version FOR UPDATE;
    UPDATE datasets SET columns = _columns WHERE key_digest = _digest AND generation = _generation AND columns IS NULL;
    IF FOUND THEN PERFORM next_dataset_version(); END IF;
    SELECT columns INTO fixed FROM datasets WHERE key_digest = _digest AND generation = _generation;
    RETURN fixed;
END $$;

-- All datasets when the digest is NULL. Says whether any is here.
CREATE FUNCTION refresh_datasets(_digest bytea) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE d record; is_here boolean := false;
BEGIN
    PERFORM 1 FROM dataset_version FOR UPDATE;
    FOR d IN SELECT key_digest FROM datasets WHERE _digest IS NULL OR key_digest = _digest ORDER BY key LOOP
        UPDATE datasets SET generation = next_dataset_version(), columns = NULL WHERE key_digest = d.key_digest;
        is_here := true;
    END LOOP;
    IF _digest IS NULL OR NOT is_here THEN
        UPDATE dataset_version SET version = version + 1, refresh = version + 1;
    END IF;
    RETURN is_here;
END $$;

-- Says whether the node is alive. What is said of a generation that is over is passed over.
CREATE FUNCTION report_dataset(_digest bytea, _key text, _dataset text, _generation bigint, _node text, _failure text)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    -- The generation can't end before this report of it is there to end with it.
    PERFORM 1 FROM datasets WHERE key_digest = _digest AND generation = _generation FOR SHARE;
    IF (FOUND OR _generation = 0) AND is_alive(_node) THEN
        INSERT INTO dataset_health (key_digest, key, dataset, generation, node, failure, checked_at)
        VALUES (_digest, _key, _dataset, _generation, _node, _failure, clock())
        ON CONFLICT (key_digest, generation, node) DO UPDATE SET
            dataset = excluded.dataset, failure = excluded.failure, checked_at = excluded.checked_at;
    END IF;
    RETURN is_alive(_node);
END $$;
