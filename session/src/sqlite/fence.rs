//! Whether a fence holds, and what it was lost by.

use sqlx::SqliteExecutor;
use sqlx::sqlite::SqlitePool;

use super::failure::failed;
use crate::{Fence, FenceLoss, Result, StoreError};

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
