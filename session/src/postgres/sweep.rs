//! The janitor's round.

use sqlx::query;

use super::connections::Again::Never;
use super::connections::Connections;
use super::rows::{answered, damaged, get, incarnation, number, session_id};
use crate::{ExpiredSession, Result, Swept};

/// How many sessions one statement expires, and how many it deletes, so that none takes longer than a statement may.
const MOST: i32 = 500;

/// Expires, forgets, retires, a part at a time. At rest this is one statement.
pub(super) async fn run(db: &Connections, keep_ended_seconds: f64) -> Result<Swept> {
    let mut swept = Swept::default();
    loop {
        match part(db, keep_ended_seconds, &mut swept).await {
            Ok(true) => {}
            Ok(false) => break,
            // What was done is reported, because no other sweep will: the next round meets the same failure first.
            Err(_) if swept != Swept::default() => break,
            Err(error) => return Err(error),
        }
    }
    swept.expired.sort_by(|a, b| a.id.cmp(&b.id));
    Ok(swept)
}

/// Says whether there may be more.
async fn part(db: &Connections, keep_ended_seconds: f64, swept: &mut Swept) -> Result<bool> {
    let row = db.row(Never, || query("SELECT * FROM sweep($1, $2)").bind(keep_ended_seconds).bind(MOST)).await?;
    let row = answered(row.as_ref())?;
    let ids: Vec<String> = get(row, "expired")?;
    let owners: Vec<Option<String>> = get(row, "owners")?;
    if ids.len() != owners.len() {
        return Err(damaged("what a sweep did"));
    }
    for (id, owner) in ids.iter().zip(&owners) {
        let owner = owner.as_deref().map(incarnation).transpose()?;
        swept.expired.push(ExpiredSession { id: session_id(id)?, owner });
    }
    swept.sessions_deleted += number(row, "sessions_deleted")?;
    swept.nodes_deleted += number(row, "nodes_deleted")?;
    get(row, "more")
}
