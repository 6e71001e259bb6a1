//! Which settings a session may change, and where it is. All other settings are the operator's: they reach beyond the
//! session, or change how the server itself reads results.

use std::ops::RangeInclusive;

use datafusion::common::config::ConfigField;
use datafusion::execution::SessionState;
use datafusion::prelude::SessionContext;

use super::errors::failed;
use super::query;
use crate::engine::{Location, StateEntry, quoted_identifier};
use crate::error::{Error, ErrorCode, Result};

/// What values a setting takes, beyond what DataFusion itself checks.
#[derive(Debug, Clone, Copy)]
enum Values {
    /// What DataFusion takes.
    Any,
    /// Numbers of this range: more would take memory and threads from all sessions.
    Numbers(&'static RangeInclusive<u64>),
    /// The name or the offset of a time zone.
    TimeZone,
}

/// The settings that clients may change, sorted.
const SESSION_SETTINGS: [(&str, Values); 32] = [
    ("datafusion.execution.batch_size", Values::Numbers(&(1..=65_536))),
    ("datafusion.execution.coalesce_batches", Values::Any),
    ("datafusion.execution.collect_statistics", Values::Any),
    ("datafusion.execution.enable_recursive_ctes", Values::Any),
    ("datafusion.execution.keep_partition_by_columns", Values::Any),
    ("datafusion.execution.parquet.bloom_filter_on_read", Values::Any),
    ("datafusion.execution.parquet.compression", Values::Any),
    ("datafusion.execution.parquet.enable_page_index", Values::Any),
    ("datafusion.execution.parquet.pruning", Values::Any),
    ("datafusion.execution.parquet.pushdown_filters", Values::Any),
    ("datafusion.execution.parquet.reorder_filters", Values::Any),
    ("datafusion.execution.split_file_groups_by_statistics", Values::Any),
    ("datafusion.execution.target_partitions", Values::Numbers(&(1..=256))),
    ("datafusion.execution.time_zone", Values::TimeZone),
    ("datafusion.explain.format", Values::Any),
    ("datafusion.explain.logical_plan_only", Values::Any),
    ("datafusion.explain.physical_plan_only", Values::Any),
    ("datafusion.explain.show_schema", Values::Any),
    ("datafusion.explain.show_sizes", Values::Any),
    ("datafusion.explain.show_statistics", Values::Any),
    ("datafusion.optimizer.enable_dynamic_filter_pushdown", Values::Any),
    ("datafusion.optimizer.enable_round_robin_repartition", Values::Any),
    ("datafusion.optimizer.enable_topk_aggregation", Values::Any),
    ("datafusion.optimizer.filter_null_join_keys", Values::Any),
    ("datafusion.optimizer.max_passes", Values::Numbers(&(0..=10))),
    ("datafusion.optimizer.prefer_existing_sort", Values::Any),
    ("datafusion.optimizer.prefer_hash_join", Values::Any),
    ("datafusion.optimizer.repartition_aggregations", Values::Any),
    ("datafusion.optimizer.repartition_joins", Values::Any),
    ("datafusion.optimizer.repartition_sorts", Values::Any),
    ("datafusion.optimizer.repartition_windows", Values::Any),
    ("datafusion.sql_parser.default_null_ordering", Values::Any),
];

/// The name by which a time zone is set as SQL has it, and as DuckDB does.
const TIME_ZONE: &str = "datafusion.execution.time_zone";

/// A setting's own name, for one that clients may change.
fn allowed(name: &str) -> Option<(&'static str, Values)> {
    let name = name.to_ascii_lowercase();
    let name = if ["timezone", "time.zone", "time_zone"].contains(&name.as_str()) { TIME_ZONE } else { &name };
    SESSION_SETTINGS.into_iter().find(|(known, _)| *known == name)
}

/// The values of the settings that clients may change; empty text for one that has none.
pub(super) fn settings(state: &SessionState) -> Vec<(String, String)> {
    let entries = state.config_options().entries();
    let value = |name: &str| {
        entries.iter().find(|entry| entry.key == name).map(|entry| entry.value.clone().unwrap_or_default())
    };
    SESSION_SETTINGS.iter().filter_map(|(name, _)| Some(((*name).to_owned(), value(name)?))).collect()
}

/// Changes a setting (`None`: back to what it is in a new session), and tells what is to be journaled.
///
/// # Errors
/// `STATEMENT_FORBIDDEN` for a setting that is not the client's to change, `OPTION_INVALID` for a value it does not take.
pub(super) fn set(
    context: &SessionContext,
    fresh: &[(String, String)],
    name: &str,
    value: Option<&str>,
) -> Result<Vec<StateEntry>> {
    let Some((name, values)) = allowed(name) else {
        return Err(Error::new(
            ErrorCode::StatementForbidden,
            format!("\"{name}\" is no setting that a session may change; those it may are listed by GetSessionOptions"),
        ));
    };
    let default = fresh.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str());
    let value = value.unwrap_or(default);
    check(name, values, value)?;
    let state = context.state_ref();
    let mut state = state.write();
    let options = state.config_mut().options_mut();
    let changed = match value {
        // There is no text for a value that is not there.
        "" => options.reset(name),
        value => options.set(name, value),
    };
    changed.map_err(|error| invalid(name, value, &Error::from(error).message))?;
    // Functions that depend on a setting hold the value they were made with.
    let config = state.config_options();
    let functions = state.scalar_functions().values();
    let renewed: Vec<_> = functions.filter_map(|function| function.inner().with_updated_config(config)).collect();
    for function in renewed {
        datafusion::execution::FunctionRegistry::register_udf(&mut *state, function.into())?;
    }
    let sql = (value != default).then(|| format!("SET {name} = '{}'", value.replace('\'', "''")));
    Ok(vec![StateEntry { key: format!("setting:{name}"), sql }])
}

