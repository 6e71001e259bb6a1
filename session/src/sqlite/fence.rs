//! Whether a fence holds, and what it was lost by.

use sqlx::sqlite::SqlitePool;
use sqlx::{SqliteConnection, SqliteExecutor};

use super::failure::failed;
use crate::{Fence, FenceLoss, Result, StoreError, WriteNumber};

/// Whether the fence holds its session at this moment.
pub(super) async fn holds(db: impl SqliteExecutor<'_>, fence: &Fence) -> Result<bool> {
    sqlx::query_scalar("SELECT EXISTS (SELECT 1 FROM held_sessions WHERE id = ?1 AND owner = ?2 AND epoch = ?3)")
        .bind(fence.session.to_string())
        .bind(fence.incarnation.to_string())
        .bind(fence.epoch.0)
        .fetch_one(db)
        .await
        .map_err(failed)
}

/// What comes of a write of an owner.
pub(super) enum Written {
    /// It was made.
    Made,
    /// Its fence did not hold.
    Fenced,
    /// A later one came before it.
    Overtaken,
}

/// Whether a write by this number may be made: its fence holds, and no later one was made. From then on none before it is.
pub(super) async fn takes(db: &mut SqliteConnection, fence: &Fence, number: WriteNumber) -> Result<Written> {
    if !holds(&mut *db, fence).await? {
        return Ok(Written::Fenced);
    }
    let in_order = sqlx::query(
        "UPDATE sessions SET written_epoch = ?2, written_number = ?3
         WHERE id = ?1 AND (written_epoch, written_number) <= (?2, ?3)",
    )
    .bind(fence.session.to_string())
    .bind(fence.epoch.0)
    .bind(number.0)
    .execute(db)
    .await
    .map_err(failed)?;
    Ok(if in_order.rows_affected() == 1 { Written::Made } else { Written::Overtaken })
}

/// What a write's caller is told.
pub(super) async fn told(written: Written, db: &SqlitePool, fence: &Fence) -> Result<()> {
    match written {
        Written::Made => Ok(()),
        Written::Fenced => lost(db, fence).await,
        Written::Overtaken => Err(StoreError::Overtaken { session: fence.session.clone() }),
    }
}

/// The error for a write that its fence kept from happening. The reason is looked up afterwards, so it may be a later
/// one than that which stopped the write; a lost session stays lost all the same.
pub(super) async fn lost(db: &SqlitePool, fence: &Fence) -> Result<()> {
    let row: Option<(bool, bool)> =
        sqlx::query_as("SELECT state = 'active', owner IS ?2 AND epoch = ?3 FROM sessions WHERE id = ?1")
            .bind(fence.session.to_string())
            .bind(fence.incarnation.to_string())
            .bind(fence.epoch.0)
            .fetch_optional(db)
            .await
            .map_err(failed)?;
    let loss = match row {
        None => FenceLoss::Unknown,
        Some((false, _)) => FenceLoss::NotActive,
        Some((true, false)) => FenceLoss::Claimed,
        Some((true, true)) => FenceLoss::LeaseOver,
    };
    Err(StoreError::Fenced { session: fence.session.clone(), loss })
}
