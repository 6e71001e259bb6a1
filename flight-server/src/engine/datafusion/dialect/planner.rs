//! Operators that DataFusion plans as something else, or not at all.

use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, DataFusionError, Result, plan_err};
use datafusion::functions::math::expr_fn::power;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr, ExprSchemable};
use datafusion::sql::sqlparser::ast::BinaryOperator;

use super::function::call;
use super::interval;
use super::operators::INTEGER_DIVIDE;

/// Plans DuckDB's operators.
#[derive(Debug)]
pub(super) struct DuckDbOperators;

impl ExprPlanner for DuckDbOperators {
    fn plan_binary_op(&self, expr: RawBinaryExpr, schema: &DFSchema) -> Result<PlannerResult<RawBinaryExpr>> {
        // DataFusion refuses to plan these for any operands, or for these.
        let of_interval = |expr: &RawBinaryExpr| -> Result<bool> {
            let is_interval =
                |side: &Expr| Ok::<_, DataFusionError>(matches!(side.get_type(schema)?, DataType::Interval(_)));
            Ok(is_interval(&expr.left)? != is_interval(&expr.right)?)
        };
        match expr.op {
            BinaryOperator::DuckIntegerDivide => {
                Ok(PlannerResult::Planned(call(&INTEGER_DIVIDE, vec![expr.left, expr.right])))
            }
            BinaryOperator::Multiply if of_interval(&expr)? => {
                let (interval, number) = match expr.left.get_type(schema)? {
                    DataType::Interval(_) => (expr.left, expr.right),
                    _ => (expr.right, expr.left),
                };
                Ok(PlannerResult::Planned(call(&interval::MULTIPLY, vec![interval, number])))
            }
            BinaryOperator::Divide if of_interval(&expr)? => {
                Ok(PlannerResult::Planned(call(&interval::DIVIDE, vec![expr.left, expr.right])))
            }
            BinaryOperator::PGExp => Ok(PlannerResult::Planned(power(expr.left, expr.right))),
            // The power in DuckDB, the exclusive or in DataFusion, and parsed with the precedence of the latter.
            BinaryOperator::BitwiseXor | BinaryOperator::Xor => {
                plan_err!("The operator ^ is not had here; write power(x, y) or xor(x, y)")
            }
            _ => Ok(PlannerResult::Original(expr)),
        }
    }
}
