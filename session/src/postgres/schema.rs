//! The schema and its versions.

use std::collections::BTreeSet;
use std::time::Duration;

use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{Connection as _, Executor as _, Row as _};
use tokio::time::{Instant, timeout, timeout_at};

use super::connections::Connections;
use super::failure::{failed, is_absent};
use super::{CALL_TIMEOUT, PostgresStore};
use crate::{Result, StoreError};

/// What brings the schema from version 0, none at all, to each next version. Entries are only ever added.
const MIGRATIONS: [&str; 5] = [
    include_str!("schema/0001_sessions.sql"),
    include_str!("schema/0002_calls.sql"),
    include_str!("schema/0003_datasets.sql"),
    include_str!("schema/0004_sweep.sql"),
    include_str!("schema/0005_order.sql"),
];

/// The indexes that statements go by, those of primary keys included, and how to put one back that is missing or invalid.
/// The look-ups of a sweep go by indexes, so that at rest it costs the same however many sessions there are.
const INDEXES: [(&str, &str); 12] = [
    ("nodes_pkey", "ALTER TABLE nodes ADD CONSTRAINT nodes_pkey PRIMARY KEY (incarnation)"),
    ("nodes_by_home", "CREATE INDEX nodes_by_home ON nodes (home)"),
    ("sessions_pkey", "ALTER TABLE sessions ADD CONSTRAINT sessions_pkey PRIMARY KEY (id)"),
    ("sessions_by_owner", "CREATE INDEX sessions_by_owner ON sessions (owner)"),
    (
        "sessions_by_expiry",
        "CREATE INDEX sessions_by_expiry ON sessions (least(idle_expires_at, absolute_expires_at)) WHERE ended_at IS NULL",
    ),
    ("sessions_by_end", "CREATE INDEX sessions_by_end ON sessions (ended_at) WHERE ended_at IS NOT NULL"),
    ("journal_pkey", "ALTER TABLE journal ADD CONSTRAINT journal_pkey PRIMARY KEY (session, key_digest)"),
    ("prepared_pkey", "ALTER TABLE prepared ADD CONSTRAINT prepared_pkey PRIMARY KEY (session, handle_digest)"),
    ("revocations_pkey", "ALTER TABLE revocations ADD CONSTRAINT revocations_pkey PRIMARY KEY (node, session)"),
    ("revocations_by_session", "CREATE INDEX revocations_by_session ON revocations (session)"),
    ("datasets_pkey", "ALTER TABLE datasets ADD CONSTRAINT datasets_pkey PRIMARY KEY (key_digest)"),
    (
        "dataset_health_pkey",
        "ALTER TABLE dataset_health ADD CONSTRAINT dataset_health_pkey PRIMARY KEY (key_digest, generation, node)",
    ),
];

/// How long bringing a schema up to date may take, waiting for another node that is at it included. An index over many rows
/// takes longer than a call may.
const MIGRATION_TIMEOUT: Duration = Duration::from_secs(60);

/// What is there.
struct Found {
    version: i64,
    indexes: BTreeSet<String>,
}

impl Found {
    fn is_in_order(&self) -> bool {
        self.version == supported() && self.missing().next().is_none()
    }

    fn missing(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        INDEXES.into_iter().filter(|(name, _)| !self.indexes.contains(*name))
    }
}

/// Brings the schema up to date. One that is in order costs a single round trip.
pub(super) async fn prepare(connections: &Connections, schema: &str) -> Result<()> {
    let deadline = Instant::now() + CALL_TIMEOUT;
    let mut connection = connections.connect(deadline).await?;
    let Ok(found) = timeout_at(deadline, look(&mut connection, schema)).await else {
        return Err(silent(connections, CALL_TIMEOUT));
    };
    let is_in_order = match found {
        Ok(found) => understood(found.map_err(|error| failed(connections.place(), &error))?)?.is_in_order(),
        Err(error) if is_absent(&error) => false,
        Err(error) => return Err(failed(connections.place(), &error)),
    };
    if !is_in_order {
        let migrated = timeout(MIGRATION_TIMEOUT, migrate(&mut connection, schema));
        match migrated.await {
            Err(_) => return Err(silent(connections, MIGRATION_TIMEOUT)),
            Ok(done) => done.map_err(|error| failed(connections.place(), &error))??,
        }
    }
    connections.adopt(connection);
    Ok(())
}

