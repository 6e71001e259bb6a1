//! Datasets, their columns, and how they fare on nodes.

use sqlx::postgres::PgRow;
use sqlx::query;

use super::connections::Again::{Harmless, Never};
use super::connections::Connections;
use super::rows::{answered, get, optional_text, text};
use super::text::{digest, escaped};
use crate::period::moment;
use crate::{
    DatasetHealth, DatasetRecord, DatasetState, DatasetVersion, Generation, Incarnation, NewDataset, Result, StoreError,
};

/// A name as it is compared: without case of ASCII letters.
fn key(name: &str) -> String {
    name.to_ascii_lowercase()
}

fn key_digest(name: &str) -> Vec<u8> {
    digest(key(name).as_bytes())
}

/// Puts a dataset here, under a generation of its own.
pub(super) async fn put(db: &Connections, dataset: &NewDataset) -> Result<()> {
    let put = db.row(Never, || {
        query("SELECT put_dataset($1, $2, $3, $4, $5, $6, $7) AS done")
            .bind(key_digest(&dataset.name))
            .bind(escaped(&key(&dataset.name)))
            .bind(escaped(&dataset.name))
            .bind(escaped(&dataset.url))
            .bind(escaped(&dataset.format))
            .bind(dataset.secret.as_deref().map(escaped))
            .bind(dataset.replace)
    });
    if get(answered(put.await?.as_ref())?, "done")? {
        Ok(())
    } else {
        Err(StoreError::DatasetExists { name: dataset.name.clone() })
    }
}

/// Removes a dataset and says whether there was one.
pub(super) async fn remove(db: &Connections, name: &str) -> Result<bool> {
    let removed = db.row(Never, || query("SELECT remove_dataset($1) AS done").bind(key_digest(name)));
    get(answered(removed.await?.as_ref())?, "done")
}

/// All datasets, by name, each with what nodes that are alive said of it.
pub(super) async fn all(db: &Connections) -> Result<Vec<DatasetRecord>> {
    let rows = db.rows(Harmless, || {
        query(
            "SELECT d.name, d.url, d.format, d.secret, d.columns, d.generation,
                    extract(epoch FROM d.created_at)::float8 AS created_at,
                    h.dataset, h.node, h.failure, h.checked_at
             FROM datasets d LEFT JOIN (
                 SELECT h.key_digest, h.generation, h.dataset, h.failure, n.name AS node, n.incarnation,
                        extract(epoch FROM h.checked_at)::float8 AS checked_at
                 FROM dataset_health h JOIN alive_nodes n ON n.incarnation = h.node
             ) h ON h.key_digest = d.key_digest AND h.generation = d.generation
             ORDER BY d.key, h.node, h.incarnation",
        )
    });
    let mut datasets: Vec<DatasetRecord> = Vec::new();
    for row in &rows.await? {
        let generation = Generation(get(row, "generation")?);
        if datasets.last().is_none_or(|last| last.generation != generation) {
            datasets.push(record(row, generation)?);
        }
        let said: Option<&str> = get(row, "dataset")?;
        if let (Some(dataset), true) = (datasets.last_mut(), said.is_some()) {
            dataset.health.push(health(row)?);
        }
    }
    Ok(datasets)
}

/// How the datasets of the nodes' own configurations fare, by dataset and node.
pub(super) async fn configured(db: &Connections) -> Result<Vec<DatasetHealth>> {
    let rows = db.rows(Harmless, || {
        query(
            "SELECT h.dataset, n.name AS node, h.failure, extract(epoch FROM h.checked_at)::float8 AS checked_at
             FROM dataset_health h JOIN alive_nodes n ON n.incarnation = h.node
             WHERE h.generation = 0 ORDER BY h.key, n.name, n.incarnation",
        )
    });
    rows.await?.iter().map(health).collect()
}

/// The version: one row.
pub(super) async fn version(db: &Connections) -> Result<DatasetVersion> {
    let row = db.row(Harmless, || query("SELECT version, refresh FROM dataset_version")).await?;
    let row = answered(row.as_ref())?;
    Ok(DatasetVersion { version: get(row, "version")?, refresh: get(row, "refresh")? })
}

/// Fixes the columns of a generation unless they are, and tells which they are.
pub(super) async fn set_columns(
    db: &Connections,
    name: &str,
    generation: Generation,
    columns: &str,
) -> Result<Option<String>> {
    let fixed = db.row(Harmless, || {
        query("SELECT set_dataset_columns($1, $2, $3) AS columns")
            .bind(key_digest(name))
            .bind(generation.0)
            .bind(escaped(columns))
    });
    optional_text(answered(fixed.await?.as_ref())?, "columns")
}

/// Gives one dataset, or all, a new generation without columns, and says whether any is here.
pub(super) async fn refresh(db: &Connections, name: Option<&str>) -> Result<bool> {
    let refreshed = db.row(Never, || query("SELECT refresh_datasets($1) AS is_here").bind(name.map(key_digest)));
    get(answered(refreshed.await?.as_ref())?, "is_here")
}

/// Notes how a dataset fares on a node that is alive.
pub(super) async fn report(
    db: &Connections,
    name: &str,
    generation: Generation,
    node: Incarnation,
    state: &DatasetState,
) -> Result<()> {
    let failure = match state {
        DatasetState::Ok => None,
        DatasetState::Failed(reason) => Some(escaped(reason)),
    };
    let reported = db.row(Harmless, || {
        query("SELECT report_dataset($1, $2, $3, $4, $5, $6) AS is_alive")
            .bind(key_digest(name))
            .bind(escaped(&key(name)))
            .bind(escaped(name))
            .bind(generation.0)
            .bind(node.to_string())
            .bind(failure.clone())
    });
    let is_alive: bool = get(answered(reported.await?.as_ref())?, "is_alive")?;
    if is_alive { Ok(()) } else { Err(StoreError::NodeGone) }
}

fn record(row: &PgRow, generation: Generation) -> Result<DatasetRecord> {
    Ok(DatasetRecord {
        name: text(row, "name")?,
        url: text(row, "url")?,
        format: text(row, "format")?,
        secret: optional_text(row, "secret")?,
        columns: optional_text(row, "columns")?,
        generation,
        created_at: moment(get(row, "created_at")?),
        health: Vec::new(),
    })
}

fn health(row: &PgRow) -> Result<DatasetHealth> {
    Ok(DatasetHealth {
        dataset: text(row, "dataset")?,
        node: text(row, "node")?,
        state: optional_text(row, "failure")?.map_or(DatasetState::Ok, DatasetState::Failed),
        checked_at: moment(get(row, "checked_at")?),
    })
}
