//! An engine session that no session owns yet.

use std::sync::Arc;

use crate::engine::EngineSession;

/// An engine session on its way to become a session's. It is closed when that does not come about, be it by an error
/// or because the call that opened it was dropped.
pub(super) struct Opened {
    session: Arc<dyn EngineSession>,
    owned: bool,
}

impl Opened {
    pub(super) fn new(session: Arc<dyn EngineSession>) -> Self {
        Self { session, owned: false }
    }

    /// It has an owner now.
    pub(super) fn into_owned(mut self) -> Arc<dyn EngineSession> {
        self.owned = true;
        Arc::clone(&self.session)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        if self.owned {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let session = Arc::clone(&self.session);
            runtime.spawn(async move { session.close().await });
        }
    }
}
