//! Statements and what DuckDB 1.5.5 answers to them, each through a session that speaks its dialect.

mod aggregates;
mod columns;
mod functions;
mod queries;
mod scalars;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::error::{DataFusionError, Result};
use datafusion::execution::SessionStateBuilder;
use datafusion::physical_plan::collect;
use datafusion::prelude::SessionContext;
use datafusion::sql::parser::DFParserBuilder;
use typemap::arrow_to_sql::sql_type_of;

use super::kind::is_hugeint;
use super::{DuckDbSyntax, install, write_as_meant};

/// The types of a statement's columns and the text of its rows: `INTEGER, VARCHAR: 1|a; 2|b`.
async fn answer(sql: &str) -> Result<String> {
    let builder = SessionStateBuilder::new_with_default_features();
    let context = SessionContext::new_with_state(install(builder).build());
    let statements = DFParserBuilder::new(sql).with_dialect(&DuckDbSyntax).build()?.parse_statements()?;
    let mut answer = String::new();
    for mut statement in statements {
        write_as_meant(&mut statement).map_err(|error| DataFusionError::External(Box::new(error)))?;
        let plan = context.state().statement_to_plan(statement).await?;
        let frame = context.execute_logical_plan(plan).await?;
        let task = Arc::new(frame.task_ctx());
        let plan = frame.create_physical_plan().await?;
        let schema = plan.schema();
        let mut rows = Vec::new();
        for batch in collect(plan, task).await? {
            let options = FormatOptions::default().with_null("NULL");
            let columns: Vec<_> =
                batch.columns().iter().map(|column| ArrayFormatter::try_new(column, &options).unwrap()).collect();
            for row in 0..batch.num_rows() {
                let values: Vec<_> = columns.iter().map(|column| column.value(row).to_string()).collect();
                rows.push(values.join("|"));
            }
        }
        answer = format!("{}: {}", types(&schema), rows.join("; "));
    }
    Ok(answer)
}

fn types(schema: &SchemaRef) -> String {
    let name = |field: &arrow::datatypes::FieldRef| {
        if is_hugeint(field) { "HUGEINT".to_owned() } else { sql_type_of(field).unwrap().to_string() }
    };
    schema.fields().iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Compares the answers to statements with the expected ones.
async fn expect(cases: &[(&str, &str)]) {
    for (sql, expected) in cases {
        match answer(sql).await {
            Ok(answer) => assert_eq!(answer, *expected, "{sql}"),
            Err(error) => panic!("{sql}: {error}"),
        }
    }
}

/// The error of a statement.
async fn error(sql: &str) -> String {
    match answer(sql).await {
        Ok(answer) => panic!("{sql} answered {answer}"),
        Err(error) => error.strip_backtrace(),
    }
}
