//! The session store, and whether its clock and this machine's agree.

use std::time::{Duration, SystemTime};

use session::{NodeRecord, SessionStore};

use super::report::Check;
use crate::config::StoreUrl;

/// The part of a second by which clocks may differ that are compared through a call.
const TOLERATED: Duration = Duration::from_millis(500);

pub(super) async fn session_store(url: &StoreUrl) -> Vec<Check> {
    let StoreUrl::Sqlite(path) = url;
    let name = "session store";
    if !path.exists() {
        return vec![Check::ok(name, format!("{} is made at the first start", path.display()))];
    }
    let store = match open(path).await {
        Ok(store) => store,
        Err(error) => {
            let what = format!("{} can't be opened: {error}; restore it, or give another with --store", path.display());
            return vec![Check::fail(name, what)];
        }
    };
    match store.nodes().await {
        Err(error) => vec![Check::fail(name, format!("{} can't be read: {error}", path.display()))],
        Ok(nodes) => {
            let alive = nodes.iter().filter(|node| !node.lease_left.is_zero()).count();
            let opened = format!("{} opens, and its schema is this version's; nodes alive: {alive}", path.display());
            vec![Check::ok(name, opened), clock(&nodes, SystemTime::now())]
        }
    }
}

#[cfg(feature = "sqlite")]
async fn open(path: &std::path::Path) -> session::Result<session::SqliteStore> {
    session::SqliteStore::open(path).await
}

#[cfg(not(feature = "sqlite"))]
async fn open(_path: &std::path::Path) -> session::Result<std::sync::Arc<dyn SessionStore>> {
    Err(session::StoreError::Unavailable("this build has no feature `sqlite`".to_owned()))
}

/// How far the store's clock, by which leases end, is from this machine's.
fn clock(nodes: &[NodeRecord], now: SystemTime) -> Check {
    let name = "clock";
    // When a living node's lease ends and what is left of it tell what the store took for now.
    let Some(node) = nodes.iter().find(|node| !node.lease_left.is_zero()) else {
        return Check::ok(name, "no node is alive whose lease would tell the store's time");
    };
    let stores = node.lease_until - node.lease_left;
    let skew = now.duration_since(stores).unwrap_or_else(|ahead| ahead.duration());
    let told = format!("the store's clock and this machine's differ by {} ms", skew.as_millis());
    if skew <= TOLERATED { Check::ok(name, told) } else { Check::warn(name, format!("{told}; set both by NTP")) }
}
