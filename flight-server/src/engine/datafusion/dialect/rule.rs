//! The analyzer rule that gives a plan DuckDB's meaning, before DataFusion coerces types.
//!
//! A plan is rewritten from its inputs upwards, so that each expression is seen with the types that it will have. A
//! subquery is rewritten when the columns around it have theirs, as it may refer to them.

use std::sync::Arc;

use arrow::datatypes::{FieldRef, Schema};
use datafusion::catalog::cte_worktable::CteWorkTable;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion, TreeNodeRewriter};
use datafusion::common::{Column, DFSchema, DFSchemaRef, ExprSchema, Result, not_impl_err};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::expr::{Exists, GroupingSet, InSubquery, SetComparison, SetQuantifier};
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::logical_plan::Subquery;
use datafusion::logical_expr::utils::merge_schema;
use datafusion::logical_expr::{
    DmlStatement, Expr, LogicalPlan, Operator, Projection, RecursiveQuery, SubqueryAlias, WriteOp,
};
use datafusion::optimizer::AnalyzerRule;

use super::{columns, depth, expressions};

/// What the rows are called that a recursive query starts from.
const FIRST_ROWS: &str = "first rows";

/// Gives every expression of a plan DuckDB's meaning and type.
#[derive(Debug)]
pub(super) struct DuckDbMeaning;

impl AnalyzerRule for DuckDbMeaning {
    fn name(&self) -> &str {
        "duckdb_meaning"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        let is_query = !matches!(
            plan,
            LogicalPlan::Dml(_)
                | LogicalPlan::Ddl(_)
                | LogicalPlan::Explain(_)
                | LogicalPlan::Analyze(_)
                | LogicalPlan::Copy(_)
                | LogicalPlan::Statement(_)
                | LogicalPlan::DescribeTable(_)
        );
        let plan = Rewriter::default().plan(plan, &mut Vec::new())?;
        if is_query { columns::without_untyped_nulls(plan) } else { Ok(plan) }
    }
}

#[derive(Default)]
struct Rewriter {
    /// The tables that recursive queries read their own rows from, by name, with the schema they have now.
    work_tables: Vec<(String, DFSchemaRef)>,
}

impl Rewriter {
    /// Rewrites `plan`. `outer` are the columns of the queries around it, the nearest last.
    fn plan(&mut self, plan: LogicalPlan, outer: &mut Vec<DFSchemaRef>) -> Result<LogicalPlan> {
        plan.rewrite(&mut Step { rewriter: self, outer }).data()
    }

    fn node(&mut self, plan: LogicalPlan, outer: &mut Vec<DFSchemaRef>) -> Result<LogicalPlan> {
        let plan = match plan {
            LogicalPlan::RecursiveQuery(query) => return self.recursive(query, outer),
            LogicalPlan::TableScan(_) => self.scan(plan)?,
            plan => self.inputs(plan, outer)?,
        };
        let mut schema = merge_schema(&plan.inputs());
        if let LogicalPlan::TableScan(scan) = &plan {
            schema.merge(&DFSchema::try_from_qualified_schema(scan.table_name.clone(), &scan.source.schema())?);
        }
        let schema = Arc::new(schema);
        let names = NamePreserver::new(&plan);
        let is_limit = matches!(plan, LogicalPlan::Limit(_));
        let is_values = matches!(plan, LogicalPlan::Values(_));
        let plan = plan
            .map_expressions(|expr| {
                if is_limit {
                    return Ok(Transformed::no(expr));
                }
                // A grouping set has no name; what it groups by has.
                if let Expr::GroupingSet(set) = expr {
                    return self.grouping_set(set, &names, &schema, outer).map(Transformed::yes);
                }
                if is_values {
                    let expr = columns::as_written(expr);
                    return self.expression(expr, &schema, outer).map(Transformed::yes);
                }
                let name = names.save(&expr);
                Ok(Transformed::yes(name.restore(self.expression(expr, &schema, outer)?)))
            })
            .data()?;
        match plan {
            LogicalPlan::Values(values) => columns::values(values),
            LogicalPlan::Union(union) => columns::union(union),
            LogicalPlan::Dml(dml) if matches!(dml.op, WriteOp::Insert(_)) => inserted(dml),
            LogicalPlan::Subquery(subquery) => Ok(LogicalPlan::Subquery(outer_references(subquery, outer))),
            plan => plan.recompute_schema(),
        }
    }

