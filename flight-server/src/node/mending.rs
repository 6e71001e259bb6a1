//! Engines that serve nobody any more, by a failure of their own, are opened anew.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;

use super::core::Core;
use super::session::Ended;
use crate::engine::Engine;

/// How long after a failure it is tried again to open an engine.
const AGAIN: Duration = Duration::from_secs(1);

/// Mends engines for as long as it is polled.
pub(super) async fn run(core: Arc<Core>) {
    join_all(core.engines.iter().map(|engine| mend(&core, engine.as_ref()))).await;
}

async fn mend(core: &Core, engine: &dyn Engine) {
    let name = engine.name();
    loop {
        let why = engine.broken().await;
        tracing::error!(engine = name, why, "the engine serves nobody by a failure of its own, and is opened anew");
        loop {
            // They are rebuilt by their next calls, which wait for the engine.
            for session in core.live.all().iter().filter(|session| session.engine_of().name() == name) {
                session.end(Ended::Moved);
            }
            match engine.reopen().await {
                Ok(()) => break,
                Err(error) => {
                    tracing::error!(engine = name, %error, "the engine could not be opened anew; it is tried again")
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
        tracing::info!(engine = name, "the engine was opened anew");
    }
}
