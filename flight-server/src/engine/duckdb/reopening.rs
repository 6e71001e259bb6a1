//! An instance is opened anew that can't be used any more: with what was shown in it, and without its sessions, which are rebuilt
//! as after a restart.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use tokio::time::timeout;

use super::instance::{DuckDb, Instance, Shown};
use super::{errors, session};
use crate::engine::EngineSession;
use crate::error::{Error, Result};

/// How long a call waits for an instance that is being opened anew. Reading a long write-ahead log may take longer.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long what is open in an instance may take to be closed. What runs is interrupted.
const CLOSING: Duration = Duration::from_secs(30);

impl DuckDb {
    /// The instance, once it can be used.
    ///
    /// # Errors
    /// `ENGINE_UNAVAILABLE` when it is not opened anew in time.
    pub(super) async fn usable(&self) -> Result<Arc<Instance>> {
        let mut current = self.current.subscribe();
        let usable = current.wait_for(|instance| !instance.validity.is_lost());
        match timeout(PATIENCE, usable).await {
            Ok(Ok(instance)) => Ok(Arc::clone(&instance)),
            Ok(Err(_)) | Err(_) => Err(errors::reopening()),
        }
    }

    /// Changes which datasets the instance shows by `change`, and by `note` what another one is to show that takes its place.
    ///
    /// # Errors
    /// Those of `change`; `ENGINE_UNAVAILABLE` as [`Self::usable`].
    pub(super) async fn change_shown(
        &self,
        change: impl Fn(&Instance) -> Result<()> + Clone + Send + 'static,
        note: impl Fn(&mut Shown),
    ) -> Result<()> {
        loop {
            let instance = self.usable().await?;
            let (changed, change) = (Arc::clone(&instance), change.clone());
            session::blocking(move || change(&changed)).await?;
            let mut shown = self.shown.lock().await;
            note(&mut shown);
            // One that was opened anew meanwhile may have been shown the others already.
            if Arc::ptr_eq(&instance, &self.instance()) {
                return Ok(());
            }
        }
    }

    /// Closes the instance and opens it as it was opened first.
    ///
    /// # Errors
    /// When something in it does not end, or the file can't be opened.
    pub(super) async fn open_anew(&self) -> Result<()> {
        let old = self.instance();
        join_all(self.take_sessions().iter().map(|session| session.close())).await;
        let mut is_closed = old.is_closed.clone();
        // The file must not be open twice in the process: DuckDB would lose writes without a word.
        session::blocking({
            let old = Arc::clone(&old);
            move || {
                old.let_go();
                Ok(())
            }
        })
        .await?;
        if timeout(CLOSING, is_closed.wait_for(|is_closed| *is_closed)).await.is_err() {
            return Err(Error::internal("something that is open in the database does not end"));
        }
        old.free_file();

        let options = self.options.clone();
        let (instance, _facts) = session::blocking(move || Instance::open(options)).await?;
        let instance = Arc::new(instance);
        let shown = self.shown.lock().await;
        for (source, columns) in shown.values() {
            let (instance, source, columns) = (Arc::clone(&instance), Arc::clone(source), columns.clone());
            session::blocking(move || instance.put_dataset(&source, &columns)).await?;
        }
        self.current.send_replace(instance);
        drop(shown);
        Ok(())
    }
}
