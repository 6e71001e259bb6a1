//! What happens in a session, one statement at a time.

use std::sync::{Arc, Weak};

use arrow::array::{Int64Array, RecordBatch};
use arrow::datatypes::{Field, Schema, SchemaRef};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{LogicalPlan, Statement as PlanStatement};
use datafusion::physical_plan::execute_stream;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::{ResetStatement, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{Expr, ObjectName, Set, Statement as Sql, Use, Value};
use parking_lot::RwLock;
use typemap::SqlType;
use typemap::wire::{WireOptions, wire_field};

use super::catalog::SessionCatalogs;
use super::change::change;
use super::datasets::Datasets;
use super::definition::define;
use super::errors::{failed, not_carried};
use super::instance::Instance;
use super::names::{self, Names};
use super::parameters::{self, ParameterRows, bind};
use super::progress::Running;
use super::query::{self, Columns, executable};
use super::settings;
use super::statement::{check_allowed, is_update, kind};
use super::stream::{Reader, Reading};
use super::table::Gathered;
use super::text::{Piece, pieces};
use crate::engine::{Cut, Plan, StateEntry, Statement, StatementKind, cannot};
use crate::error::{Error, ErrorCode, Result};

/// A session's state, and what may be done with it.
pub(super) struct Lane {
    pub(super) instance: Arc<Instance>,
    pub(super) context: SessionContext,
    pub(super) catalogs: Arc<SessionCatalogs>,
    pub(super) running: Arc<Running>,
    /// The settings of a new session.
    pub(super) fresh: Vec<(String, String)>,
    /// Changes of the state that are to be told with the next success.
    pub(super) noted: Vec<StateEntry>,
}

/// What a statement runs with.
pub(super) struct Execution<'lane> {
    pub(super) state: SessionState,
    pub(super) session: Weak<RwLock<SessionState>>,
    pub(super) piece: &'lane Piece,
    pub(super) catalogs: &'lane SessionCatalogs,
    pub(super) datasets: &'lane Datasets,
    pub(super) running: &'lane Running,
}

/// What executing a statement gave.
pub(super) struct Executed {
    pub(super) kind: StatementKind,
    pub(super) schema: SchemaRef,
    /// Rows that are there already.
    pub(super) batches: Vec<RecordBatch>,
    /// Where the rest of them comes from.
    pub(super) reader: Option<Reader>,
    pub(super) changed: Option<u64>,
    pub(super) is_update: bool,
    pub(super) state: Vec<StateEntry>,
}

impl Executed {
    /// The answer to a statement that has no rows of its own.
    fn report(kind: StatementKind, changed: Option<u64>) -> Result<Self> {
        let (name, ty) = match kind {
            StatementKind::Write | StatementKind::Definition => ("Count", SqlType::BigInt),
            _ => ("Success", SqlType::Boolean),
        };
        let field = wire_field(name, &ty, true, &WireOptions::default()).map_err(Error::internal)?;
        let schema = Arc::new(Schema::new(vec![field]));
        let batches = match changed {
            Some(rows) if ty == SqlType::BigInt => {
                let count = Int64Array::from(vec![i64::try_from(rows).unwrap_or(i64::MAX)]);
                vec![RecordBatch::try_new(Arc::clone(&schema), vec![Arc::new(count)]).map_err(Error::internal)?]
            }
            _ => Vec::new(),
        };
        Ok(Self { kind, schema, batches, reader: None, changed, is_update: true, state: Vec::new() })
    }
}

