//! The types of whole columns: those of VALUES, of UNION, and of a result.

use std::sync::Arc;

use arrow::datatypes::{Field, FieldRef};
use datafusion::common::{Column, DFSchema, DFSchemaRef, Result, ScalarValue, plan_err};
use datafusion::logical_expr::{Cast, Expr, ExprSchemable, LogicalPlan, Projection, Union, Values};

use super::kind::{Kind, hugeint_field};
use super::typed::{Typed, has_own_type};
use super::types::EXPLICIT;
use super::unify;

/// The plan with its columns of type NULL made INTEGER, as DuckDB returns them.
pub(super) fn without_untyped_nulls(plan: LogicalPlan) -> Result<LogicalPlan> {
    let kinds: Vec<_> = plan
        .schema()
        .fields()
        .iter()
        .map(|field| match Kind::of(field) {
            Kind::Null => Kind::INTEGER,
            kind => kind,
        })
        .collect();
    cast_columns(plan, &kinds)
}

/// The plan with its columns cast to the types of `schema`, one by one.
pub(super) fn cast_to_schema(plan: LogicalPlan, schema: &DFSchemaRef) -> Result<LogicalPlan> {
    let kinds: Vec<_> = schema.fields().iter().map(|field| Kind::of(field)).collect();
    cast_columns(plan, &kinds)
}

/// The plan with its columns cast to `kinds`; as it is when they have them.
fn cast_columns(plan: LogicalPlan, kinds: &[Kind]) -> Result<LogicalPlan> {
    let schema = Arc::clone(plan.schema());
    if schema.fields().iter().zip(kinds).all(|(field, kind)| Kind::of(field) == *kind) {
        return Ok(plan);
    }
    let columns = schema
        .iter()
        .zip(kinds)
        .map(|((qualifier, field), kind)| {
            let column = Expr::Column(Column::new(qualifier.cloned(), field.name()));
            if Kind::of(field) == *kind {
                return Ok(column);
            }
            Ok(Typed::new(column, &schema)?.cast(kind).alias_qualified(qualifier.cloned(), field.name()))
        })
        .collect::<Result<Vec<_>>>()?;
    Ok(LogicalPlan::Projection(Projection::try_new(columns, Arc::new(plan))?))
}

/// A value of VALUES as it was written: DataFusion has cast literals to a type of its choice by then.
pub(super) fn as_written(expr: Expr) -> Expr {
    match expr {
        Expr::Literal(value, metadata) if value.is_null() && !has_own_type(metadata.as_ref()) => {
            Expr::Literal(ScalarValue::Null, None)
        }
        Expr::Cast(Cast { expr, field }) if field.name() != EXPLICIT && !matches!(Kind::of(&field), Kind::Other(_)) => {
            *expr
        }
        expr => expr,
    }
}

/// Rows of literals: each column has the type that holds all its values.
pub(super) fn values(values: Values) -> Result<LogicalPlan> {
    let empty = DFSchema::empty();
    let width = values.schema.fields().len();
    let mut kinds = vec![Kind::Null; width];
    let rows = values
        .values
        .into_iter()
        .map(|row| row.into_iter().map(|expr| Typed::new(expr, &empty)).collect::<Result<Vec<_>>>())
        .collect::<Result<Vec<_>>>()?;
    let mut all_known = vec![true; width];
    for (index, kind) in kinds.iter_mut().enumerate() {
        let column: Vec<_> = rows.iter().filter_map(|row| row.get(index)).collect();
        match of_all(&column) {
            Some(common) => *kind = common,
            None => all_known[index] = false,
        }
    }
    let rows: Vec<Vec<Expr>> = rows
        .into_iter()
        .map(|row| {
            let columns = row.into_iter().zip(kinds.iter().zip(&all_known));
            columns.map(|(typed, (kind, known))| if *known { typed.cast(kind) } else { typed.expr }).collect()
        })
        .collect();
    let fields = values
        .schema
        .iter()
        .zip(kinds.iter().zip(&all_known))
        .enumerate()
        .map(|(index, ((qualifier, field), (kind, known)))| {
            let field = match known {
                true => field_of(field.name(), kind, true),
                false => Arc::new(field.as_ref().clone()),
            };
            let nullable = rows
                .iter()
                .filter_map(|row| row.get(index))
                .map(|expr| expr.nullable(&empty))
                .collect::<Result<Vec<_>>>()?;
            let nullable = nullable.into_iter().any(|nullable| nullable) || field.is_nullable();
            Ok((qualifier.cloned(), Arc::new(field.as_ref().clone().with_nullable(nullable))))
        })
        .collect::<Result<Vec<_>>>()?;
    let schema = DFSchema::new_with_metadata(fields, values.schema.metadata().clone())?;
    Ok(LogicalPlan::Values(Values { schema: Arc::new(schema), values: rows }))
}

