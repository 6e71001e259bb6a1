//! Functions that DuckDB has under the same name with another type or meaning, and some that DataFusion lacks.
//!
//! A function that DataFusion lacks is registered so that its name is found; what it does is put in its place when the
//! types of its arguments are known.

mod dates;
mod lists;
mod numbers;
mod planned;
mod texts;

use std::sync::Arc;

use datafusion::common::{DFSchema, Result};
use datafusion::functions::core;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::{Case, Expr, ExprSchemable, ScalarUDF, lit};
use typemap::arrow_to_sql::sql_type_of;

use super::function::argument;
use super::kind::{Kind, is_hugeint};
use super::typed::Typed;
use super::{columns, expressions, hugeint};

pub(super) use planned::registered;

/// A call as DuckDB means it.
pub(super) fn bind(func: Arc<ScalarUDF>, args: Vec<Expr>, schema: &DFSchema) -> Result<Expr> {
    let typed = args.iter().map(|arg| Typed::new(arg.clone(), schema)).collect::<Result<Vec<_>>>()?;
    if let Some(expr) = chosen(func.name(), &typed, schema)? {
        return Ok(expr);
    }
    let families = [numbers::bind, texts::bind, dates::bind, lists::bind];
    for family in families {
        if let Some(expr) = family(&func, &typed)? {
            return Ok(expr);
        }
    }
    Ok(called(func, args))
}

/// A call as DataFusion means it.
fn called(func: Arc<ScalarUDF>, args: Vec<Expr>) -> Expr {
    Expr::ScalarFunction(ScalarFunction::new_udf(func, args))
}

/// The arguments as they are.
fn exprs(args: &[Typed]) -> Vec<Expr> {
    args.iter().map(|arg| arg.expr.clone()).collect()
}

/// Functions that choose among their arguments, or ask for their types.
fn chosen(name: &str, args: &[Typed], schema: &DFSchema) -> Result<Option<Expr>> {
    Ok(Some(match name {
        "coalesce" | "ifnull" | "nvl" => of_one_type(core::coalesce(), args),
        "greatest" => of_one_type(core::greatest(), args),
        "least" => of_one_type(core::least(), args),
        "nullif" if argument(args, 0)?.kind == Kind::HugeInt => hugeint::mark(called(core::nullif(), exprs(args))),
        "if" => {
            let [condition, then, otherwise] = args else { return Ok(None) };
            let case = Case {
                expr: None,
                when_then_expr: vec![(Box::new(condition.expr.clone()), Box::new(then.expr.clone()))],
                else_expr: Some(Box::new(otherwise.expr.clone())),
            };
            expressions::case(case, schema)?
        }
        "typeof" => {
            let field = argument(args, 0)?.expr.to_field(schema)?.1;
            match sql_type_of(&field) {
                _ if is_hugeint(&field) => lit("HUGEINT"),
                Ok(sql_type) => lit(sql_type.to_string()),
                Err(_) => return Ok(None),
            }
        }
        _ => return Ok(None),
    }))
}

/// A function whose result is one of its arguments, all of which are cast to a common type.
fn of_one_type(func: Arc<ScalarUDF>, args: &[Typed]) -> Expr {
    let all: Vec<_> = args.iter().collect();
    match columns::of_all(&all) {
        Some(common) => {
            let call = called(func, args.iter().map(|arg| arg.clone().cast(&common)).collect());
            if common == Kind::HugeInt { hugeint::mark(call) } else { call }
        }
        None => called(func, exprs(args)),
    }
}