    /// Rewrites the inputs. The right side of a lateral join sees the columns of the left.
    fn inputs(&mut self, plan: LogicalPlan, outer: &mut Vec<DFSchemaRef>) -> Result<LogicalPlan> {
        let mut left: Option<DFSchemaRef> = None;
        plan.map_children(|input| {
            let beside = match (&input, left.take()) {
                (LogicalPlan::Subquery(_), Some(left)) => Some(left),
                (LogicalPlan::SubqueryAlias(_), Some(left)) => Some(left),
                _ => None,
            };
            let is_lateral = beside.is_some();
            outer.extend(beside);
            let input = self.plan(input, outer);
            if is_lateral {
                outer.pop();
            }
            let input = input?;
            left = Some(Arc::clone(input.schema()));
            Ok(Transformed::yes(input))
        })
        .data()
    }

    /// A recursive query: the rows it starts from have the types of its table.
    fn recursive(&mut self, query: RecursiveQuery, outer: &mut Vec<DFSchemaRef>) -> Result<LogicalPlan> {
        let start = self.plan(Arc::unwrap_or_clone(query.static_term), outer)?;
        let start = columns::without_untyped_nulls(start)?;
        self.work_tables.push((query.name.clone(), Arc::clone(start.schema())));
        let next = self.plan(Arc::unwrap_or_clone(query.recursive_term), outer);
        self.work_tables.pop();
        let next = columns::cast_to_schema(next?, start.schema())?;
        // DataFusion leaves columns out that only the next rows are made from, but not where an alias of another name is.
        let start = under_another_name(start)?;
        let query = RecursiveQuery::try_new(query.name, Arc::new(start), Arc::new(next), query.is_distinct)?;
        Ok(LogicalPlan::RecursiveQuery(query))
    }

    /// A scan; of a recursive query's own rows, with the types that they have now.
    fn scan(&self, plan: LogicalPlan) -> Result<LogicalPlan> {
        let LogicalPlan::TableScan(mut scan) = plan else { return Ok(plan) };
        let found = self.work_tables.iter().rev().find(|(name, _)| scan.table_name.table() == name);
        if let Some((name, schema)) = found
            && let Ok(provider) = source_as_provider(&scan.source)
            && provider.downcast_ref::<CteWorkTable>().is_some()
        {
            // The names are those of the table, the types those of its first rows.
            let old = scan.source.schema();
            let fields: Vec<_> = old
                .fields()
                .iter()
                .zip(schema.fields())
                .map(|(old, now)| now.as_ref().clone().with_name(old.name()).with_nullable(true))
                .collect();
            let table = CteWorkTable::new(name, Arc::new(Schema::new(fields)));
            scan.source = provider_as_source(Arc::new(table));
            let schema = scan.source.schema();
            let schema = match scan.projection.clone() {
                Some(columns) => schema.project(&columns)?,
                None => schema.as_ref().clone(),
            };
            scan.projected_schema = Arc::new(DFSchema::try_from_qualified_schema(scan.table_name.clone(), &schema)?);
        }
        Ok(LogicalPlan::TableScan(scan))
    }

    fn grouping_set(
        &mut self,
        set: GroupingSet,
        names: &NamePreserver,
        schema: &DFSchemaRef,
        outer: &mut Vec<DFSchemaRef>,
    ) -> Result<Expr> {
        let mut each = |exprs: Vec<Expr>| -> Result<Vec<Expr>> {
            exprs
                .into_iter()
                .map(|expr| {
                    let name = names.save(&expr);
                    Ok(name.restore(self.expression(expr, schema, outer)?))
                })
                .collect()
        };
        Ok(Expr::GroupingSet(match set {
            GroupingSet::Rollup(exprs) => GroupingSet::Rollup(each(exprs)?),
            GroupingSet::Cube(exprs) => GroupingSet::Cube(each(exprs)?),
            GroupingSet::GroupingSets(sets) => {
                GroupingSet::GroupingSets(sets.into_iter().map(each).collect::<Result<_>>()?)
            }
        }))
    }