fn field_of(name: &str, kind: &Kind, nullable: bool) -> FieldRef {
    match kind {
        Kind::HugeInt => hugeint_field(name, nullable),
        kind => Arc::new(Field::new(name, kind.data_type(), nullable)),
    }
}

/// The type of a result that may be any of `choices`. A literal takes the type of what stands beside it, when that
/// holds it.
pub(super) fn of_all(choices: &[&Typed]) -> Option<Kind> {
    let (literals, others): (Vec<&Typed>, Vec<&Typed>) =
        choices.iter().partition(|choice| choice.integer_literal().is_some());
    let (texts, others): (Vec<&Typed>, Vec<&Typed>) = others.iter().partition(|choice| choice.is_text_literal());
    let mut common = Kind::Null;
    for choice in others {
        common = unify::common(&common, &choice.kind)?;
    }
    if common == Kind::Null && literals.is_empty() && !texts.is_empty() {
        common = Kind::Text;
    }
    for literal in literals {
        if !literal.integer_literal().is_some_and(|value| common.holds(value)) {
            common = unify::common(&common, &literal.kind)?;
        }
    }
    Some(common)
}

/// A union whose inputs are cast to common types.
pub(super) fn union(union: Union) -> Result<LogicalPlan> {
    let Some(first) = union.inputs.first() else { return plan_err!("A UNION has no inputs") };
    let mut kinds: Vec<_> = first.schema().fields().iter().map(|field| Some(Kind::of(field))).collect();
    for input in &union.inputs[1..] {
        for (kind, field) in kinds.iter_mut().zip(input.schema().fields()) {
            *kind = kind.as_ref().and_then(|kind| unify::common(kind, &Kind::of(field)));
        }
    }
    // Where there is no common type here, DataFusion finds one, or says that there is none.
    let inputs = union
        .inputs
        .into_iter()
        .map(|input| {
            let wanted: Vec<_> = input
                .schema()
                .fields()
                .iter()
                .zip(&kinds)
                .map(|(field, kind)| kind.clone().unwrap_or_else(|| Kind::of(field)))
                .collect();
            Ok(Arc::new(cast_columns(Arc::unwrap_or_clone(input), &wanted)?))
        })
        .collect::<Result<Vec<_>>>()?;
    let fields = union
        .schema
        .iter()
        .zip(&kinds)
        .enumerate()
        .map(|(index, ((qualifier, old), kind))| {
            let of_inputs = inputs.iter().filter_map(|input| input.schema().fields().get(index));
            let nullable = of_inputs.clone().any(|field| field.is_nullable());
            let field = match (kind, of_inputs.clone().next()) {
                (Some(Kind::Other(_)) | None, Some(first)) => first.as_ref().clone(),
                (Some(kind), _) => field_of(old.name(), kind, nullable).as_ref().clone(),
                (None, None) => old.as_ref().clone(),
            };
            (qualifier.cloned(), Arc::new(field.with_name(old.name()).with_nullable(nullable)))
        })
        .collect();
    let schema = DFSchema::new_with_metadata(fields, union.schema.metadata().clone())?;
    Ok(LogicalPlan::Union(Union { inputs, schema: Arc::new(schema) }))
}
