//! CREATE and DROP, in the session's own catalog.

use std::sync::Arc;

use arrow::datatypes::{Field, Schema};
use datafusion::common::{Constraints, SchemaReference, TableReference};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{
    CreateExternalTable, CreateMemoryTable, DdlStatement, DropCatalogSchema, DropTable, DropView,
};
use datafusion::physical_plan::execute_stream;
use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::Statement as Sql;

use super::catalog::{OwnCatalog, OwnSchema, Relation};
use super::errors::failed;
use super::lane::Execution;
use super::settings::use_statement;
use super::table::{Gathered, MemoryTable};
use super::view::View;
use super::{CATALOG, SCHEMA, names, query};
use crate::engine::quoted_identifier;
use crate::engine::{DATASET_CATALOG, StateEntry, UNKEPT, cannot};
use crate::error::{Error, ErrorCode, Result};

/// What a definition did.
#[derive(Debug, Default)]
pub(super) struct Defined {
    /// How many rows it wrote, where it wrote any.
    pub(super) rows: Option<u64>,
    /// What is to be journaled of it.
    pub(super) state: Vec<StateEntry>,
}

/// Runs a definition.
///
/// # Errors
/// `42P07` when the name is taken, `42P01`, `3F000` and `3D000` when what it is about is not there, `0A000` for what the
/// engine does not have.
pub(super) async fn define(execution: &Execution<'_>, statement: DdlStatement) -> Result<Defined> {
    match statement {
        DdlStatement::CreateMemoryTable(create) => create_table(execution, create).await,
        DdlStatement::CreateView(create) => create_view(execution, &create.name, create.or_replace).await,
        DdlStatement::CreateExternalTable(create) => create_external_table(execution, create).await,
        DdlStatement::CreateCatalogSchema(create) => {
            let (_, schema) = place(&create.schema_name)?;
            let is_new = execution.catalogs.own().create_schema(&schema);
            match (is_new, create.if_not_exists) {
                (true, _) => {
                    Ok(journaled(schema_key(&schema), format!("CREATE SCHEMA {}", quoted_identifier(&schema))))
                }
                (false, true) => Ok(Defined::default()),
                (false, false) => Err(failed("42P06", format!("schema \"{schema}\" already exists"))),
            }
        }
        DdlStatement::DropTable(DropTable { name, if_exists, .. }) => drop_relation(execution, &name, if_exists, false),
        DdlStatement::DropView(DropView { name, if_exists, .. }) => drop_relation(execution, &name, if_exists, true),
        DdlStatement::DropCatalogSchema(drop) => drop_schema(execution, &drop),
        DdlStatement::CreateCatalog(_) => Err(Error::new(
            ErrorCode::StatementForbidden,
            "CREATE DATABASE is not allowed here: it would reach beyond this session",
        )),
        DdlStatement::CreateIndex(_) => Err(cannot(super::NAME, "CREATE INDEX")),
        DdlStatement::CreateFunction(_) | DdlStatement::DropFunction(_) => {
            Err(cannot(super::NAME, "CREATE or DROP functions"))
        }
    }
}

fn journaled(key: String, sql: String) -> Defined {
    Defined { rows: None, state: vec![StateEntry { key, sql: Some(sql) }] }
}

fn schema_key(schema: &str) -> String {
    format!("schema:{CATALOG}.{schema}")
}

/// Names that differ in case alone are the same relation.
fn relation_key(schema: &str, name: &str) -> String {
    format!("relation:{CATALOG}.{schema}.{}", name.to_lowercase())
}

impl Relation {
    /// The key under which it stands in the journal by this name.
    fn key(&self, schema: &str, name: &str) -> String {
        match self {
            Self::Memory(_) => unkept_key(schema, name),
            Self::View(_) | Self::External(_) => relation_key(schema, name),
        }
    }
}

/// What stands in the journal for a table in memory, which no statement brings back.
fn unkept_key(schema: &str, name: &str) -> String {
    format!("{UNKEPT}table \"{}\" in {CATALOG}.{schema}", name.to_lowercase())
}

/// A name to be defined, and the schema it is in.
pub(super) struct Target {
    pub(super) schema: Arc<OwnSchema>,
    schema_name: String,
    pub(super) name: String,
}

impl Target {
    /// Where `reference` points.
    ///
    /// # Errors
    /// When there is no such place, or nothing can be defined there.
    pub(super) fn of(state: &SessionState, catalog: &OwnCatalog, reference: &TableReference) -> Result<Self> {
        let here = query::location(state);
        let resolved = reference.clone().resolve(&here.catalog, &here.schema);
        let schema_name = resolved.schema.to_string();
        check_catalog(&resolved.catalog)?;
        let schema = catalog.own_schema(&schema_name).ok_or_else(|| no_schema(&schema_name))?;
        Ok(Self { schema, schema_name, name: resolved.table.to_string() })
    }