/// The schema version of this build.
fn supported() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// What there is that this build can work with.
fn understood(found: Found) -> Result<Found> {
    let supported = supported();
    if found.version > supported {
        return Err(StoreError::SchemaTooNew { found: found.version, supported });
    }
    if found.version < 0 {
        let version = found.version;
        return Err(StoreError::Corrupt(format!("schema version {version} is none that a session store has")));
    }
    Ok(found)
}

/// Reads what is there, in one round trip: as a simple query, which needs no preparing.
async fn look(db: &mut PgConnection, schema: &str) -> Result<Result<Found, sqlx::Error>, sqlx::Error> {
    // A simple query takes no bound value; the name of the schema was held to letters, digits and underscores.
    let sql = format!(
        "SELECT (SELECT max(version) FROM schema_versions) AS version,
                (SELECT string_agg(c.relname, ',') FROM pg_index i
                 JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = '{schema}' AND i.indisvalid) AS indexes"
    );
    let rows = db.fetch_all(sql.as_str()).await?;
    let row = rows.first().ok_or(sqlx::Error::RowNotFound)?;
    Ok(read(row))
}

fn read(row: &PgRow) -> Result<Found, sqlx::Error> {
    let version: Option<i64> = row.try_get("version")?;
    let indexes: Option<String> = row.try_get("indexes")?;
    let indexes = indexes.unwrap_or_default().split(',').map(str::to_owned).collect();
    Ok(Found { version: version.unwrap_or_default(), indexes })
}

/// Brings the schema up to date in one transaction, one node at a time.
async fn migrate(db: &mut PgConnection, schema: &str) -> Result<Result<()>, sqlx::Error> {
    let mut tx = db.begin().await?;
    let milliseconds = MIGRATION_TIMEOUT.as_millis();
    let settings = format!(
        "SET LOCAL statement_timeout = {milliseconds};
         SET LOCAL lock_timeout = {milliseconds};
         SELECT pg_advisory_xact_lock(hashtextextended('pintail schema {schema}', 0));"
    );
    tx.execute(settings.as_str()).await?;

    let (encoding, is_there): (String, bool) = sqlx::query_as(
        "SELECT current_setting('server_encoding'), EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = $1)",
    )
    .bind(schema)
    .fetch_one(&mut *tx)
    .await?;
    if encoding != "UTF8" {
        return Ok(Err(StoreError::Misconfigured(format!(
            "the database has the encoding {encoding}, which can't hold every name; use a database whose encoding is UTF8"
        ))));
    }
    // Not IF NOT EXISTS, which asks for the right to create one even when it is there.
    if !is_there {
        tx.execute(format!("CREATE SCHEMA {schema}").as_str()).await?;
    }
    tx.execute(
        "CREATE TABLE IF NOT EXISTS schema_versions (
             version    bigint PRIMARY KEY,
             applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
         )",
    )
    .await?;

    let found = match understood(look(&mut tx, schema).await??) {
        Ok(found) => found,
        Err(refused) => return Ok(Err(refused)),
    };
    let done = usize::try_from(found.version).unwrap_or(usize::MAX);
    for (migration, version) in MIGRATIONS.into_iter().zip(1_i64..).skip(done) {
        tx.execute(migration).await?;
        sqlx::query("INSERT INTO schema_versions (version) VALUES ($1)").bind(version).execute(&mut *tx).await?;
    }
    let found = look(&mut tx, schema).await??;
    for (name, definition) in found.missing() {
        // One that is there but invalid, as a build that was broken off leaves it, is in the way.
        tx.execute(format!("DROP INDEX IF EXISTS {name}; {definition}").as_str()).await?;
    }
    tx.commit().await?;
    Ok(Ok(()))
}

fn silent(connections: &Connections, limit: Duration) -> StoreError {
    StoreError::Unavailable(format!(
        "PostgreSQL at {} did not show or make the tables of the session store within {} s",
        connections.place(),
        limit.as_secs()
    ))
}

impl PostgresStore {
    /// The newest schema version that this build understands.
    #[must_use]
    pub fn schema_version() -> i64 {
        supported()
    }
}
