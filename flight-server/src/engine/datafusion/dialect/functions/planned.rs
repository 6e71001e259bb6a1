//! Names that DataFusion does not have. Each stands for another expression, put in its place before anything runs.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{Result, exec_err};
use datafusion::logical_expr::ScalarUDF;

use super::super::function::{Function, returning, same};
use super::super::kind::{HUGEINT, Kind};

type Returns = fn(&[FieldRef]) -> Result<FieldRef>;

const fn planned(name: &'static str, returns: Returns) -> Function {
    Function {
        name,
        coerce: same,
        returns,
        run: |_| exec_err!("The function was not planned for the types of its arguments"),
    }
}

fn bigint(fields: &[FieldRef]) -> Result<FieldRef> {
    Ok(returning(DataType::Int64, fields))
}

fn double(fields: &[FieldRef]) -> Result<FieldRef> {
    Ok(returning(DataType::Float64, fields))
}

fn text(fields: &[FieldRef]) -> Result<FieldRef> {
    Ok(returning(DataType::Utf8, fields))
}

fn boolean(fields: &[FieldRef]) -> Result<FieldRef> {
    Ok(returning(DataType::Boolean, fields))
}

fn date(fields: &[FieldRef]) -> Result<FieldRef> {
    Ok(returning(DataType::Date32, fields))
}

/// Of the type of its first argument that has one.
fn any(fields: &[FieldRef]) -> Result<FieldRef> {
    let typed = fields.iter().map(|field| field.data_type()).find(|ty| Kind::of_type(ty) != Kind::Null);
    Ok(returning(typed.cloned().unwrap_or(DataType::Null), fields))
}

/// Of the type of its last argument: a choice after a condition.
fn last(fields: &[FieldRef]) -> Result<FieldRef> {
    let rest = fields.get(1..).unwrap_or_default();
    any(rest)
}

fn list(fields: &[FieldRef]) -> Result<FieldRef> {
    let item = any(fields)?.data_type().clone();
    Ok(returning(DataType::new_list(item, true), fields))
}

fn tinyint(fields: &[FieldRef]) -> Result<FieldRef> {
    Ok(returning(DataType::Int8, fields))
}

fn huge(fields: &[FieldRef]) -> Result<FieldRef> {
    Ok(returning(HUGEINT, fields))
}

static PLANNED: [Function; 43] = [
    planned("coalesce", any),
    planned("ifnull", any),
    planned("greatest", any),
    planned("least", any),
    planned("if", last),
    planned("typeof", text),
    planned("sign", tinyint),
    planned("ceiling", double),
    planned("mod", any),
    planned("xor", any),
    planned("factorial", huge),
    planned("strlen", bigint),
    planned("len", bigint),
    planned("prefix", boolean),
    planned("suffix", boolean),
    planned("regexp_matches", boolean),
    planned("regexp_full_match", boolean),
    planned("hex", text),
    planned("list_value", list),
    planned("list_contains", boolean),
    planned("array_length", bigint),
    planned("year", bigint),
    planned("month", bigint),
    planned("day", bigint),
    planned("quarter", bigint),
    planned("week", bigint),
    planned("weekofyear", bigint),
    planned("dayofweek", bigint),
    planned("weekday", bigint),
    planned("isodow", bigint),
    planned("dayofmonth", bigint),
    planned("dayofyear", bigint),
    planned("hour", bigint),
    planned("minute", bigint),
    planned("second", bigint),
    planned("epoch", double),
    planned("date_diff", bigint),
    planned("datediff", bigint),
    planned("strftime", text),
    planned("dayname", text),
    planned("monthname", text),
    planned("last_day", date),
    planned("today", date),
];

/// The functions that are called by a name of their own.
pub(in super::super) fn registered() -> Vec<Arc<ScalarUDF>> {
    PLANNED.iter().map(Function::udf).collect()
}
