//! What a statement is, by DataFusion's parser, and whether a client may run it.

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::sqlparser::ast::{DescribeAlias, Statement as Sql};

use crate::engine::StatementKind;
use crate::error::{Error, ErrorCode, Result};

/// How the server treats a statement.
pub(super) fn kind(parsed: &Parsed) -> StatementKind {
    match parsed {
        Parsed::Statement(sql) => sql_kind(sql),
        Parsed::CreateExternalTable(_) => StatementKind::Definition,
        Parsed::CopyTo(_) => StatementKind::Write,
        Parsed::Reset(_) => StatementKind::Setting,
        Parsed::Explain(explain) => explain_kind(explain.analyze, kind(&explain.statement)),
    }
}

/// EXPLAIN ANALYZE runs what it explains.
fn explain_kind(analyze: bool, explained: StatementKind) -> StatementKind {
    match (analyze, explained) {
        (true, StatementKind::Read) | (false, _) => StatementKind::Read,
        (true, _) => StatementKind::Other,
    }
}

fn sql_kind(sql: &Sql) -> StatementKind {
    match sql {
        Sql::Query(_)
        | Sql::ExplainTable { .. }
        | Sql::ShowVariable { .. }
        | Sql::ShowVariables { .. }
        | Sql::ShowStatus { .. }
        | Sql::ShowFunctions { .. }
        | Sql::ShowCreate { .. }
        | Sql::ShowColumns { .. }
        | Sql::ShowTables { .. }
        | Sql::ShowCatalogs { .. }
        | Sql::ShowDatabases { .. }
        | Sql::ShowSchemas { .. }
        | Sql::ShowViews { .. }
        | Sql::ShowCollation { .. } => StatementKind::Read,
        Sql::Explain { analyze, statement, describe_alias, .. } => {
            let describes = matches!(describe_alias, DescribeAlias::Describe | DescribeAlias::Desc);
            explain_kind(*analyze && !describes, sql_kind(statement))
        }
        Sql::Insert(_)
        | Sql::Update(_)
        | Sql::Delete(_)
        | Sql::Merge(_)
        | Sql::Truncate(_)
        | Sql::Copy { .. }
        | Sql::LoadData { .. } => StatementKind::Write,
        Sql::CreateTable(_)
        | Sql::CreateView(_)
        | Sql::CreateSchema { .. }
        | Sql::CreateDatabase { .. }
        | Sql::CreateIndex(_)
        | Sql::CreateFunction(_)
        | Sql::CreateMacro { .. }
        | Sql::CreateSequence { .. }
        | Sql::CreateType { .. }
        | Sql::AlterTable(_)
        | Sql::AlterView { .. }
        | Sql::AlterSchema(_)
        | Sql::Drop { .. }
        | Sql::DropFunction(_) => StatementKind::Definition,
        Sql::StartTransaction { .. } | Sql::Commit { .. } | Sql::Rollback { .. } | Sql::Savepoint { .. } => {
            StatementKind::Transaction
        }
        Sql::Set(_) | Sql::Use(_) | Sql::Reset(_) => StatementKind::Setting,
        _ => StatementKind::Other,
    }
}

/// Whether a statement answers with a number of changed rows, or nothing, rather than with rows of its own.
pub(super) fn is_update(parsed: &Parsed) -> bool {
    match kind(parsed) {
        StatementKind::Read => false,
        StatementKind::Write | StatementKind::Definition | StatementKind::Transaction | StatementKind::Setting => true,
        StatementKind::Other => {
            matches!(parsed, Parsed::Statement(sql) if matches!(**sql, Sql::Prepare { .. } | Sql::Deallocate { .. }))
        }
    }
}

/// Refuses statements that reach beyond the session. Files are refused where they are opened, settings where they are set.
pub(super) fn check_allowed(parsed: &Parsed) -> Result<()> {
    let Parsed::Statement(sql) = parsed else { return Ok(()) };
    let refused = match &**sql {
        Sql::AttachDatabase { .. } | Sql::AttachDuckDBDatabase { .. } => "ATTACH",
        Sql::DetachDuckDBDatabase { .. } => "DETACH",
        Sql::Install { .. } | Sql::Load { .. } => "INSTALL and LOAD",
        Sql::CreateSecret { .. } => "CREATE SECRET",
        Sql::DropSecret { .. } => "DROP SECRET",
        Sql::Pragma { .. } => "this PRAGMA",
        _ => return Ok(()),
    };
    Err(Error::new(
        ErrorCode::StatementForbidden,
        format!("{refused} is not allowed here: it would reach beyond this session. The operator configures it"),
    ))
}
