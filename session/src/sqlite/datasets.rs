//! Datasets, their columns, and how they fare on nodes.

use sqlx::SqliteConnection;
use sqlx::sqlite::{SqlitePool, SqliteRow};

use super::failure::failed;
use super::rows::get;
use crate::period::moment;
use crate::{
    DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, Generation, Incarnation, NewDataset, Result, StoreError,
};

/// What is read of how datasets fare: only what nodes that are alive said.
const HEALTH: &str = "SELECT h.dataset, h.generation, n.name AS node, h.failure, h.checked_at
     FROM dataset_health h JOIN nodes n ON n.incarnation = h.node
     WHERE h.node IN (SELECT incarnation FROM alive_nodes)";

/// Puts a dataset here, under a generation of its own. In a transaction of the caller.
pub(super) async fn put(db: &mut SqliteConnection, dataset: &NewDataset) -> Result<()> {
    let generation = next_version(&mut *db).await?;
    let done = sqlx::query(
        "INSERT INTO datasets (name, url, format, secret, generation, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, unixepoch('subsec'))
         ON CONFLICT (name) DO UPDATE SET
             name = excluded.name, url = excluded.url, format = excluded.format, secret = excluded.secret,
             columns = NULL, generation = excluded.generation, created_at = excluded.created_at
         WHERE ?6",
    )
    .bind(&dataset.name)
    .bind(&dataset.url)
    .bind(&dataset.format)
    .bind(&dataset.secret)
    .bind(generation)
    .bind(dataset.replace)
    .execute(db)
    .await
    .map_err(failed)?;
    match done.rows_affected() {
        0 => Err(StoreError::DatasetExists { name: dataset.name.clone() }),
        _ => Ok(()),
    }
}

/// Removes a dataset and says whether there was one. In a transaction of the caller.
pub(super) async fn remove(db: &mut SqliteConnection, name: &str) -> Result<bool> {
    let done =
        sqlx::query("DELETE FROM datasets WHERE name = ?1").bind(name).execute(&mut *db).await.map_err(failed)?;
    if done.rows_affected() == 0 {
        return Ok(false);
    }
    next_version(db).await?;
    Ok(true)
}

/// All datasets, by name.
pub(super) async fn all(db: &SqlitePool) -> Result<Vec<DatasetRecord>> {
    let rows = sqlx::query("SELECT * FROM datasets ORDER BY name").fetch_all(db).await.map_err(failed)?;
    let mut datasets = rows.iter().map(record).collect::<Result<Vec<_>>>()?;
    let rows = sqlx::query(format!("{HEALTH} AND generation <> 0 ORDER BY n.name, n.incarnation").as_str())
        .fetch_all(db)
        .await
        .map_err(failed)?;
    for row in &rows {
        let generation = Generation(get(row, "generation")?);
        if let Some(dataset) = datasets.iter_mut().find(|dataset| dataset.generation == generation) {
            dataset.health.push(health(row)?);
        }
    }
    Ok(datasets)
}

/// How the datasets of the nodes' own configurations fare, by dataset and node.
pub(super) async fn configured(db: &SqlitePool) -> Result<Vec<DatasetHealth>> {
    let rows = sqlx::query(format!("{HEALTH} AND generation = 0 ORDER BY h.dataset, n.name, n.incarnation").as_str())
        .fetch_all(db)
        .await
        .map_err(failed)?;
    rows.iter().map(health).collect()
}

/// The version: one row of one page.
pub(super) async fn version(db: &SqlitePool) -> Result<DatasetVersion> {
    let row = sqlx::query("SELECT version, refresh FROM dataset_version").fetch_one(db).await.map_err(failed)?;
    Ok(DatasetVersion { version: get(&row, "version")?, refresh: get(&row, "refresh")? })
}

/// Fixes the columns of a generation unless they are, and tells which they are. In a transaction of the caller.
pub(super) async fn set_columns(
    db: &mut SqliteConnection,
    name: &str,
    generation: Generation,
    columns: &str,
) -> Result<Option<String>> {
    let done = sqlx::query("UPDATE datasets SET columns = ?3 WHERE name = ?1 AND generation = ?2 AND columns IS NULL")
        .bind(name)
        .bind(generation.0)
        .bind(columns)
        .execute(&mut *db)
        .await
        .map_err(failed)?;
    if done.rows_affected() > 0 {
        next_version(&mut *db).await?;
    }
    let fixed: Option<Option<String>> =
        sqlx::query_scalar("SELECT columns FROM datasets WHERE name = ?1 AND generation = ?2")
            .bind(name)
            .bind(generation.0)
            .fetch_optional(db)
            .await
            .map_err(failed)?;
    Ok(fixed.flatten())
}

