//! Queries that DataFusion plans otherwise than they are meant: written so that it plans what they mean, or refused.

use std::ops::ControlFlow;

use datafusion::sql::parser::{CopyToSource, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    Cte, Query, SetExpr, SetOperator, SetQuantifier, TableAlias, TableFactor, VisitMut, VisitorMut,
};
use datafusion::sql::sqlparser::parser::Parser;

use super::super::errors::failed;
use super::DuckDbSyntax;
use crate::error::{Error, Result};

/// Gives every query of a statement the form that DataFusion plans as DuckDB would.
///
/// # Errors
/// 0A000 for a query whose rows would be wrong.
pub(in super::super) fn write_as_meant(parsed: &mut Parsed) -> Result<()> {
    let visited = match parsed {
        Parsed::Statement(statement) => statement.visit(&mut Queries),
        Parsed::Explain(explain) => return write_as_meant(&mut explain.statement),
        Parsed::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => query.visit(&mut Queries),
            CopyToSource::Relation(_) => ControlFlow::Continue(()),
        },
        Parsed::CreateExternalTable(_) | Parsed::Reset(_) => ControlFlow::Continue(()),
    };
    match visited {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Queries;

impl VisitorMut for Queries {
    type Break = Error;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Error> {
        if let Some(with) = query.with.as_mut().filter(|with| with.recursive) {
            with.cte_tables.iter_mut().for_each(name_columns);
        }
        check_set_operations(&query.body)
    }
}

/// DataFusion gives the column list of a recursive query to what comes out of it, and not to the rows that its second term
/// reads. So its first term gets the names.
fn name_columns(cte: &mut Cte) {
    if cte.alias.columns.is_empty() {
        return;
    }
    if let SetExpr::SetOperation { op: SetOperator::Union, left, .. } = &mut *cte.query.body
        && let Some(named) = named(left, &cte.alias)
    {
        **left = named;
    }
}

/// `SELECT * FROM (term) AS alias`.
fn named(term: &SetExpr, alias: &TableAlias) -> Option<SetExpr> {
    let mut parser = Parser::new(&DuckDbSyntax).try_with_sql("SELECT * FROM (SELECT 1)").ok()?;
    let mut select = *parser.parse_query().ok()?.body;
    let SetExpr::Select(outer) = &mut select else { return None };
    let TableFactor::Derived { subquery, alias: name, .. } = &mut outer.from.first_mut()?.relation else { return None };
    *subquery.body = term.clone();
    *name = Some(alias.clone());
    Some(select)
}

/// DataFusion counts no rows in EXCEPT ALL and INTERSECT ALL: all rows of a value go, or stay, at once.
fn check_set_operations(body: &SetExpr) -> ControlFlow<Error> {
    let mut open = vec![body];
    while let Some(body) = open.pop() {
        let SetExpr::SetOperation { op, set_quantifier, left, right } = body else { continue };
        let is_all = matches!(set_quantifier, SetQuantifier::All | SetQuantifier::AllByName);
        if is_all && matches!(op, SetOperator::Except | SetOperator::Intersect) {
            return ControlFlow::Break(failed(
                "0A000",
                format!(
                    "the engine datafusion has no {op} ALL; use {op}, or a session of the engine duckdb (session option \
                     pintail.engine)"
                ),
            ));
        }
        open.extend([left.as_ref(), right.as_ref()]);
    }
    ControlFlow::Continue(())
}
