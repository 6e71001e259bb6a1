//! The schema and its versions.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::time::{Instant, sleep};

use super::BUSY_TIMEOUT;
use super::failure::{failed, is_busy};
use crate::{Result, StoreError};

/// What brings the schema from version 0, an empty file, to each next version. Entries are only ever added.
const MIGRATIONS: [&str; 4] = [
    include_str!("schema.sql"),
    include_str!("datasets.sql"),
    include_str!("operators.sql"),
    include_str!("order.sql"),
];
/// The indexes that statements go by; one that is missing is put back.
const INDEXES: [(&str, &str); 2] = [
    ("revocations_by_session", "CREATE INDEX IF NOT EXISTS revocations_by_session ON revocations (session)"),
    ("sessions_by_owner", "CREATE INDEX IF NOT EXISTS sessions_by_owner ON sessions (owner)"),
];
/// Between two attempts at what SQLite itself doesn't wait for.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Puts the file into WAL mode and brings its schema up to date. A file that is in order is only read, with one statement,
/// so that a start neither waits for a writer nor makes one wait.
pub(super) async fn prepare(options: &SqliteConnectOptions) -> Result<()> {
    let mut db = options.connect().await.map_err(failed)?;
    if !is_in_order(&mut db).await? {
        enable_wal(&mut db).await?;
        migrate(&mut db).await?;
    }
    db.close().await.map_err(failed)
}

async fn is_in_order(db: &mut SqliteConnection) -> Result<bool> {
    let found: (i64, String, i64) = sqlx::query_as(
        "SELECT user_version, journal_mode,
                (SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND name IN (SELECT value FROM json_each(?1)))
         FROM pragma_user_version, pragma_journal_mode",
    )
    .bind(format!("[{}]", INDEXES.map(|(name, _)| format!("\"{name}\"")).join(",")))
    .fetch_one(db)
    .await
    .map_err(failed)?;
    let (version, journal_mode, indexes) = found;
    Ok(version == supported() && journal_mode == "wal" && usize::try_from(indexes) == Ok(INDEXES.len()))
}

/// The schema version of this build.
fn supported() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

/// The switch to WAL needs the file for itself, and SQLite doesn't wait for that: of several processes that open a new
/// file at the same moment, all but one are told at once that it is busy.
async fn enable_wal(db: &mut SqliteConnection) -> Result<()> {
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match sqlx::query_scalar::<_, String>("PRAGMA journal_mode = WAL").fetch_one(&mut *db).await {
            Ok(mode) if mode == "wal" => return Ok(()),
            Ok(mode) => {
                return Err(StoreError::Unavailable(format!(
                    "the file system of the session store doesn't allow write-ahead logging (journal mode stays {mode}): \
                     put it on a local disk"
                )));
            }
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(RETRY_PAUSE).await,
            Err(error) => return Err(failed(error)),
        }
    }
}

async fn migrate(db: &mut SqliteConnection) -> Result<()> {
    let supported = supported();
    // The lock comes first: of several processes that start at once, one migrates and the others find it done.
    let mut tx = db.begin_with("BEGIN IMMEDIATE").await.map_err(failed)?;
    let found: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *tx).await.map_err(failed)?;
    if found > supported {
        return Err(StoreError::SchemaTooNew { found, supported });
    }
    let done = usize::try_from(found)
        .map_err(|_| StoreError::Corrupt(format!("schema version {found} is none that a session store has")))?;
    for migration in MIGRATIONS.iter().skip(done) {
        tx.execute(*migration).await.map_err(failed)?;
    }
    if found < supported {
        // A pragma takes no bound value; the number is this build's own.
        tx.execute(format!("PRAGMA user_version = {supported}").as_str()).await.map_err(failed)?;
    }
    for (_, definition) in INDEXES {
        tx.execute(definition).await.map_err(failed)?;
    }
    tx.commit().await.map_err(failed)
}
