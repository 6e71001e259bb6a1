//! Views. Each is planned anew whenever it is used, so that it shows what the names in it mean by then, and a dataset or a
//! table that was replaced is read as it is now.

use std::fmt;
use std::sync::{Arc, Weak};

use datafusion::catalog::TableProvider;
use datafusion::common::{Result, plan_err};
use datafusion::datasource::ViewTable;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use datafusion::sql::parser::Statement as Parsed;
use parking_lot::RwLock;

use super::errors::carried;
use super::{names, query};
use crate::engine::Location;
use crate::error::Error;

/// How many views may stand upon each other.
const DEEPEST: usize = 32;

tokio::task_local! {
    /// How many views are being planned, one within the other.
    static DEPTH: usize;
}

/// A view.
pub(super) struct View {
    /// The statement that made it.
    statement: Parsed,
    /// Where the session was when it was made, which is where its names are looked up.
    location: Location,
    session: Weak<RwLock<SessionState>>,
}

impl View {
    pub(super) fn new(statement: Parsed, location: Location, session: Weak<RwLock<SessionState>>) -> Self {
        Self { statement, location, session }
    }

    /// What it shows.
    pub(super) async fn table(&self) -> Result<Arc<dyn TableProvider>> {
        let depth = DEPTH.try_with(|depth| *depth).unwrap_or(0);
        if depth >= DEEPEST {
            return plan_err!("views stand upon each other more than {DEEPEST} deep, or in a circle");
        }
        let plan = DEPTH.scope(depth + 1, Box::pin(self.plan())).await;
        // A place in the view's text is none in the text that uses it.
        let plan = plan.map_err(|error| carried(Error::from(error)))?;
        Ok(Arc::new(ViewTable::new(plan, Some(self.statement.to_string()))))
    }

    async fn plan(&self) -> Result<LogicalPlan> {
        let state = self.session.upgrade().map(|state| state.read().clone());
        let Some(mut state) = state else { return plan_err!("the session of the view is closed") };
        query::move_to(&mut state, &self.location);
        let planned = state.statement_to_plan(self.statement.clone()).await?;
        let LogicalPlan::Ddl(DdlStatement::CreateView(view)) = planned else {
            return plan_err!("the statement of the view makes none");
        };
        let input = names::renamed(Arc::unwrap_or_clone(view.input), &self.statement)?;
        query::coerced(&state, input)
    }
}

impl fmt::Debug for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("statement", &self.statement.to_string()).finish_non_exhaustive()
    }
}
