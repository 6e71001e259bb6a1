//! How datasets fare on this node, and what of that the session store was told.

use std::collections::BTreeMap;
use std::time::Duration;

use session::{DatasetState, Generation, Incarnation, SessionStore, StoreError};
use tokio::time::timeout;

/// How datasets fare here, by key and generation.
#[derive(Debug, Default)]
pub(super) struct Ledger(BTreeMap<(String, Generation), Line>);

#[derive(Debug)]
struct Line {
    name: String,
    state: DatasetState,
    /// Under which incarnation the store was told which state. A new incarnation has said nothing yet.
    told: Option<(Incarnation, DatasetState)>,
}

impl Ledger {
    /// Notes how a generation of a dataset fares.
    pub(super) fn set(&mut self, name: &str, generation: Generation, state: DatasetState) {
        let key = name.to_ascii_lowercase();
        let line = self.0.entry((key, generation)).or_insert_with(|| Line {
            name: name.to_owned(),
            state: DatasetState::Ok,
            told: None,
        });
        line.state = state;
    }

    /// Forgets all that is not of one of these generations: the store forgets it by itself.
    pub(super) fn keep(&mut self, is_present: impl Fn(&str, Generation) -> bool) {
        self.0.retain(|(key, generation), _| is_present(key, *generation));
    }

    /// Tells the store what it was not told.
    ///
    /// # Errors
    /// When the store does not take it, or not in time; what it was not told is told the next time.
    pub(super) async fn tell(
        &mut self,
        store: &dyn SessionStore,
        me: Incarnation,
        patience: Duration,
    ) -> Result<(), StoreError> {
        for ((_, generation), line) in &mut self.0 {
            if line.told.as_ref().is_some_and(|(who, state)| *who == me && *state == line.state) {
                continue;
            }
            let telling = store.report_dataset(&line.name, *generation, me, &line.state);
            timeout(patience, telling)
                .await
                .map_err(|_| StoreError::Unavailable("it did not answer in time".to_owned()))??;
            line.told = Some((me, line.state.clone()));
        }
        Ok(())
    }
}
