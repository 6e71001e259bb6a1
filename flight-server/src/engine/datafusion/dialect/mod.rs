//! DuckDB's meaning of SQL, for DataFusion: the same statement has the same rows and the same types on both engines.
//!
//! A statement goes through four places where the two differ:
//!
//! 1. **Parsing** ([`DuckDbSyntax`]): `^`, `**`, `||`, signs and numbers with an exponent. A caller that parses itself
//!    parses with it; DataFusion's own parser is set to its dialect of DuckDB, which lacks these.
//! 2. **Planning** (`planner`, `types`, `functions::planned`): operators, names of types and of functions that DataFusion
//!    does not have.
//! 3. **Analysis** (`rule`, `expressions`): every expression is rewritten, from the columns upwards, with the types that
//!    DuckDB gives it; before DataFusion coerces what is left.
//! 4. **Execution**: exact arithmetic, sums and casts as functions of their own. Comparisons stay DataFusion's own
//!    expressions over bare columns, so that filters are pushed down and row groups pruned as before.
//!
//! | aligned | module |
//! |---|---|
//! | INTEGER, BIGINT, HUGEINT, DECIMAL and DOUBLE literals | `literals` |
//! | `+ - * / // %` of numbers: result types, errors on overflow, NULL where a divisor is zero | `arithmetic`, `operators` |
//! | dates, times and intervals added and subtracted | `arithmetic`, `interval` |
//! | CAST, TRY_CAST, `::` and what is written as text | `casts`, `text` |
//! | sum and avg of numbers, in groups, windows, over distinct values | `sum`, `exact_sum`, `long_double` |
//! | aggregates under DuckDB's names | `aggregates` |
//! | row_number, rank, dense_rank, ntile | `window` |
//! | CASE, COALESCE, VALUES, UNION, recursive queries: one type for several | `unify`, `columns` |
//! | functions of numbers, texts, dates, lists | `functions` |
//! | NULLS LAST, whatever the direction | `install` |
//!
//! HUGEINT is a `DECIMAL(38,0)` whose field carries the type's name ([`hugeint`]).
//!
//! **Analyse a plan once.** A plan that was optimised may hold constants that were folded from a cast, and looks then
//! as if it held literals: it is to be executed, not analysed anew. The value of a parameter is a literal of the type
//! that its metadata names; a literal without metadata is taken for one of the statement's text.

mod aggregates;
mod arithmetic;
mod casts;
mod columns;
mod depth;
mod exact_math;
mod exact_sum;
mod expressions;
mod function;
mod functions;
mod hugeint;
mod interval;
mod kind;
mod literals;
mod long_double;
mod operators;
mod planner;
mod queries;
mod rule;
mod sum;
mod syntax;
mod text;
mod typed;
mod types;
mod unify;
mod window;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use datafusion::common::config::Dialect;
use datafusion::execution::SessionStateBuilder;
use datafusion::logical_expr::planner::ExprPlanner;
use datafusion::optimizer::analyzer::Analyzer;
use datafusion::optimizer::analyzer::resolve_grouping_function::ResolveGroupingFunction;
use datafusion::optimizer::analyzer::type_coercion::TypeCoercion;

pub(super) use queries::write_as_meant;
pub(super) use syntax::DuckDbSyntax;

/// Gives the sessions of a builder that has DataFusion's default features DuckDB's meaning.
pub(super) fn install(mut builder: SessionStateBuilder) -> SessionStateBuilder {
    let parser = &mut builder.config().get_or_insert_default().options_mut().sql_parser;
    parser.dialect = Dialect::DuckDB;
    parser.parse_float_as_decimal = true;
    parser.map_string_types_to_utf8view = false;
    parser.default_null_ordering = "nulls_last".to_owned();
    parser.collect_spans = true;
    builder.scalar_functions().get_or_insert_default().extend(functions::registered());
    builder.aggregate_functions().get_or_insert_default().extend(aggregates::registered());
    builder.window_functions().get_or_insert_default().extend(window::functions());
    let operators: Arc<dyn ExprPlanner> = Arc::new(planner::DuckDbOperators);
    builder.expr_planners().get_or_insert_default().insert(0, operators);
    let mut analyzer = Analyzer::with_rules(vec![
        Arc::new(ResolveGroupingFunction::new()),
        Arc::new(rule::DuckDbMeaning),
        Arc::new(TypeCoercion::new()),
    ]);
    if let Some(given) = builder.analyzer().take() {
        analyzer.function_rewrites = given.function_rewrites;
    }
    *builder.analyzer() = Some(analyzer);
    builder.with_type_planner(Arc::new(types::DuckDbTypes))
}