    pub(super) fn get(&self) -> Option<Relation> {
        self.schema.get(&self.name)
    }

    /// What is to be journaled when `before` is gone.
    fn forgotten(&self, before: Option<&Relation>) -> Vec<StateEntry> {
        before
            .map(|before| StateEntry { key: before.key(&self.schema_name, &self.name), sql: None })
            .into_iter()
            .collect()
    }

    /// What is to be journaled when a table in memory has come, in the place of `before`.
    pub(super) fn unkept(&self, before: Option<&Relation>) -> Vec<StateEntry> {
        let mut state = self.forgotten(before.filter(|before| !matches!(before, Relation::Memory(_))));
        let why = "it is in its node's memory, as all tables of this engine are";
        state.push(StateEntry { key: unkept_key(&self.schema_name, &self.name), sql: Some(why.to_owned()) });
        state
    }

    /// What is to be journaled of a statement that makes it, in the place of `before`: where names are looked up comes with it.
    fn remembered(&self, execution: &Execution<'_>, before: Option<&Relation>) -> Vec<StateEntry> {
        let here = query::location(&execution.state);
        let sql = format!("{}; {}", use_statement(&here), execution.piece.text);
        let mut state = self.forgotten(before.filter(|before| matches!(before, Relation::Memory(_))));
        state.push(StateEntry { key: relation_key(&self.schema_name, &self.name), sql: Some(sql) });
        state
    }

    fn exists(&self) -> Error {
        failed("42P07", format!("\"{}\" already exists; drop it first, or choose another name", self.name))
    }
}

fn check_catalog(catalog: &str) -> Result<()> {
    match catalog {
        CATALOG => Ok(()),
        DATASET_CATALOG => Err(Error::new(
            ErrorCode::StatementForbidden,
            "datasets are read only: the operator adds and removes them with `pintail dataset`",
        )),
        other => Err(failed("3D000", format!("there is no catalog \"{other}\""))),
    }
}

fn no_schema(name: &str) -> Error {
    failed("3F000", format!("there is no schema \"{name}\"; CREATE SCHEMA makes one"))
}

fn check_constraints(constraints: &Constraints) -> Result<()> {
    match constraints.is_empty() {
        true => Ok(()),
        // DataFusion would believe them without looking.
        false => Err(cannot(super::NAME, "enforce PRIMARY KEY and UNIQUE")),
    }
}

async fn create_table(execution: &Execution<'_>, create: CreateMemoryTable) -> Result<Defined> {
    check_constraints(&create.constraints)?;
    let target = Target::of(&execution.state, execution.catalogs.own(), &create.name)?;
    let before = target.get();
    match (&before, create.if_not_exists, create.or_replace) {
        (Some(_), true, false) => return Ok(Defined::default()),
        (Some(_), false, false) => return Err(target.exists()),
        _ => {}
    }
    let state = &execution.state;
    let has_query = matches!(&execution.piece.parsed, Parsed::Statement(sql)
        if matches!(&**sql, Sql::CreateTable(table) if table.query.is_some()));
    let input = Arc::unwrap_or_clone(create.input);
    let input = if has_query { names::renamed(input, &execution.piece.parsed)? } else { input };
    let input = query::coerced(state, input)?;
    let fields = input.schema().fields().iter().map(|field| match has_query {
        // What a query gives may hold nulls, as in DuckDB.
        true => field.as_ref().clone().with_nullable(true),
        false => field.as_ref().clone(),
    });
    let schema = Arc::new(Schema::new(fields.collect::<Vec<Field>>()));
    let pool = &state.runtime_env().memory_pool;
    let temporary = matches!(&execution.piece.parsed, Parsed::Statement(sql)
        if matches!(&**sql, Sql::CreateTable(table) if table.temporary));
    let table = MemoryTable::new(&target.name, schema, temporary, pool).with_defaults(create.column_defaults);
    let mut rows = None;
    if has_query {
        let plan = query::physical(state, input).await?;
        execution.running.set(&plan);
        let mut gathered = Gathered::new(pool);
        gathered.take(execute_stream(plan, state.task_ctx())?).await?;
        rows = Some(table.rows().append(gathered)?);
    }
    target.schema.put(&target.name, Relation::Memory(Arc::new(table)));
    Ok(Defined { rows, state: target.unkept(before.as_ref()) })
}