/// Gives one dataset, or all, a new generation without columns, and says whether the one is here. In a transaction of the
/// caller.
pub(super) async fn refresh(db: &mut SqliteConnection, name: Option<&str>) -> Result<bool> {
    let names: Vec<String> =
        sqlx::query_scalar("SELECT name FROM datasets WHERE ?1 IS NULL OR name = ?1 ORDER BY name")
            .bind(name)
            .fetch_all(&mut *db)
            .await
            .map_err(failed)?;
    for name in &names {
        let generation = next_version(&mut *db).await?;
        sqlx::query("UPDATE datasets SET generation = ?2, columns = NULL WHERE name = ?1")
            .bind(name)
            .bind(generation)
            .execute(&mut *db)
            .await
            .map_err(failed)?;
    }
    let is_here = !names.is_empty();
    if name.is_none() || !is_here {
        sqlx::query("UPDATE dataset_version SET version = version + 1, refresh = version + 1")
            .execute(db)
            .await
            .map_err(failed)?;
    }
    Ok(is_here)
}

/// Notes how a dataset fares on a node that is alive; what is said of a generation that is over is passed over.
pub(super) async fn report(
    db: &mut SqliteConnection,
    name: &str,
    generation: Generation,
    node: Incarnation,
    state: &DatasetState,
) -> Result<()> {
    let alive: bool = sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM alive_nodes WHERE incarnation = ?1)")
        .bind(node.to_string())
        .fetch_one(&mut *db)
        .await
        .map_err(failed)?;
    if !alive {
        return Err(StoreError::NodeGone);
    }
    let failure = match state {
        DatasetState::Ok => None,
        DatasetState::Failed(reason) => Some(reason),
    };
    sqlx::query(
        "INSERT INTO dataset_health (dataset, generation, node, failure, checked_at)
         SELECT ?1, ?2, ?3, ?4, unixepoch('subsec')
         WHERE ?2 = 0 OR EXISTS (SELECT 1 FROM datasets WHERE name = ?1 AND generation = ?2)
         ON CONFLICT (dataset, generation, node) DO UPDATE SET
             dataset = excluded.dataset, failure = excluded.failure, checked_at = excluded.checked_at",
    )
    .bind(name)
    .bind(generation.0)
    .bind(node.to_string())
    .bind(failure)
    .execute(db)
    .await
    .map_err(failed)?;
    Ok(())
}

/// Forgets what nodes said that are not alive. In a transaction of the caller.
pub(super) async fn forget_dead_nodes(db: &mut SqliteConnection) -> Result<()> {
    sqlx::query("DELETE FROM dataset_health WHERE node NOT IN (SELECT incarnation FROM alive_nodes)")
        .execute(db)
        .await
        .map_err(failed)?;
    Ok(())
}

async fn next_version(db: &mut SqliteConnection) -> Result<i64> {
    sqlx::query_scalar("UPDATE dataset_version SET version = version + 1 RETURNING version")
        .fetch_one(db)
        .await
        .map_err(failed)
}

fn record(row: &SqliteRow) -> Result<DatasetRecord> {
    Ok(DatasetRecord {
        name: get(row, "name")?,
        url: get(row, "url")?,
        format: get(row, "format")?,
        secret: get(row, "secret")?,
        columns: get(row, "columns")?,
        generation: Generation(get(row, "generation")?),
        created_at: moment(get(row, "created_at")?),
        health: Vec::new(),
    })
}

fn health(row: &SqliteRow) -> Result<DatasetHealth> {
    let failure: Option<String> = get(row, "failure")?;
    Ok(DatasetHealth {
        dataset: get(row, "dataset")?,
        node: get(row, "node")?,
        state: failure.map_or(DatasetState::Ok, DatasetState::Failed),
        checked_at: moment(get(row, "checked_at")?),
    })
}