impl Lane {
    /// Plans `sql` without executing it.
    pub(super) async fn plan(&self, sql: &str, wire: &WireOptions) -> Result<Plan> {
        let state = self.context.state();
        let mut all = pieces(sql, state.config_options())?;
        let last = all.pop().ok_or_else(no_statement)?;
        check_allowed(&last.parsed)?;
        if !all.is_empty() {
            // The last one answers, and may need what earlier ones make, so its columns can't be told before they run.
            let (is_update, parameters) = (is_update(&last.parsed), Schema::empty());
            return Ok(Plan { kind: StatementKind::Other, schema: None, is_update, parameters });
        }
        let mut piece = last;
        let (kind, is_update) = (kind(&piece.parsed), is_update(&piece.parsed));
        let names = names::prepare(&mut piece.parsed);
        let mut plan = Plan { kind, schema: None, is_update, parameters: Schema::empty() };
        match kind {
            StatementKind::Setting | StatementKind::Transaction => return Ok(plan),
            _ => {}
        }
        let logical = query::logical(&state, &piece, sql).await?;
        plan.parameters = parameters::schema(&logical, &piece);
        if kind == StatementKind::Read {
            plan.schema = match query::coerced(&state, logical) {
                Ok(coerced) => {
                    let columns = Columns::of(coerced.schema(), &names)?;
                    Some(Arc::clone(columns.normaliser(coerced.schema().as_arrow(), wire)?.schema()))
                }
                // Without values for its parameters a statement may not know its columns; its result does.
                Err(_) if !piece.parameters.is_empty() => None,
                Err(error) => return Err(super::text::located(error, sql)),
            };
            let untyped = |field: &Arc<Field>| !field.metadata().contains_key(typemap::metadata::TYPE_NAME);
            if plan.parameters.fields().iter().any(untyped) {
                plan.schema = None;
            }
        } else if is_update {
            plan.schema = Some(Executed::report(kind, None)?.schema);
        }
        Ok(plan)
    }

    /// Executes a statement: completely, or, when it reads, up to its first batch.
    pub(super) async fn execute(&mut self, statement: &Statement, wire: WireOptions) -> Result<Executed> {
        let all = pieces(&statement.sql, self.context.state_ref().read().config_options())?;
        let count = all.len();
        let parameters = ParameterRows::new(&statement.parameters)?;
        if count > 1 && parameters.len() > 0 {
            return Err(Error::new(
                ErrorCode::RequestInvalid,
                "parameters were bound to a text of several statements; run the statements one by one",
            ));
        }
        let mut parameters = Some(parameters);
        let mut kinds = Vec::new();
        for (index, piece) in all.into_iter().enumerate() {
            let rows = match parameters.take() {
                Some(rows) => rows,
                None => ParameterRows::new(&[])?,
            };
            let mut executed = self.execute_piece(piece, &statement.sql, rows, statement.cut, wire).await?;
            kinds.push(executed.kind);
            if index + 1 < count {
                // Nobody wants its rows, but whoever runs it wants to know whether it fails.
                if let Some(mut reader) = executed.reader {
                    while reader.next().await?.is_some() {}
                }
                continue;
            }
            if count > 1 && kinds.iter().any(|kind| *kind != StatementKind::Read) {
                executed.kind = match kinds.contains(&StatementKind::Transaction) {
                    true => StatementKind::Transaction,
                    false => StatementKind::Other,
                };
            }
            executed.state = std::mem::take(&mut self.noted);
            return Ok(executed);
        }
        Err(no_statement())
    }

    async fn execute_piece(
        &mut self,
        mut piece: Piece,
        sql: &str,
        parameters: ParameterRows,
        cut: Cut,
        wire: WireOptions,
    ) -> Result<Executed> {
        check_allowed(&piece.parsed)?;
        match kind(&piece.parsed) {
            StatementKind::Setting => {
                let noted = self.set(&piece.parsed)?;
                self.noted.extend(noted);
                Executed::report(StatementKind::Setting, None)
            }
            StatementKind::Transaction => {
                end_transaction(&piece.parsed)?;
                Executed::report(StatementKind::Transaction, None)
            }
            StatementKind::Read => {
                let names = names::prepare(&mut piece.parsed);
                let state = self.context.state();
                let logical = query::logical(&state, &piece, sql).await?;
                self.read(state, logical, piece, names, parameters, cut, wire).await
            }
            kind => {
                names::prepare(&mut piece.parsed);
                self.apply(kind, piece, sql, parameters, wire).await
            }
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "they are what a running statement is made of, and go into it at once"
    )]
    async fn read(
        &self,
        state: SessionState,
        logical: LogicalPlan,
        piece: Piece,
        names: Names,
        mut parameters: ParameterRows,
        cut: Cut,
        wire: WireOptions,
    ) -> Result<Executed> {
        let values = parameters.next()?.unwrap_or_default();
        let first = executable(&state, &bind(logical.clone(), &piece, values, false)?, &names).await?;
        let normaliser = first.columns.normaliser(&first.plan.schema(), &wire)?;
        let schema = Arc::clone(normaliser.schema());
        let running = Arc::clone(&self.running);
        let reading = Reading { state, logical, piece, names, parameters, first, normaliser, wire, cut, running };
        let mut reader = Reader::start(&self.instance.runtime, reading);
        // The first rows are computed at once: most results have no more, and a failure comes as the call's own.
        let batches: Vec<_> = reader.next().await?.into_iter().collect();
        let reader = (!batches.is_empty()).then_some(reader);
        let (kind, state) = (StatementKind::Read, Vec::new());
        Ok(Executed { kind, schema, batches, reader, changed: None, is_update: false, state })
    }