async fn create_view(execution: &Execution<'_>, name: &TableReference, or_replace: bool) -> Result<Defined> {
    let target = Target::of(&execution.state, execution.catalogs.own(), name)?;
    let before = target.get();
    if before.is_some() && !or_replace {
        return Err(target.exists());
    }
    let location = query::location(&execution.state);
    let view = View::new(execution.piece.parsed.clone(), location, execution.session.clone());
    let view = Arc::new(view);
    target.schema.put(&target.name, Relation::View(Arc::clone(&view)));
    // Planned once as it will be whenever it is used: a view that stands upon itself is found out here.
    if let Err(error) = view.table().await {
        match before {
            Some(before) => target.schema.put(&target.name, before),
            None => target.schema.remove(&target.name),
        }
        return Err(error.into());
    }
    Ok(Defined { rows: None, state: target.remembered(execution, before.as_ref()) })
}

async fn create_external_table(execution: &Execution<'_>, create: CreateExternalTable) -> Result<Defined> {
    check_constraints(&create.constraints)?;
    if create.unbounded {
        return Err(cannot(super::NAME, "read endless files (UNBOUNDED)"));
    }
    let target = Target::of(&execution.state, execution.catalogs.own(), &create.name)?;
    let before = target.get();
    match (&before, create.if_not_exists, create.or_replace) {
        (Some(_), true, false) => return Ok(Defined::default()),
        (Some(_), false, false) => return Err(target.exists()),
        _ => {}
    }
    let state = &execution.state;
    let factory = state.table_factories().get(&create.file_type.to_uppercase()).ok_or_else(|| {
        failed("0A000", format!("files of the type {} can't be read; use PARQUET, CSV or JSON", create.file_type))
    })?;
    let table = factory.create(state, &create).await?;
    target.schema.put(&target.name, Relation::External(table));
    Ok(Defined { rows: None, state: target.remembered(execution, before.as_ref()) })
}

fn drop_relation(execution: &Execution<'_>, name: &TableReference, if_exists: bool, view: bool) -> Result<Defined> {
    let target = match Target::of(&execution.state, execution.catalogs.own(), name) {
        Err(error) if if_exists && ["3F000", "3D000"].contains(&error.sqlstate.0) => return Ok(Defined::default()),
        target => target?,
    };
    let Some(relation) = target.get() else {
        if execution.datasets.get(&target.name).is_some() {
            check_catalog(DATASET_CATALOG)?;
        }
        let what = if view { "view" } else { "table" };
        return match if_exists {
            true => Ok(Defined::default()),
            false => Err(failed("42P01", format!("there is no {what} \"{}\"", target.name))),
        };
    };
    match (matches!(relation, Relation::View(_)), view) {
        (true, false) => return Err(failed("42809", format!("\"{}\" is a view; use DROP VIEW", target.name))),
        (false, true) => return Err(failed("42809", format!("\"{}\" is a table; use DROP TABLE", target.name))),
        _ => {}
    }
    target.schema.remove(&target.name);
    Ok(Defined { rows: None, state: target.forgotten(Some(&relation)) })
}

fn drop_schema(execution: &Execution<'_>, drop: &DropCatalogSchema) -> Result<Defined> {
    let name = match &drop.name {
        SchemaReference::Bare { schema } => schema.to_string(),
        SchemaReference::Full { schema, catalog } => {
            check_catalog(catalog)?;
            schema.to_string()
        }
    };
    let own = execution.catalogs.own();
    let Some(schema) = own.own_schema(&name) else {
        return if drop.if_exists { Ok(Defined::default()) } else { Err(no_schema(&name)) };
    };
    let relations = schema.relations();
    if name == SCHEMA {
        return Err(failed("2BP01", format!("the schema {SCHEMA} can't be dropped: every session has it")));
    }
    if !relations.is_empty() && !drop.cascade {
        return Err(failed("2BP01", format!("the schema \"{name}\" is not empty; use DROP SCHEMA … CASCADE")));
    }
    if query::location(&execution.state).schema == name {
        return Err(failed("55006", format!("the session is in the schema \"{name}\"; leave it with USE first")));
    }
    own.drop_schema(&name);
    let mut state = vec![StateEntry { key: schema_key(&name), sql: None }];
    let gone = relations.iter().map(|(relation, what)| StateEntry { key: what.key(&name, relation), sql: None });
    state.extend(gone);
    Ok(Defined { rows: None, state })
}

/// The catalog and schema that `name` names.
fn place(name: &str) -> Result<(String, String)> {
    match name.split_once('.') {
        Some((catalog, schema)) => {
            check_catalog(catalog)?;
            Ok((catalog.to_owned(), schema.to_owned()))
        }
        None => Ok((CATALOG.to_owned(), name.to_owned())),
    }
}
