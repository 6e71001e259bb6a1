//! Functions of lists: lengths are BIGINT, places INTEGER.

use std::sync::Arc;

use arrow::datatypes::DataType;
use datafusion::common::Result;
use datafusion::functions_nested::{array_has, length, make_array};
use datafusion::logical_expr::{Expr, ScalarUDF};

use super::super::kind::Kind;
use super::super::typed::{Typed, cast};
use super::super::{columns, hugeint};
use super::{called, exprs};

/// The call as DuckDB means it; none if it is no such function or DataFusion means the same.
pub(super) fn bind(func: &Arc<ScalarUDF>, args: &[Typed]) -> Result<Option<Expr>> {
    let is_list = args.first().is_some_and(|arg| matches!(arg.kind, Kind::Other(_)));
    Ok(match func.name() {
        "len" | "array_length" if is_list => {
            Some(cast(called(length::array_length_udf(), exprs(args)), DataType::Int64))
        }
        "array_position" if is_list => Some(cast(called(Arc::clone(func), exprs(args)), DataType::Int32)),
        "list_contains" => Some(called(array_has::array_has_udf(), exprs(args))),
        "list_value" | "make_array" => {
            let all: Vec<_> = args.iter().collect();
            // A list of HUGEINT would lose what its items are.
            let items = match columns::of_all(&all) {
                Some(Kind::HugeInt) | None => exprs(args),
                Some(common) => args.iter().map(|arg| arg.clone().cast(&common)).collect(),
            };
            let items = items.into_iter().zip(args).map(|(item, arg)| match arg.kind {
                Kind::HugeInt => hugeint::plain(item),
                _ => item,
            });
            Some(called(make_array::make_array_udf(), items.collect()))
        }
        _ => None,
    })
}
