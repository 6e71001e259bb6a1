//! From a statement to a plan, and from the plan's columns to those on the wire.

use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Schema};
use datafusion::common::{DFSchema, DataFusionError};
use datafusion::execution::SessionState;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement as Sql;
use typemap::SqlType;
use typemap::metadata::TYPE_NAME;
use typemap::normalise::{NormaliseError, Normaliser, engine_type};
use typemap::wire::WireOptions;

use super::errors::not_carried;
use super::giving_up::ending;
use super::names::Names;
use super::text::{Piece, located};
use crate::engine::Location;
use crate::error::{Error, ErrorCode, Result};

/// The plan of a statement, as its text has it.
///
/// # Errors
/// DataFusion's, with their place in `sql`, the text that the statement stands in.
pub(super) async fn logical(state: &SessionState, piece: &Piece, sql: &str) -> Result<LogicalPlan> {
    let mut parsed = piece.parsed.clone();
    // DataFusion plans no table that is temporary; here all of them are, and CREATE remembers which were said to be.
    if let Parsed::Statement(statement) = &mut parsed
        && let Sql::CreateTable(table) = &mut **statement
    {
        table.temporary = false;
    }
    state.statement_to_plan(parsed).await.map_err(|error| located(error, sql))
}

/// The same plan with the types of all its expressions decided.
pub(super) fn coerced(state: &SessionState, plan: LogicalPlan) -> Result<LogicalPlan, DataFusionError> {
    state.analyzer().execute_and_check(plan, state.config_options(), |_, _| {})
}

/// A plan that can be executed, and the columns of its rows.
pub(super) struct Executable {
    pub(super) plan: Arc<dyn ExecutionPlan>,
    pub(super) columns: Columns,
}

/// Brings a plan to where it can be executed.
pub(super) async fn executable(state: &SessionState, plan: &LogicalPlan, names: &Names) -> Result<Executable> {
    let optimized = state.optimize(plan)?;
    let columns = Columns::of(optimized.schema(), names)?;
    let plan = ending(state.query_planner().create_physical_plan(&optimized, state).await?)?;
    Ok(Executable { plan, columns })
}

/// The plan to execute of one whose types are decided. To decide them again would take its constants for literals.
pub(super) async fn physical(state: &SessionState, plan: LogicalPlan) -> Result<Arc<dyn ExecutionPlan>> {
    let optimized = state.optimizer().optimize(plan, state, |_, _| {})?;
    Ok(ending(state.query_planner().create_physical_plan(&optimized, state).await?)?)
}

/// The columns of a result: their names and SQL types.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Columns {
    names: Vec<String>,
    types: Vec<SqlType>,
}

impl Columns {
    /// The columns of a plan.
    ///
    /// # Errors
    /// `TYPE_UNSUPPORTED`, naming the column whose type can't be carried.
    pub(super) fn of(schema: &DFSchema, names: &Names) -> Result<Self> {
        let names = names.of_columns(schema);
        let types = schema.fields().iter().zip(&names).map(|(field, name)| {
            // A null that nothing gives a type is an integer in DuckDB.
            if field.data_type() == &DataType::Null && !field.metadata().contains_key(TYPE_NAME) {
                return Ok(SqlType::Integer);
            }
            engine_type(field)
                .map_err(|error| Error::new(ErrorCode::TypeUnsupported, format!("column \"{name}\": {error}")))
        });
        Ok(Self { types: types.collect::<Result<_>>()?, names })
    }

    /// What brings batches of the schema `source` to the wire.
    pub(super) fn normaliser(&self, source: &Schema, options: &WireOptions) -> Result<Normaliser> {
        let fields = source.fields().iter().zip(&self.names);
        // A result may hold nulls wherever it comes from, as DuckDB's say of themselves.
        let fields = fields.map(|(field, name)| field.as_ref().clone().with_name(name).with_nullable(true));
        let named = Schema::new(fields.collect::<Vec<Field>>());
        Normaliser::with_types(&named, &self.types, options).map_err(|error: NormaliseError| not_carried(&error))
    }
}

/// Where unqualified names are looked up.
pub(super) fn location(state: &SessionState) -> Location {
    let catalog = &state.config_options().catalog;
    Location { catalog: catalog.default_catalog.clone(), schema: catalog.default_schema.clone() }
}

/// Looks unqualified names up there from now on.
pub(super) fn move_to(state: &mut SessionState, location: &Location) {
    let catalog = &mut state.config_mut().options_mut().catalog;
    catalog.default_catalog.clone_from(&location.catalog);
    catalog.default_schema.clone_from(&location.schema);
}
