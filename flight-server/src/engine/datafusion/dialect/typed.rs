//! An expression with its type, and casts that leave no cast behind where the expression is a literal.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, ExprSchema, Result, ScalarValue};
use datafusion::logical_expr::expr::FieldMetadata;
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, Operator, TryCast};

use super::function::known_kind;
use super::hugeint;
use super::kind::{HUGEINT, Kind};

/// An expression and its type.
#[derive(Debug, Clone)]
pub(super) struct Typed {
    pub(super) expr: Expr,
    pub(super) kind: Kind,
}

impl Typed {
    /// Finds the type of `expr` over the columns of `schema`.
    pub(super) fn new(expr: Expr, schema: &DFSchema) -> Result<Self> {
        let kind = match known(&expr, schema) {
            Some(kind) => kind,
            None => Kind::of(expr.to_field(schema)?.1.as_ref()),
        };
        Ok(Self { expr, kind })
    }

    /// The whole number that it is a literal of, if it is one.
    pub(super) fn integer_literal(&self) -> Option<i128> {
        match &self.expr {
            Expr::Literal(value, _) => integer(value),
            _ => None,
        }
    }

    /// Whether it is a text in quotes, which takes the type that is asked of it.
    pub(super) fn is_text_literal(&self) -> bool {
        matches!(&self.expr, Expr::Literal(_, metadata) if !has_own_type(metadata.as_ref())) && self.kind == Kind::Text
    }

    /// Whether it is a parameter whose type is not known yet.
    pub(super) fn is_untyped_parameter(&self) -> bool {
        matches!(&self.expr, Expr::Placeholder(placeholder) if placeholder.field.is_none())
    }

    /// The expression, cast to `to` where it is of another type.
    pub(super) fn cast(self, to: &Kind) -> Expr {
        if self.kind == *to {
            return self.expr;
        }
        if let Some(literal) = self.integer_literal().and_then(|value| literal(value, to)) {
            return literal;
        }
        match (&self.kind, to) {
            (_, Kind::HugeInt) => hugeint::mark(cast(self.expr, HUGEINT)),
            (Kind::HugeInt, _) => cast(hugeint::plain(self.expr), to.data_type()),
            _ => cast(self.expr, to.data_type()),
        }
    }
}

/// The type of an expression that has DuckDB's meaning already, as far as it is told without a walk through all of it:
/// each operation of a long chain asks for the type of all before it.
fn known(expr: &Expr, schema: &DFSchema) -> Option<Kind> {
    let mut expr = expr;
    let mut through_operator = false;
    let kind = loop {
        expr = match expr {
            Expr::Column(column) => break Kind::of(schema.field_from_column(column).ok()?),
            Expr::Cast(Cast { field, .. }) | Expr::TryCast(TryCast { field, .. }) => {
                break Kind::of_type(field.data_type());
            }
            Expr::ScalarFunction(call) => break known_kind(&call.func)?.clone(),
            Expr::Negative(operand) => operand,
            Expr::BinaryExpr(binary) if is_condition(binary.op) => break Kind::Boolean,
            // What is left of these has the type of its left side, where that is one of those below.
            Expr::BinaryExpr(binary) => {
                through_operator = true;
                &binary.left
            }
            _ => return None,
        };
    };
    let is_kept = matches!(
        kind,
        Kind::Float | Kind::Double | Kind::Text | Kind::Timestamp(_) | Kind::TimestampTz(..) | Kind::Interval
    );
    (is_kept || !through_operator).then_some(kind)
}

fn is_condition(op: Operator) -> bool {
    use Operator::{And, Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq, Or};
    matches!(op, And | Or | Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

/// A cast as DataFusion does it.
pub(super) fn cast(expr: Expr, to: DataType) -> Expr {
    Expr::Cast(Cast::new(Box::new(expr), to))
}

/// The literal of type `to` with the value of a whole number; none where it does not fit or is written otherwise.
pub(super) fn literal(value: i128, to: &Kind) -> Option<Expr> {
    let scalar = match to {
        Kind::HugeInt => return Some(hugeint::literal(value)),
        Kind::Integer { bits, signed } if to.holds(value) => match (bits, signed) {
            (8, true) => ScalarValue::Int8(i8::try_from(value).ok()),
            (16, true) => ScalarValue::Int16(i16::try_from(value).ok()),
            (32, true) => ScalarValue::Int32(i32::try_from(value).ok()),
            (_, true) => ScalarValue::Int64(i64::try_from(value).ok()),
            (8, false) => ScalarValue::UInt8(u8::try_from(value).ok()),
            (16, false) => ScalarValue::UInt16(u16::try_from(value).ok()),
            (32, false) => ScalarValue::UInt32(u32::try_from(value).ok()),
            (_, false) => ScalarValue::UInt64(u64::try_from(value).ok()),
        },
        _ => return None,
    };
    Some(Expr::Literal(scalar, None))
}

/// The whole number that a literal is.
pub(super) fn integer(value: &ScalarValue) -> Option<i128> {
    Some(match value {
        ScalarValue::Int8(Some(value)) => i128::from(*value),
        ScalarValue::Int16(Some(value)) => i128::from(*value),
        ScalarValue::Int32(Some(value)) => i128::from(*value),
        ScalarValue::Int64(Some(value)) => i128::from(*value),
        ScalarValue::UInt8(Some(value)) => i128::from(*value),
        ScalarValue::UInt16(Some(value)) => i128::from(*value),
        ScalarValue::UInt32(Some(value)) => i128::from(*value),
        ScalarValue::UInt64(Some(value)) => i128::from(*value),
        _ => return None,
    })
}

/// Whether a literal came with a type of its own, as a bound parameter does.
pub(super) fn has_own_type(metadata: Option<&FieldMetadata>) -> bool {
    metadata.is_some_and(|metadata| !metadata.is_empty())
}
