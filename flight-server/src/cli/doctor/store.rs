//! The session store, and whether its clock and this machine's agree.

use std::time::{Duration, SystemTime};

use session::{NodeRecord, StoreError};

use super::report::Check;
use crate::cli::store::opened;
use crate::config::StoreUrl;

/// The part of a second by which clocks may differ that are compared through a call.
const TOLERATED: Duration = Duration::from_millis(500);

pub(super) async fn session_store(url: &StoreUrl) -> Vec<Check> {
    let name = "session store";
    if let StoreUrl::Sqlite(path) = url
        && !path.exists()
    {
        return vec![Check::ok(name, format!("{} is made at the first start", path.display()))];
    }
    let place = match url {
        StoreUrl::Sqlite(path) => path.display().to_string(),
        StoreUrl::Postgres(_) => url.to_string(),
    };
    let store = match opened(url).await {
        Ok(store) => store,
        Err(error) => {
            let remedy = match (&error, url) {
                // These say themselves what is to be done.
                (StoreError::Misconfigured(_) | StoreError::SchemaTooNew { .. }, _) => "",
                (_, StoreUrl::Sqlite(_)) => "; restore it, or give another with --store",
                (_, StoreUrl::Postgres(_)) => "; see that it runs and can be reached, or give another with --store",
            };
            return vec![Check::fail(name, format!("{place} can't be opened: {error}{remedy}"))];
        }
    };
    match store.nodes().await {
        Err(error) => vec![Check::fail(name, format!("{place} can't be read: {error}"))],
        Ok(nodes) => {
            let alive = nodes.iter().filter(|node| !node.lease_left.is_zero()).count();
            let opened = format!("{place} opens, and its schema is this version's; nodes alive: {alive}");
            vec![Check::ok(name, opened), clock(&nodes, SystemTime::now())]
        }
    }
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
