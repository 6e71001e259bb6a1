//! What of a session would be there after its node died, and what would not.

use session::{SessionRecord, SessionStore, StoreError};

use crate::cli::rows::{Cell, Rows};
use crate::node::told;

/// One line for each thing that is known of the session's state.
pub(super) async fn rows(store: &dyn SessionStore, session: &SessionRecord) -> Result<Rows<3>, StoreError> {
    let told = told(&store.journal(&session.id).await?, session.options.keys().map(String::as_str));
    let rows = told.into_iter().map(|line| line.map(Cell::Text)).collect();
    Ok(Rows { names: ["what", "survives", "why"], rows })
}
