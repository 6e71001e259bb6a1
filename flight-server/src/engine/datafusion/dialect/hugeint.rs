//! `HUGEINT` in DataFusion: a decimal of 38 digits whose field says what it is.
//!
//! DataFusion carries a field's metadata through columns, aliases, subqueries and unions, but drops it at a CASE and
//! keeps it, wrongly, through a cast to another type. Two functions that hand their argument on put that right: they
//! cost nothing at run time.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::expr::FieldMetadata;
use datafusion::logical_expr::{ColumnarValue, Expr, ScalarFunctionArgs};

use super::function::{Function, call_as, same};
use super::kind::{HUGEINT, HUGEINT_DIGITS, Kind, hugeint_field, named};

/// Says that `expr`, a `DECIMAL(38,0)`, is a `HUGEINT`.
pub(super) fn mark(expr: Expr) -> Expr {
    call_as(&HUGE, vec![expr], Kind::HugeInt)
}

/// Says that `expr` is no more than what its Arrow type says.
pub(super) fn plain(expr: Expr) -> Expr {
    call_as(&PLAIN, vec![expr], Kind::of_type(&HUGEINT))
}

/// A `HUGEINT` literal.
pub(super) fn literal(value: i128) -> Expr {
    let metadata = FieldMetadata::from(named("HUGEINT"));
    Expr::Literal(ScalarValue::Decimal128(Some(value), HUGEINT_DIGITS, 0), Some(metadata))
}

static HUGE: Function = Function {
    name: "hugeint",
    coerce: |types| Ok(vec![HUGEINT; types.len().min(1)]),
    returns: |fields| Ok(hugeint_field("hugeint", fields.first().is_none_or(|field| field.is_nullable()))),
    run: first,
};

static PLAIN: Function = Function { name: "plain", coerce: same, returns: stripped, run: first };

fn stripped(fields: &[FieldRef]) -> Result<FieldRef> {
    let field = super::function::argument(fields, 0)?;
    Ok(Arc::new(Field::new(field.name(), field.data_type().clone(), field.is_nullable())))
}

fn first(args: &ScalarFunctionArgs) -> Result<ColumnarValue> {
    super::function::argument(&args.args, 0).cloned()
}