    /// Runs a statement that changes something, once a row of parameters: all of them or none.
    async fn apply(
        &mut self,
        kind: StatementKind,
        piece: Piece,
        sql: &str,
        mut parameters: ParameterRows,
        wire: WireOptions,
    ) -> Result<Executed> {
        let before = self.catalogs.own().snapshot();
        let mut answer: Option<Executed> = None;
        let mut values = parameters.next()?.unwrap_or_default();
        loop {
            let execution = Execution {
                state: self.context.state(),
                session: self.context.state_weak_ref(),
                piece: &piece,
                catalogs: &self.catalogs,
                datasets: &self.instance.datasets,
                running: &self.running,
            };
            let logical = query::logical(&execution.state, &piece, sql).await?;
            let logical = bind(logical, &piece, values, true)?;
            let (mut executed, noted) = self.apply_once(&execution, kind, logical, &wire).await?;
            self.noted.extend(noted);
            if let Some(earlier) = answer.take() {
                executed.changed = match (earlier.changed, executed.changed) {
                    (None, None) => None,
                    (one, other) => Some(one.unwrap_or(0) + other.unwrap_or(0)),
                };
                executed.batches.splice(0..0, earlier.batches);
            }
            answer = Some(executed);
            match parameters.next()? {
                Some(next) => values = next,
                None => break,
            }
        }
        before.keep();
        answer.ok_or_else(|| Error::internal("a statement ran and gave no answer"))
    }

    async fn apply_once(
        &self,
        execution: &Execution<'_>,
        kind: StatementKind,
        logical: LogicalPlan,
        wire: &WireOptions,
    ) -> Result<(Executed, Vec<StateEntry>)> {
        let no_state = Vec::new();
        match logical {
            LogicalPlan::Ddl(statement) => {
                let defined = define(execution, statement).await?;
                Ok((Executed::report(kind, defined.rows)?, defined.state))
            }
            plan @ (LogicalPlan::Dml(_) | LogicalPlan::Copy(_)) => {
                let changed = change(execution, &plan).await?;
                Ok((Executed::report(kind, changed)?, no_state))
            }
            LogicalPlan::Statement(statement @ PlanStatement::Execute(_)) => {
                let prepared = self.context.execute_logical_plan(LogicalPlan::Statement(statement)).await?;
                let (_, plan) = prepared.into_parts();
                if let LogicalPlan::Statement(_) = plan {
                    return Err(cannot(super::NAME, "EXECUTE this statement"));
                }
                Box::pin(self.apply_once(execution, kind, plan, wire)).await
            }
            LogicalPlan::Statement(statement) => {
                if let PlanStatement::Prepare(prepared) = &statement
                    && matches!(*prepared.input, LogicalPlan::Statement(_))
                {
                    return Err(cannot(super::NAME, "PREPARE this statement"));
                }
                self.context.execute_logical_plan(LogicalPlan::Statement(statement)).await?;
                Ok((Executed::report(kind, None)?, no_state))
            }
            // Rows of a statement that runs exactly once: EXECUTE, or EXPLAIN ANALYZE of a change.
            plan => Ok((collected(execution, kind, &plan, wire).await?, no_state)),
        }
    }

