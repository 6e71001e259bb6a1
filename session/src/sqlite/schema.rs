//! The schema and its versions.

use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions as _, Connection as _, Executor as _};
use tokio::time::{Instant, sleep};

use super::BUSY_TIMEOUT;
use super::failure::{failed, is_busy};
use crate::{Result, StoreError};

/// What brings the schema from version 0, an empty file, to each next version. Entries are only ever added.
const MIGRATIONS: [&str; 2] = [include_str!("schema.sql"), include_str!("datasets.sql")];
/// Between two attempts at what SQLite itself doesn't wait for.
const RETRY_PAUSE: Duration = Duration::from_millis(10);

/// Puts the file into WAL mode and brings its schema up to date.
pub(super) async fn prepare(options: &SqliteConnectOptions) -> Result<()> {
    let mut db = options.connect().await.map_err(failed)?;
    enable_wal(&mut db).await?;
    migrate(&mut db).await?;
    db.close().await.map_err(failed)
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
    let supported = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
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
    tx.commit().await.map_err(failed)
}
