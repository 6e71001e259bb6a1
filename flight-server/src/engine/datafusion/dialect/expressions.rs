//! One expression, whose operands have DuckDB's meaning already, given it too.

use datafusion::common::{DFSchema, DFSchemaRef, Result, ScalarValue};
use datafusion::logical_expr::expr::{InList, ScalarFunction};
use datafusion::logical_expr::simplify::SimplifyContext;
use datafusion::logical_expr::{Between, BinaryExpr, Case, Cast, Expr, Operator, TryCast};
use datafusion::optimizer::simplify_expressions::ExprSimplifier;

use super::kind::{Kind, TIMESTAMP};
use super::operators::{SUBTRACT, apply_to};
use super::typed::{Typed, cast};
use super::{aggregates, arithmetic, casts, columns, functions, hugeint, literals};

/// The expression with DuckDB's meaning.
pub(super) fn rewrite(expr: Expr, schema: &DFSchemaRef) -> Result<Expr> {
    match expr {
        Expr::Literal(..) => Ok(literals::retype(expr)),
        Expr::BinaryExpr(binary) => operator(binary, schema),
        Expr::Negative(operand) => negative(Typed::new(*operand, schema)?),
        Expr::Cast(Cast { expr, field }) => casts::bind(Typed::new(*expr, schema)?, &field, casts::Failure::Error),
        Expr::TryCast(TryCast { expr, field }) => casts::bind(Typed::new(*expr, schema)?, &field, casts::Failure::Null),
        Expr::Case(case) => self::case(case, schema),
        Expr::Between(between) => self::between(between, schema),
        Expr::InList(list) => in_list(list, schema),
        Expr::ScalarFunction(ScalarFunction { func, args }) => functions::bind(func, args, schema),
        Expr::AggregateFunction(aggregate) => aggregates::bind(aggregate, schema).map(Expr::AggregateFunction),
        Expr::WindowFunction(window) => aggregates::bind_window(*window, schema).map(Expr::from),
        expr => Ok(expr),
    }
}

fn is_comparison(op: Operator) -> bool {
    use Operator::{Eq, Gt, GtEq, IsDistinctFrom, IsNotDistinctFrom, Lt, LtEq, NotEq};
    matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | IsDistinctFrom | IsNotDistinctFrom)
}

fn operator(BinaryExpr { left, op, right }: BinaryExpr, schema: &DFSchemaRef) -> Result<Expr> {
    if !(op.is_numerical_operators()
        || is_comparison(op)
        || op == Operator::IntegerDivide
        || op == Operator::StringConcat)
    {
        return Ok(Expr::BinaryExpr(BinaryExpr { left, op, right }));
    }
    let (left, right) = (Typed::new(*left, schema)?, Typed::new(*right, schema)?);
    if let Some(expr) = arithmetic::bind(&left, op, &right)? {
        return Ok(expr);
    }
    if op == Operator::StringConcat {
        return Ok(concat(left, right));
    }
    let (left, right) = if is_comparison(op) { sides(left, right, schema)? } else { (left.expr, right.expr) };
    Ok(Expr::BinaryExpr(BinaryExpr::new(Box::new(left), op, Box::new(right))))
}

/// Both sides of a comparison. A constant moment is compared with a DATE as a DATE when it is one, so that the column is
/// not cast.
fn sides(left: Typed, right: Typed, schema: &DFSchemaRef) -> Result<(Expr, Expr)> {
    if let Some(sides) = arithmetic::compare(&left, &right) {
        return Ok(sides);
    }
    Ok(match (&left.kind, &right.kind) {
        (Kind::Date, Kind::Timestamp(_)) => match constant_date(&right.expr, schema) {
            Some(date) => (left.expr, date),
            None => (left.expr, right.expr),
        },
        (Kind::Timestamp(_), Kind::Date) => match constant_date(&left.expr, schema) {
            Some(date) => (date, right.expr),
            None => (left.expr, right.expr),
        },
        _ => (left.expr, right.expr),
    })
}

/// The DATE that a constant timestamp is; none if it depends on a row or has a time of day.
fn constant_date(expr: &Expr, schema: &DFSchemaRef) -> Option<Expr> {
    if expr.any_column_refs() || expr.is_volatile() {
        return None;
    }
    let context = SimplifyContext::builder().with_schema(schema.clone()).build();
    let constant = ExprSimplifier::new(context).simplify(cast(expr.clone(), TIMESTAMP)).ok()?;
    let Expr::Literal(ScalarValue::TimestampMicrosecond(Some(micros), None), _) = constant else { return None };
    const DAY: i64 = 86_400_000_000;
    let days = i32::try_from(micros.div_euclid(DAY)).ok()?;
    (micros.rem_euclid(DAY) == 0).then(|| Expr::Literal(ScalarValue::Date32(Some(days)), None))
}