fn invalid(name: &str, value: &str, why: &str) -> Error {
    Error::new(ErrorCode::OptionInvalid, format!("{name} can't be \"{value}\": {why}"))
}

fn check(name: &str, values: Values, value: &str) -> Result<()> {
    match values {
        Values::Any => Ok(()),
        Values::Numbers(range) => match value.parse::<u64>() {
            Ok(number) if range.contains(&number) => Ok(()),
            _ => Err(invalid(name, value, &format!("it is a number from {} to {}", range.start(), range.end()))),
        },
        Values::TimeZone if value.is_empty() => Ok(()),
        Values::TimeZone => match value.parse::<arrow::array::timezone::Tz>() {
            Ok(_) => Ok(()),
            Err(_) => Err(invalid(name, value, "it is a name such as Europe/Berlin, or an offset such as +01:00")),
        },
    }
}

/// Moves to another place, and tells what is to be journaled.
///
/// # Errors
/// 3D000 or 3F000 when there is no such catalog or schema.
pub(super) fn move_to(
    context: &SessionContext,
    catalog: Option<&str>,
    schema: Option<&str>,
) -> Result<Vec<StateEntry>> {
    let state = context.state_ref();
    let mut state = state.write();
    let here = query::location(&state);
    let catalog = catalog.unwrap_or(&here.catalog);
    let known = state.catalog_list().catalog(catalog).ok_or_else(|| missing("catalog", catalog, "3D000"))?;
    let schema = schema.unwrap_or(super::SCHEMA);
    known.schema(schema).ok_or_else(|| missing("schema", schema, "3F000"))?;
    let there = Location { catalog: catalog.to_owned(), schema: schema.to_owned() };
    query::move_to(&mut state, &there);
    let is_home = there.catalog == super::CATALOG && there.schema == super::SCHEMA;
    Ok(vec![StateEntry { key: "location".to_owned(), sql: (!is_home).then(|| use_statement(&there)) }])
}

/// Moves to the place that the parts of a name in a USE statement mean: a catalog and a schema, or one of both.
///
/// # Errors
/// As [`move_to`].
pub(super) fn move_to_name(context: &SessionContext, parts: &[String]) -> Result<Vec<StateEntry>> {
    match parts {
        [one] => {
            let state = context.state_ref();
            let is_schema = {
                let state = state.read();
                let here = state.catalog_list().catalog(&query::location(&state).catalog);
                here.is_some_and(|catalog| catalog.schema(one).is_some())
            };
            let is_catalog = state.read().catalog_list().catalog(one).is_some();
            match is_catalog && !is_schema {
                true => move_to(context, Some(one), None),
                false => move_to(context, None, Some(one)),
            }
        }
        [catalog, schema] => move_to(context, Some(catalog), Some(schema)),
        _ => Err(failed("42601", "USE takes a schema, or a catalog and a schema")),
    }
}

fn missing(what: &str, name: &str, state: &'static str) -> Error {
    Error::new(
        ErrorCode::OptionInvalid,
        format!("there is no {what} \"{name}\"; GetCatalogs and GetDbSchemas list those there are"),
    )
    .with_sqlstate(crate::error::SqlState(state))
}

/// The statement that moves there.
pub(super) fn use_statement(location: &Location) -> String {
    format!("USE {}.{}", quoted_identifier(&location.catalog), quoted_identifier(&location.schema))
}
