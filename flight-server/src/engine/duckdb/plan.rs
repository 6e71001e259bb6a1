//! What is known of a statement before it runs.

use std::path::PathBuf;

use arrow::datatypes::{DataType, Field, Schema};
use typemap::wire::{WireOptions, wire_field};

use super::convert::ResultShape;
use super::ffi::{Extracted, Prepared};
use super::interrupt::Run;
use super::lane::several_with_parameters;
use super::own_catalogs;
use super::statement;
use crate::engine::{Plan, StatementKind};
use crate::error::Result;

/// The plan of several statements, whose last one answers. It is told before the others run as far as they leave the columns
/// alone: they may make the table that the last one reads.
pub(super) fn plan_of_several(
    extracted: &mut Extracted,
    sql: &str,
    options: &WireOptions,
    writable: &[PathBuf],
    run: &Run,
) -> Result<Plan> {
    let last = extracted.count() - 1;
    let mut leave_columns = true;
    for index in 0..last {
        let kind = statement::kind(extracted.reach(index)?.ty);
        leave_columns &= matches!(kind, StatementKind::Read | StatementKind::Write);
    }
    let reach = extracted.reach(last)?;
    statement::check_allowed(&reach, sql, writable)?;
    let unknown = Plan {
        kind: StatementKind::Other,
        schema: None,
        is_update: statement::is_update(reach.ty, None, sql) && !reach.is_wrapped,
        parameters: Schema::empty(),
    };
    let Some(prepared) = leave_columns.then(|| run.interruptible(|| extracted.prepare(last)).ok()).flatten() else {
        return Ok(unknown);
    };
    let plan = plan_of(&prepared, sql, options)?;
    if !plan.parameters.fields().is_empty() {
        return Err(several_with_parameters());
    }
    Ok(Plan { kind: StatementKind::Other, ..plan })
}

/// The plan of one statement.
pub(super) fn plan_of(prepared: &Prepared, sql: &str, options: &WireOptions) -> Result<Plan> {
    own_catalogs::check_untouched(prepared)?;
    let columns = prepared.columns();
    // One untyped parameter makes the whole result a single column of no known type.
    let known = columns.iter().all(|(_, ty)| ty.sql_type().is_some());
    let schema = if known { Some(ResultShape::of(&columns, options)?.schema) } else { None };
    let parameters =
        (1..=prepared.parameter_count()).map(|index| parameter(prepared, index, options)).collect::<Vec<_>>();
    Ok(Plan {
        kind: statement::kind(prepared.statement_type()),
        schema,
        is_update: statement::is_update(prepared.statement_type(), Some(&columns), sql),
        parameters: Schema::new(parameters),
    })
}

fn parameter(prepared: &Prepared, index: usize, options: &WireOptions) -> Field {
    let name = prepared.parameter_name(index).unwrap_or_else(|| index.to_string());
    prepared
        .parameter_type(index)
        .and_then(|ty| ty.sql_type())
        .and_then(|ty| wire_field(&name, &ty, true, options).ok())
        .unwrap_or_else(|| Field::new(&name, DataType::Utf8, true))
}