fn between(between: Between, schema: &DFSchemaRef) -> Result<Expr> {
    let Between { expr, negated, low, high } = between;
    let typed = Typed::new(*expr, schema)?;
    let low = Typed::new(*low, schema)?;
    let high = Typed::new(*high, schema)?;
    if typed.kind == Kind::Date {
        let date = |bound: &Typed| match bound.kind {
            Kind::Timestamp(_) => constant_date(&bound.expr, schema),
            _ => Some(bound.expr.clone()),
        };
        if let (Some(low), Some(high)) = (date(&low), date(&high)) {
            return Ok(Expr::Between(Between::new(Box::new(typed.expr), negated, Box::new(low), Box::new(high))));
        }
    }
    let common = columns::of_all(&[&typed, &low, &high]);
    let any_float = [&typed, &low, &high].iter().any(|side| matches!(side.kind, Kind::Float | Kind::Double));
    let (expr, low, high) = match common {
        Some(common) if any_float => (typed.cast(&common), low.cast(&common), high.cast(&common)),
        _ => (typed.expr, low.expr, high.expr),
    };
    Ok(Expr::Between(Between::new(Box::new(expr), negated, Box::new(low), Box::new(high))))
}

fn in_list(list: InList, schema: &DFSchemaRef) -> Result<Expr> {
    let InList { expr, list, negated } = list;
    let typed = Typed::new(*expr, schema)?;
    let items = list.into_iter().map(|item| Typed::new(item, schema)).collect::<Result<Vec<_>>>()?;
    let all: Vec<_> = std::iter::once(&typed).chain(&items).collect();
    let any_float = all.iter().any(|side| matches!(side.kind, Kind::Float | Kind::Double));
    let (expr, list) = match columns::of_all(&all) {
        Some(common) if any_float => (typed.cast(&common), items.into_iter().map(|item| item.cast(&common)).collect()),
        _ => (typed.expr, items.into_iter().map(|item| item.expr).collect()),
    };
    Ok(Expr::InList(InList::new(Box::new(expr), list, negated)))
}

/// `||` over texts: what is no text is written as one. Lists are left to DataFusion.
fn concat(left: Typed, right: Typed) -> Expr {
    let is_list = |side: &Typed| matches!(side.kind, Kind::Other(_));
    if left.kind == Kind::Null || right.kind == Kind::Null {
        return Expr::Literal(ScalarValue::Null, None);
    }
    let (left, right) = if is_list(&left) || is_list(&right) {
        (left.expr, right.expr)
    } else {
        (casts::to_text(left), casts::to_text(right))
    };
    Expr::BinaryExpr(BinaryExpr::new(Box::new(left), Operator::StringConcat, Box::new(right)))
}

/// The negative of a whole number, which fails where there is none.
fn negative(operand: Typed) -> Result<Expr> {
    let zero = match &operand.kind {
        Kind::HugeInt => hugeint::literal(0),
        Kind::Integer { signed: true, .. } => Expr::Literal(ScalarValue::new_zero(&operand.kind.data_type())?, None),
        _ => return Ok(Expr::Negative(Box::new(operand.expr))),
    };
    apply_to(&SUBTRACT, (zero, &operand.kind), (operand.expr, &operand.kind))
}

/// A CASE whose results are cast to the type that holds them all.
pub(super) fn case(case: Case, schema: &DFSchema) -> Result<Expr> {
    let Case { expr, when_then_expr, else_expr } = case;
    let (whens, thens): (Vec<_>, Vec<_>) = when_then_expr.into_iter().unzip();
    let thens = thens.into_iter().map(|then| Typed::new(*then, schema)).collect::<Result<Vec<_>>>()?;
    let otherwise = else_expr.map(|otherwise| Typed::new(*otherwise, schema)).transpose()?;
    let results: Vec<_> = thens.iter().chain(&otherwise).collect();
    let common = columns::of_all(&results);
    let cast = |typed: Typed| {
        Box::new(match &common {
            Some(common) => typed.cast(common),
            None => typed.expr,
        })
    };
    let when_then_expr = whens.into_iter().zip(thens.into_iter().map(cast)).collect();
    let case = Expr::Case(Case { expr, when_then_expr, else_expr: otherwise.map(cast) });
    Ok(match common {
        Some(Kind::HugeInt) => hugeint::mark(case),
        _ => case,
    })
}
