//! What of a session would be there after its node died, and what would not.

use session::{SessionRecord, SessionStore, StoreError};

use crate::cli::rows::{Cell, Rows};
use crate::node::{Carried, carried};

/// One line for each thing that is known of the session's state.
pub(super) async fn rows(store: &dyn SessionStore, session: &SessionRecord) -> Result<Rows<3>, StoreError> {
    let text = |text: &str| Cell::Text(text.to_owned());
    let line = |what: &str, survives: &str, why: &str| [text(what), text(survives), text(why)];
    let mut rows: Vec<_> = carried(&store.journal(&session.id).await?)
        .into_iter()
        .map(|(what, carried)| match carried {
            Carried::Yes => line(&what, "yes", "it is in the session store"),
            Carried::No => line(&what, "no", "it is on its node alone; who takes the session over tells its client"),
            Carried::RolledBack => {
                line(&what, "no", "a transaction ends with its node; its client is told, and can run it again")
            }
        })
        .collect();
    rows.extend(
        session.options.keys().map(|name| line(&format!("option {name}"), "yes", "it is in the session store")),
    );
    rows.push(line(
        "prepared statements",
        "yes",
        "they are in the session store, and are planned again when they are used",
    ));
    rows.push(line(
        "values bound to prepared statements",
        "no",
        "they are on their node alone until the statement has run",
    ));
    Ok(Rows { names: ["what", "survives", "why"], rows })
}
