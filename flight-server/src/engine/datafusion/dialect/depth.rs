//! How deep an expression may nest.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, plan_err};
use datafusion::logical_expr::{Expr, Operator};

/// The deepest that an expression may nest. DataFusion finds the type of an expression by a recursion that does not grow
/// the stack, so that a deeper one could end the process.
pub(super) const MAX_DEPTH: usize = 256;

/// Checks that `expr` does not nest too deep. Chains of AND and OR may have any length: their type is known.
///
/// # Errors
/// It nests deeper than [`MAX_DEPTH`].
pub(super) fn check(expr: &Expr) -> Result<()> {
    let mut open = vec![(expr, 0)];
    while let Some((expr, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return plan_err!(
                "An expression nests deeper than {MAX_DEPTH} operations; compute a part of it in a subquery, or use a \
                 session of the engine duckdb (session option pintail.engine)"
            );
        }
        let is_logical = matches!(expr, Expr::BinaryExpr(binary) if matches!(binary.op, Operator::And | Operator::Or));
        let below = if is_logical { depth } else { depth + 1 };
        expr.apply_children(|child| {
            open.push((child, below));
            Ok(TreeNodeRecursion::Continue)
        })?;
    }
    Ok(())
}
