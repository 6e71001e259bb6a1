//! Where temporary tables and results are kept.

use std::sync::Arc;

use session::NodeRole;
use zeroize::Zeroizing;

use super::report::Check;
use crate::cli::spool;
use crate::config::Config;
use crate::snapshots::Snapshots;

const NAME: &str = "spool";

/// What is kept there is a session's: this is none.
const SESSION: &str = "pintail-doctor";

/// Writes something small to the spool, reads it and removes it.
pub(super) async fn spool(config: &Config) -> Check {
    if config.role == NodeRole::Front {
        return Check::ok(NAME, "a front has no sessions, and keeps nothing");
    }
    let shown = match &config.spool {
        Some(place) => place.clone(),
        None if config.peer_listen.is_none() => return Check::ok(NAME, "it is in the data directory"),
        None => String::new(),
    };
    // What is written is removed at once, whoever can read it.
    let key = Zeroizing::new([0; 32]);
    let opened = match spool::open(config, &config.data_dir, &key) {
        Ok(Some(opened)) => opened,
        Ok(None) => {
            return Check::warn(
                NAME,
                "none: temporary tables end with their node; give all nodes a directory or an object store that they reach, by --spool",
            );
        }
        Err(error) => return Check::fail(NAME, format!("{shown}: {error}")),
    };
    let tried = tokio::task::spawn_blocking(move || try_out(&opened)).await;
    match tried {
        Ok(Ok(())) if config.peer_listen.is_some() => {
            Check::ok(NAME, format!("{shown} can be written and read; every node has to reach it"))
        }
        Ok(Ok(())) => Check::ok(NAME, format!("{shown} can be written and read")),
        Ok(Err(error)) => {
            Check::fail(NAME, format!("{shown}: {}; make it writable, or give another by --spool", error.message))
        }
        Err(error) => Check::fail(NAME, format!("{shown} could not be tried: {error}")),
    }
}

fn try_out(spool: &Arc<Snapshots>) -> crate::error::Result<()> {
    let contents = b"pintail".to_vec();
    let read = spool.put(SESSION, contents.clone()).and_then(|name| Ok(spool.get(SESSION, name)?));
    spool.remove_all(SESSION);
    match read? == contents {
        true => Ok(()),
        false => Err(crate::error::Error::internal("what was read is not what was written")),
    }
}
