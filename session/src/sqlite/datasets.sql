-- Schema version 2: datasets. Names are compared without case.

CREATE TABLE datasets (
    name       TEXT PRIMARY KEY NOT NULL COLLATE NOCASE,
    url        TEXT NOT NULL,
    format     TEXT NOT NULL,
    secret     TEXT,
    columns    TEXT,
    generation INTEGER NOT NULL UNIQUE CHECK (generation >= 1),
    created_at REAL NOT NULL
) STRICT;

-- One row: `version` rises with every change, `refresh` is the version at which nodes were last asked to describe the
-- datasets of their own configuration anew. Generations are taken from `version`, so that none is ever used twice.
CREATE TABLE dataset_version (
    one     INTEGER PRIMARY KEY NOT NULL CHECK (one = 1),
    version INTEGER NOT NULL,
    refresh INTEGER NOT NULL
) STRICT;
INSERT INTO dataset_version VALUES (1, 0, 0);

-- How datasets fare on nodes; generation 0 is a dataset of the node's own configuration. Rows of a generation that is over
-- are deleted with it.
CREATE TABLE dataset_health (
    dataset    TEXT NOT NULL COLLATE NOCASE,
    generation INTEGER NOT NULL,
    node       TEXT NOT NULL REFERENCES nodes (incarnation) ON DELETE CASCADE,
    failure    TEXT,
    checked_at REAL NOT NULL,
    PRIMARY KEY (dataset, generation, node)
) STRICT;

CREATE TRIGGER dataset_removed AFTER DELETE ON datasets
BEGIN
    DELETE FROM dataset_health WHERE generation = OLD.generation;
END;

CREATE TRIGGER dataset_generation_over AFTER UPDATE OF generation ON datasets
BEGIN
    DELETE FROM dataset_health WHERE generation = OLD.generation;
END;