    fn set(&self, parsed: &Parsed) -> Result<Vec<StateEntry>> {
        let set = |name: &str, value: Option<&str>| settings::set(&self.context, &self.fresh, name, value);
        match parsed {
            Parsed::Reset(ResetStatement::Variable(name)) => set(&parts(name).join("."), None),
            Parsed::Statement(sql) => match &**sql {
                Sql::Use(Use::Object(name) | Use::Schema(name) | Use::Database(name) | Use::Catalog(name)) => {
                    settings::move_to_name(&self.context, &parts(name))
                }
                Sql::Set(Set::SetTimeZone { value, .. }) => set("timezone", text(value).as_deref()),
                Sql::Set(Set::SingleAssignment { scope: None, hivevar: false, variable, values }) => {
                    let name = parts(variable).join(".");
                    let [value] = &values[..] else {
                        return Err(failed("42601", format!("{name} takes one value")));
                    };
                    let value = text(value);
                    match name.to_ascii_lowercase().as_str() {
                        "schema" | "search_path" => {
                            let value = value.unwrap_or_default();
                            let parts: Vec<_> =
                                value.split('.').map(|part| part.trim_matches('"').to_owned()).collect();
                            settings::move_to_name(&self.context, &parts)
                        }
                        _ => set(&name, value.as_deref()),
                    }
                }
                Sql::Set(Set::SingleAssignment { scope: Some(scope), .. }) => Err(Error::new(
                    ErrorCode::StatementForbidden,
                    format!("SET {scope} is not allowed here: SET changes a setting of this session alone"),
                )),
                _ => Err(cannot(super::NAME, "change settings in this way")),
            },
            _ => Err(cannot(super::NAME, "change settings in this way")),
        }
    }
}

/// The rows of a plan, computed now.
async fn collected(
    execution: &Execution<'_>,
    kind: StatementKind,
    plan: &LogicalPlan,
    wire: &WireOptions,
) -> Result<Executed> {
    let state = &execution.state;
    let ready = executable(state, plan, &Names::default()).await?;
    execution.running.set(&ready.plan);
    let normaliser = ready.columns.normaliser(&ready.plan.schema(), wire)?;
    let mut gathered = Gathered::new(&state.runtime_env().memory_pool);
    gathered.take(execute_stream(ready.plan, state.task_ctx())?).await?;
    let batches = gathered.batches.iter().map(|batch| normaliser.normalise(batch));
    let batches = batches.collect::<Result<Vec<_>, _>>().map_err(|error| not_carried(&error))?;
    let schema = Arc::clone(normaliser.schema());
    Ok(Executed { kind, schema, batches, reader: None, changed: None, is_update: false, state: Vec::new() })
}

/// There is never a transaction to end; to begin one is an error.
fn end_transaction(parsed: &Parsed) -> Result<()> {
    match parsed {
        Parsed::Statement(sql) if matches!(**sql, Sql::Commit { .. } | Sql::Rollback { .. }) => Ok(()),
        _ => Err(cannot(super::NAME, "BEGIN a transaction")),
    }
}

/// The parts of a name, in lower case where it was not quoted.
fn parts(name: &ObjectName) -> Vec<String> {
    let part = |part: &datafusion::sql::sqlparser::ast::ObjectNamePart| match part.as_ident() {
        Some(ident) if ident.quote_style.is_some() => ident.value.clone(),
        Some(ident) => ident.value.to_lowercase(),
        None => part.to_string(),
    };
    name.0.iter().map(part).collect()
}

fn no_statement() -> Error {
    failed("42601", "the text holds no statement; send one")
}

/// The value that a setting is given; `None` for DEFAULT.
fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Identifier(ident) if ident.quote_style.is_none() && ident.value.eq_ignore_ascii_case("default") => None,
        Expr::Identifier(ident) => Some(ident.value.clone()),
        Expr::Value(value) => Some(match &value.value {
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => text.clone(),
            other => other.to_string(),
        }),
        other => Some(other.to_string()),
    }
}
