//! Aggregates under DuckDB's names, and those that return one of their values with the type it has.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::common::{DFSchema, Result};
use datafusion::functions_aggregate::{array_agg, first_last, string_agg, variance};
use datafusion::logical_expr::expr::{AggregateFunction, NullTreatment, WindowFunction, WindowFunctionDefinition};
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::utils::{AggregateOrderSensitivity, COUNT_STAR_EXPANSION};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Expr, GroupsAccumulator, ReversedUDAF, Signature, lit, when,
};

use super::casts;
use super::kind::{HUGEINT, Kind, hugeint_field};
use super::sum;
use super::typed::Typed;

/// The aggregates that are registered over DataFusion's, or under another name.
pub(super) fn registered() -> Vec<Arc<AggregateUDF>> {
    let renamed = [
        (first_last::first_value_udaf(), &["first", "any_value", "arbitrary"][..]),
        (first_last::last_value_udaf(), &["last"]),
        (array_agg::array_agg_udaf(), &["list"]),
        (variance::var_samp_udaf(), &["variance", "var_sample"]),
        (string_agg::string_agg_udaf(), &["listagg", "group_concat"]),
    ];
    let renamed = renamed.into_iter().flat_map(|(aggregate, names)| {
        names.iter().map(move |name| Arc::new(AggregateUDF::new_from_impl(Wrapped::named(name, &aggregate))))
    });
    sum::aggregates().into_iter().chain(renamed).chain([sum::count_if()]).collect()
}

/// The aggregate as DuckDB means it, over arguments that have their types.
pub(super) fn bind(mut aggregate: AggregateFunction, schema: &DFSchema) -> Result<AggregateFunction> {
    let name = aggregate.func.name().to_owned();
    let params = &mut aggregate.params;
    // `count(*)` is known to DataFusion by its literal, which is no value and keeps its type.
    if name == "count"
        && let [Expr::Literal(value, _)] = params.args.as_slice()
        && !value.is_null()
    {
        params.args = vec![Expr::Literal(COUNT_STAR_EXPANSION, None)];
        return Ok(aggregate);
    }
    let mut args =
        std::mem::take(&mut params.args).into_iter().map(|arg| Typed::new(arg, schema)).collect::<Result<Vec<_>>>()?;
    if (name == "any_value" || name == "arbitrary") && params.null_treatment.is_none() {
        params.null_treatment = Some(NullTreatment::IgnoreNulls);
    }
    if name == "count_if"
        && let [condition] = args.as_mut_slice()
    {
        let one_or_zero = when(condition.expr.clone(), lit(1i32)).otherwise(lit(0i32))?;
        *condition = Typed { expr: one_or_zero, kind: Kind::INTEGER };
    }
    if let Some(wrapped) = keeping(&aggregate.func, &args) {
        aggregate.func = wrapped;
    }
    aggregate.params.args = arguments(&name, &mut args);
    Ok(aggregate)
}

/// A window function as DuckDB means it.
pub(super) fn bind_window(mut window: WindowFunction, schema: &DFSchema) -> Result<WindowFunction> {
    if let WindowFunctionDefinition::AggregateUDF(func) = &window.fun {
        let bound = bind(
            AggregateFunction::new_udf(
                Arc::clone(func),
                std::mem::take(&mut window.params.args),
                window.params.distinct,
                None,
                Vec::new(),
                window.params.null_treatment,
            ),
            schema,
        )?;
        window.fun = WindowFunctionDefinition::AggregateUDF(bound.func);
        window.params.args = bound.params.args;
        window.params.null_treatment = bound.params.null_treatment;
    }
    Ok(window)
}

/// The arguments, cast where DuckDB computes in another type: a spread in DOUBLE, a concatenation over texts.
fn arguments(name: &str, args: &mut Vec<Typed>) -> Vec<Expr> {
    let in_double = matches!(
        name,
        "stddev"
            | "stddev_pop"
            | "stddev_samp"
            | "var_pop"
            | "var_samp"
            | "variance"
            | "var_sample"
            | "corr"
            | "covar_pop"
            | "covar_samp"
    ) || name.starts_with("regr_");
    let joins = matches!(name, "string_agg" | "listagg" | "group_concat");
    let is_median = name == "median";
    args.drain(..)
        .map(|arg| match &arg.kind {
            kind if in_double && kind.is_number() => arg.cast(&Kind::Double),
            // Half-way between two whole numbers is a fraction.
            kind if is_median && kind.is_integer() => arg.cast(&Kind::Double),
            _ if joins => casts::to_text(arg),
            _ => arg.expr,
        })
        .collect()
}

/// The aggregate that returns a HUGEINT where it returns one of its values, and these are HUGEINT.
fn keeping(func: &Arc<AggregateUDF>, args: &[Typed]) -> Option<Arc<AggregateUDF>> {
    let returns_value = matches!(
        func.name(),
        "min" | "max" | "first_value" | "last_value" | "nth_value" | "first" | "last" | "any_value" | "arbitrary"
    );
    if !returns_value || args.first().is_none_or(|arg| arg.kind != Kind::HugeInt) {
        return None;
    }
    Some(Arc::new(AggregateUDF::new_from_impl(Wrapped { is_huge: true, ..Wrapped::named(func.name(), func) })))
}

/// An aggregate under another name, or with a result said to be HUGEINT.
#[derive(Debug)]
struct Wrapped {
    name: String,
    inner: Arc<AggregateUDF>,
    is_huge: bool,
}

impl Wrapped {
    fn named(name: &str, inner: &Arc<AggregateUDF>) -> Self {
        Self { name: name.to_owned(), inner: Arc::clone(inner), is_huge: false }
    }
}

impl PartialEq for Wrapped {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.inner == other.inner && self.is_huge == other.is_huge
    }
}

impl Eq for Wrapped {}

impl Hash for Wrapped {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.name, &self.inner, self.is_huge).hash(state);
    }
}

impl AggregateUDFImpl for Wrapped {
    fn name(&self) -> &str {
        &self.name
    }

    fn signature(&self) -> &Signature {
        self.inner.signature()
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field(&self, fields: &[FieldRef]) -> Result<FieldRef> {
        let field = self.inner.return_field(fields)?;
        if self.is_huge && *field.data_type() == HUGEINT {
            return Ok(hugeint_field(field.name(), field.is_nullable()));
        }
        Ok(field)
    }

    fn is_nullable(&self) -> bool {
        self.inner.is_nullable()
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn with_beneficial_ordering(self: Arc<Self>, is_satisfied: bool) -> Result<Option<Arc<dyn AggregateUDFImpl>>> {
        let inner = self.inner.as_ref().clone().with_beneficial_ordering(is_satisfied)?;
        Ok(inner.map(|inner| {
            let wrapped = Self { name: self.name.clone(), inner: Arc::new(inner), is_huge: self.is_huge };
            Arc::new(wrapped) as Arc<dyn AggregateUDFImpl>
        }))
    }

    fn order_sensitivity(&self) -> AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }

    fn reverse_expr(&self) -> ReversedUDAF {
        match self.inner.reverse_udf() {
            ReversedUDAF::Reversed(inner) => {
                let wrapped = Self { name: self.name.clone(), inner, is_huge: self.is_huge };
                ReversedUDAF::Reversed(Arc::new(AggregateUDF::new_from_impl(wrapped)))
            }
            same => same,
        }
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.inner.coerce_types(types)
    }

    fn supports_null_handling_clause(&self) -> bool {
        self.inner.supports_null_handling_clause()
    }

    fn supports_within_group_clause(&self) -> bool {
        self.inner.supports_within_group_clause()
    }
}
