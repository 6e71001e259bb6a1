//! Functions of texts: lengths and places are BIGINT, and what is no text is written as DuckDB writes it.

use std::sync::Arc;

use arrow::array::{Array, AsArray, StringArray};
use arrow::datatypes::{DataType, Int64Type};
use datafusion::common::{Result, ScalarValue};
use datafusion::functions::{regex, string, unicode};
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, lit};

use super::super::casts;
use super::super::function::{Function, argument, call, returning};
use super::super::kind::Kind;
use super::super::typed::{Typed, cast};
use super::{called, exprs};

/// The call as DuckDB means it; none if it is no such function or DataFusion means the same.
pub(super) fn bind(func: &Arc<ScalarUDF>, args: &[Typed]) -> Result<Option<Expr>> {
    let same = || called(Arc::clone(func), exprs(args));
    let bigint = |expr: Expr| Some(cast(expr, DataType::Int64));
    let is_text = args.first().is_some_and(|arg| matches!(arg.kind, Kind::Text | Kind::Null));
    Ok(match func.name() {
        "character_length" | "strpos" | "bit_length" | "octet_length" | "levenshtein" if is_text => bigint(same()),
        "strlen" if is_text => bigint(called(string::octet_length(), exprs(args))),
        "len" if is_text => bigint(called(unicode::character_length(), exprs(args))),
        "concat" | "concat_ws" => {
            Some(called(Arc::clone(func), args.iter().map(|arg| casts::to_text(arg.clone())).collect()))
        }
        "substr" if is_text && !counts_from_start(args) => Some(call(&SUBSTRING, exprs(args))),
        "prefix" => Some(called(string::starts_with(), exprs(args))),
        "suffix" => Some(called(string::ends_with(), exprs(args))),
        "regexp_matches" => Some(called(regex::regexp_like(), exprs(args))),
        "regexp_full_match" => match args {
            [text, pattern] => {
                let whole = [lit("^(?:"), pattern.expr.clone(), lit(")$")];
                let pattern = called(string::concat(), whole.into());
                Some(called(regex::regexp_like(), vec![text.expr.clone(), pattern]))
            }
            _ => None,
        },
        "to_hex" | "hex" if args.iter().all(|arg| arg.kind.is_integer()) => {
            let digits = called(string::to_hex(), args.iter().map(|arg| arg.clone().cast(&Kind::BIGINT)).collect());
            Some(called(string::upper(), vec![digits]))
        }
        _ => None,
    })
}

/// Whether `substr` is called with a place from 1 on and a length from 0 on, where all SQL agrees.
fn counts_from_start(args: &[Typed]) -> bool {
    let at_least = |index: usize, least: i128| {
        args.get(index).is_none_or(|arg| arg.integer_literal().is_some_and(|number| number >= least))
    };
    at_least(1, 1) && at_least(2, 0)
}

/// A part of a text. A place below zero counts from the end, a length below zero goes to the left.
static SUBSTRING: Function = Function {
    name: "substring",
    coerce: |types| Ok(std::iter::once(DataType::Utf8).chain(types.iter().skip(1).map(|_| DataType::Int64)).collect()),
    returns: |fields| Ok(returning(DataType::Utf8, fields)),
    run: substring,
};

fn substring(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    let is_scalar = args.args.iter().all(|arg| matches!(arg, ColumnarValue::Scalar(_)));
    let rows = if is_scalar { 1 } else { args.number_rows };
    let texts = argument(&args.args, 0)?.to_array(rows)?;
    let places = argument(&args.args, 1)?.to_array(rows)?;
    let lengths = args.args.get(2).map(|lengths| lengths.to_array(rows)).transpose()?;
    let places = places.as_primitive::<Int64Type>();
    let lengths = lengths.as_ref().map(|lengths| lengths.as_primitive::<Int64Type>());
    let parts: StringArray = texts
        .as_string::<i32>()
        .iter()
        .enumerate()
        .map(|(row, text)| {
            let text = text?;
            let place = places.is_valid(row).then(|| places.value(row))?;
            let length = match lengths {
                Some(lengths) if lengths.is_null(row) => return None,
                Some(lengths) => Some(lengths.value(row)),
                None => None,
            };
            Some(part_of(text, place, length))
        })
        .collect();
    Ok(if is_scalar {
        ColumnarValue::Scalar(ScalarValue::try_from_array(&parts, 0)?)
    } else {
        ColumnarValue::Array(Arc::new(parts))
    })
}

fn part_of(text: &str, place: i64, length: Option<i64>) -> &str {
    let all = i64::try_from(text.chars().count()).unwrap_or(i64::MAX);
    let start = if place < 0 { all.saturating_add(place) } else { place - 1 };
    let end = length.map_or(all, |length| start.saturating_add(length));
    let (start, end) = if end < start { (end, start) } else { (start, end) };
    let byte_at = |place: i64| match usize::try_from(place) {
        Ok(place) => text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte),
        Err(_) => 0,
    };
    &text[byte_at(start)..byte_at(end)]
}