    fn expression(&mut self, expr: Expr, schema: &DFSchemaRef, outer: &mut Vec<DFSchemaRef>) -> Result<Expr> {
        depth::check(&expr)?;
        expr.transform_up(|expr| {
            let expr = match expr {
                Expr::OuterReferenceColumn(field, column) => {
                    let field = outer_field(&column, outer).unwrap_or(field);
                    Expr::OuterReferenceColumn(field, column)
                }
                Expr::ScalarSubquery(subquery) => Expr::ScalarSubquery(self.subquery(subquery, schema, outer)?),
                Expr::Exists(Exists { subquery, negated }) => {
                    Expr::Exists(Exists { subquery: self.subquery(subquery, schema, outer)?, negated })
                }
                Expr::InSubquery(InSubquery { expr, subquery, negated }) => {
                    let subquery = self.subquery(subquery, schema, outer)?;
                    Expr::InSubquery(InSubquery { expr, subquery, negated })
                }
                Expr::SetComparison(SetComparison { expr, subquery, op, quantifier }) => {
                    let subquery = self.subquery(subquery, schema, outer)?;
                    let negated = match (op, quantifier) {
                        (Operator::Eq, SetQuantifier::Any) => false,
                        (Operator::NotEq, SetQuantifier::All) => true,
                        // It would find no row, whatever there is.
                        _ => return not_impl_err!(
                            "The engine datafusion has no {op} {quantifier} over a subquery; compare with its max or \
                             min, or use a session of the engine duckdb (session option pintail.engine)"
                        ),
                    };
                    Expr::InSubquery(InSubquery { expr, subquery, negated })
                }
                expr => expressions::rewrite(expr, schema)?,
            };
            Ok(Transformed::yes(expr))
        })
        .data()
    }

    fn subquery(&mut self, subquery: Subquery, schema: &DFSchemaRef, outer: &mut Vec<DFSchemaRef>) -> Result<Subquery> {
        outer.push(Arc::clone(schema));
        let plan = self.plan(Arc::unwrap_or_clone(subquery.subquery), outer);
        let subquery = Subquery { subquery: Arc::new(plan?), ..subquery };
        let subquery = outer_references(subquery, outer);
        outer.pop();
        Ok(subquery)
    }
}

/// The same rows and columns, with an alias below them.
fn under_another_name(plan: LogicalPlan) -> Result<LogicalPlan> {
    let columns = plan.schema().iter().map(|(table, field)| {
        Expr::Column(Column::new(Some(FIRST_ROWS), field.name())).alias_qualified(table.cloned(), field.name())
    });
    let columns = columns.collect();
    let named = LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(Arc::new(plan), FIRST_ROWS)?);
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(named))?))
}

/// One step down in a plan. It goes through DataFusion's traversal because that grows the stack when it gets short: a plan
/// is as deep as a statement has UNIONs.
struct Step<'a> {
    rewriter: &'a mut Rewriter,
    outer: &'a mut Vec<DFSchemaRef>,
}

impl TreeNodeRewriter for Step<'_> {
    type Node = LogicalPlan;

    fn f_down(&mut self, plan: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
        let plan = self.rewriter.node(plan, self.outer)?;
        // Its inputs are rewritten by now.
        Ok(Transformed::new(plan, true, TreeNodeRecursion::Jump))
    }
}

/// The field that a column of a query around this one has now.
fn outer_field(column: &Column, outer: &[DFSchemaRef]) -> Option<FieldRef> {
    outer.iter().rev().find_map(|schema| schema.field_from_column(column).ok().cloned())
}

/// The subquery with its list of outer columns as they are now.
fn outer_references(mut subquery: Subquery, outer: &[DFSchemaRef]) -> Subquery {
    for expr in &mut subquery.outer_ref_columns {
        if let Expr::OuterReferenceColumn(field, column) = expr
            && let Some(now) = outer_field(column, outer)
        {
            *field = now;
        }
    }
    subquery
}

/// The rows to insert in the types of the table's columns: a literal may have become narrower than its column.
fn inserted(mut dml: DmlStatement) -> Result<LogicalPlan> {
    let target = dml.target.schema();
    if target.fields().len() == dml.input.schema().fields().len() {
        let target = Arc::new(DFSchema::try_from(target.as_ref().clone())?);
        dml.input = Arc::new(columns::cast_to_schema(Arc::unwrap_or_clone(dml.input), &target)?);
    }
    Ok(LogicalPlan::Dml(dml))
}
