//! The columns of a result, named as DuckDB names them: by the text of their expressions, where nothing else names them.
//!
//! Only what a query itself selects is named here. A column that a subquery or a `*` brings with it keeps the name it has
//! there.

use std::fmt::Write as _;
use std::ops::ControlFlow;

use datafusion::common::{DFSchema, DataFusionError};
use datafusion::logical_expr::{Expr as PlanExpr, LogicalPlan, LogicalPlanBuilder};
use datafusion::sql::parser::{CopyToSource, Statement as Parsed};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DuplicateTreatment, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
    Ident, Query, SelectItem, SetExpr, Statement as Sql, UnaryOperator, Value, visit_expressions_mut,
};
use typemap::SqlType;

/// The names of the columns that a query selects.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Names {
    /// Those before the first `*`.
    first: Vec<String>,
    /// Those after the last `*`; `None` when there is no `*`.
    last: Option<Vec<String>>,
}

impl Names {
    /// The names of all columns of a plan's schema.
    pub(super) fn of_columns(&self, schema: &DFSchema) -> Vec<String> {
        let mut names: Vec<String> = schema.fields().iter().map(|field| field.name().clone()).collect();
        let last = self.last.as_deref().unwrap_or_default();
        let fits = match self.last {
            Some(_) => self.first.len() + last.len() <= names.len(),
            None => self.first.len() == names.len(),
        };
        if fits {
            let from = names.len() - last.len();
            names.splice(from.., last.iter().cloned());
            names.splice(..self.first.len(), self.first.iter().cloned());
        }
        names
    }
}

/// The names of a statement's result. Columns that DataFusion would refuse for having the same name get others for it.
pub(super) fn prepare(parsed: &mut Parsed) -> Names {
    let Some(query) = query_of(parsed) else { return Names::default() };
    let names = names_of(&query.body);
    distinguish(&mut query.body);
    names
}

/// The query that a statement is, or takes its rows from.
fn query_of(parsed: &mut Parsed) -> Option<&mut Query> {
    match parsed {
        Parsed::Statement(sql) => match &mut **sql {
            Sql::Query(query) => Some(query),
            Sql::CreateTable(table) => table.query.as_deref_mut(),
            Sql::CreateView(view) => Some(&mut view.query),
            Sql::Insert(insert) => insert.source.as_deref_mut(),
            _ => None,
        },
        Parsed::CopyTo(copy) => match &mut copy.source {
            CopyToSource::Query(query) => Some(query),
            CopyToSource::Relation(_) => None,
        },
        _ => None,
    }
}

/// The plan of a query that becomes a table or a view, its columns named as DuckDB names them and no two alike.
pub(super) fn renamed(plan: LogicalPlan, parsed: &Parsed) -> Result<LogicalPlan, DataFusionError> {
    let mut parsed = parsed.clone();
    let names_columns = matches!(&parsed, Parsed::Statement(sql) if match &**sql {
        Sql::CreateTable(table) => !table.columns.is_empty(),
        Sql::CreateView(view) => !view.columns.is_empty(),
        _ => false,
    });
    let names = match query_of(&mut parsed) {
        Some(query) if !names_columns => undone(names_of(&query.body)),
        _ => Names::default(),
    };
    let mut taken: Vec<String> = Vec::new();
    for name in names.of_columns(plan.schema()) {
        let is_taken = |taken: &[String], name: &str| taken.iter().any(|other| other.eq_ignore_ascii_case(name));
        let mut unique = name.clone();
        let mut number = 1;
        while is_taken(&taken, &unique) {
            unique = format!("{name}_{number}");
            number += 1;
        }
        taken.push(unique);
    }
    let columns = plan.schema().columns();
    if columns.iter().zip(&taken).all(|(column, name)| column.name == *name) {
        return Ok(plan);
    }
    let named = columns.into_iter().zip(taken).map(|(column, name)| PlanExpr::Column(column).alias(name));
    LogicalPlanBuilder::from(plan).project(named)?.build()
}

/// What marks the names that [`distinguish`] gives.
const MARK: &str = "\u{1}";

/// The names without the marks that made them different.
fn undone(names: Names) -> Names {
    let undo = |names: Vec<String>| {
        names.into_iter().map(|name| name.split(MARK).next().unwrap_or_default().to_owned()).collect()
    };
    Names { first: undo(names.first), last: names.last.map(undo) }
}

fn names_of(body: &SetExpr) -> Names {
    match body {
        SetExpr::Select(select) => {
            let mut names = Names::default();
            for item in &select.projection {
                let name = match item {
                    SelectItem::UnnamedExpr(expr) => name(expr),
                    SelectItem::ExprWithAlias { alias, .. } => alias.value.clone(),
                    _ => {
                        names.last = Some(Vec::new());
                        continue;
                    }
                };
                names.last.as_mut().unwrap_or(&mut names.first).push(name);
            }
            undone(names)
        }
        SetExpr::Query(query) => names_of(&query.body),
        SetExpr::SetOperation { left, .. } => names_of(left),
        SetExpr::Values(values) => {
            let width = values.rows.first().map_or(0, |row| row.len());
            Names { first: (0..width).map(|index| format!("col{index}")).collect(), last: None }
        }
        _ => Names::default(),
    }
}

/// Gives each selected column an alias that has the name of an earlier one: DataFusion takes no two alike.
fn distinguish(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) => {
            let (mut columns, mut others) = (Vec::new(), Vec::new());
            for (index, item) in select.projection.iter_mut().enumerate() {
                let (expr, name, plain) = match item {
                    SelectItem::UnnamedExpr(expr) => (expr.clone(), name(expr), plain(expr)),
                    SelectItem::ExprWithAlias { expr, alias } => {
                        (expr.clone(), alias.value.clone(), alias.value.clone())
                    }
                    _ => continue,
                };
                // Columns of different tables may well have the same name.
                let is_taken = match item {
                    SelectItem::UnnamedExpr(column @ Expr::CompoundIdentifier(_)) => {
                        let column = (plain.clone(), column.to_string());
                        let is_taken = columns.contains(&column) || others.contains(&plain);
                        columns.push(column);
                        is_taken
                    }
                    _ => {
                        let is_taken = others.contains(&plain) || columns.iter().any(|(column, _)| *column == plain);
                        others.push(plain);
                        is_taken
                    }
                };
                if is_taken {
                    let alias = Ident::with_quote('"', format!("{name}{MARK}{index}"));
                    *item = SelectItem::ExprWithAlias { expr, alias };
                }
            }
        }
        SetExpr::Query(query) => distinguish(&mut query.body),
        SetExpr::SetOperation { left, right, .. } => {
            distinguish(left);
            distinguish(right);
        }
        _ => {}
    }
}

/// What DataFusion makes a column's name of, at the least: it leaves out casts, and the tables of columns are of no use here.
fn plain(expr: &Expr) -> String {
    let mut expr = expr.clone();
    let _all: ControlFlow<()> = visit_expressions_mut(&mut expr, |expr| {
        loop {
            *expr = match expr {
                Expr::Cast { expr, .. } | Expr::Nested(expr) => (**expr).clone(),
                Expr::CompoundIdentifier(parts) => match parts.pop() {
                    Some(last) => Expr::Identifier(Ident::new(last.value)),
                    None => return ControlFlow::Continue(()),
                },
                Expr::Identifier(ident) if ident.quote_style.is_some() => Expr::Identifier(Ident::new(&ident.value)),
                _ => return ControlFlow::Continue(()),
            };
        }
    });
    expr.to_string()
}

/// The name of a column that is selected by this expression.
fn name(expr: &Expr) -> String {
    match expr {
        Expr::CompoundIdentifier(parts) => parts.last().map_or_else(String::new, |last| last.value.clone()),
        Expr::Identifier(ident) => ident.value.clone(),
        Expr::Nested(inner) => name(inner),
        other => text(other),
    }
}

/// An expression as DuckDB writes it.
fn text(expr: &Expr) -> String {
    match expr {
        Expr::Identifier(ident) => identifier(ident),
        Expr::CompoundIdentifier(parts) => parts.iter().map(identifier).collect::<Vec<_>>().join("."),
        Expr::Nested(inner) => text(inner),
        Expr::Value(value) => value_text(&value.value),
        Expr::BinaryOp { left, op, right } => format!("({} {} {})", text(left), operator(op), text(right)),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => match &**expr {
            Expr::Value(value) if matches!(value.value, Value::Number(..)) => format!("-{}", value_text(&value.value)),
            other => format!("-({})", text(other)),
        },
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => format!("+({})", text(expr)),
        Expr::UnaryOp { op: UnaryOperator::Not, expr } => format!("(NOT {})", text(expr)),
        Expr::IsNull(expr) => format!("({} IS NULL)", text(expr)),
        Expr::IsNotNull(expr) => format!("({} IS NOT NULL)", text(expr)),
        Expr::IsDistinctFrom(left, right) => format!("({} IS DISTINCT FROM {})", text(left), text(right)),
        Expr::IsNotDistinctFrom(left, right) => format!("({} IS NOT DISTINCT FROM {})", text(left), text(right)),
        Expr::InList { expr, list, negated } => {
            format!("({} {}IN ({}))", text(expr), if *negated { "NOT " } else { "" }, list_text(list))
        }
        Expr::Between { expr, negated, low, high } => {
            let between = format!("({} BETWEEN {} AND {})", text(expr), text(low), text(high));
            if *negated { format!("(NOT {between})") } else { between }
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
            format!("({} {} {})", text(expr), if *negated { "!~~" } else { "~~" }, text(pattern))
        }
        Expr::ILike { negated, any: false, expr, pattern, escape_char: None } => {
            format!("({} {} {})", text(expr), if *negated { "!~~*" } else { "~~*" }, text(pattern))
        }
        Expr::Cast { kind, expr, data_type, .. } => {
            let cast = if *kind == CastKind::TryCast || *kind == CastKind::SafeCast { "TRY_CAST" } else { "CAST" };
            format!("{cast}({} AS {})", text(expr), type_text(&data_type.to_string()))
        }
        Expr::TypedString(typed) => {
            format!("CAST({} AS {})", value_text(&typed.value.value), type_text(&typed.data_type.to_string()))
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            let mut all = "CASE ".to_owned();
            for branch in conditions {
                let when = match operand {
                    Some(operand) => format!("({} = {})", text(operand), text(&branch.condition)),
                    None => text(&branch.condition),
                };
                let _ = write!(all, " WHEN ({when}) THEN ({})", text(&branch.result));
            }
            let otherwise = else_result.as_ref().map_or_else(|| "NULL".to_owned(), |otherwise| text(otherwise));
            format!("{all} ELSE {otherwise} END")
        }
        Expr::Extract { field, expr, .. } => {
            format!("main.date_part('{}', {})", field.to_string().to_lowercase(), text(expr))
        }
        Expr::Array(array) => format!("main.list_value({})", list_text(&array.elem)),
        Expr::Function(function) => function_text(function).unwrap_or_else(|| expr.to_string()),
        other => other.to_string(),
    }
}

fn list_text(list: &[Expr]) -> String {
    list.iter().map(text).collect::<Vec<_>>().join(", ")
}

fn identifier(ident: &Ident) -> String {
    let is_plain = ident.value.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    match ident.quote_style {
        Some(_) if !is_plain => format!("\"{}\"", ident.value.replace('"', "\"\"")),
        _ => ident.value.clone(),
    }
}

fn operator(op: &BinaryOperator) -> String {
    match op {
        BinaryOperator::NotEq => "!=".to_owned(),
        BinaryOperator::Custom(text) => text.clone(),
        other => other.to_string().to_uppercase(),
    }
}

fn value_text(value: &Value) -> String {
    match value {
        Value::SingleQuotedString(text) => format!("'{}'", text.replace('\'', "''")),
        Value::Boolean(true) => "CAST('t' AS BOOLEAN)".to_owned(),
        Value::Boolean(false) => "CAST('f' AS BOOLEAN)".to_owned(),
        Value::Null => "NULL".to_owned(),
        other => other.to_string(),
    }
}

/// The name of a type as DuckDB writes it, whatever alias was used.
fn type_text(name: &str) -> String {
    name.parse::<SqlType>().map_or_else(|_| name.to_owned(), |ty| ty.to_string())
}

/// A function call as DuckDB writes it; `None` for what only its own text can tell.
fn function_text(function: &Function) -> Option<String> {
    if function.over.is_some() || !function.within_group.is_empty() || function.null_treatment.is_some() {
        return None;
    }
    let name = function.name.to_string().to_lowercase();
    let FunctionArguments::List(arguments) = &function.args else { return None };
    if !arguments.clauses.is_empty() {
        return None;
    }
    let filter = match &function.filter {
        Some(filter) => format!(" FILTER (WHERE {})", text(filter)),
        None => String::new(),
    };
    let mut texts = Vec::with_capacity(arguments.args.len());
    for argument in &arguments.args {
        match argument {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => texts.push(text(expr)),
            FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if name == "count" && arguments.args.len() == 1 => {
                return Some(format!("count_star(){filter}"));
            }
            _ => return None,
        }
    }
    let distinct = match arguments.duplicate_treatment {
        Some(DuplicateTreatment::Distinct) => "DISTINCT ",
        _ => "",
    };
    // What DuckDB has as an operator is written in capitals.
    let name = if name == "coalesce" { "COALESCE".to_owned() } else { name };
    let name = if name == "count" && texts.is_empty() { "count_star".to_owned() } else { name };
    Some(format!("{name}({distinct}{}){filter}", texts.join(", ")))
}

#[cfg(test)]
mod tests {
    use datafusion::sql::parser::DFParserBuilder;
    use datafusion::sql::sqlparser::dialect::DuckDbDialect;

    use super::*;

    fn names(sql: &str) -> Vec<String> {
        let dialect = DuckDbDialect {};
        let mut parsed = DFParserBuilder::new(sql).with_dialect(&dialect).build().unwrap().parse_statements().unwrap();
        prepare(&mut parsed[0]).first
    }

    #[test]
    fn columns_that_nothing_names_are_named_by_their_expressions() {
        for (sql, name) in [
            ("count(*)", "count_star()"),
            ("SUM(t.a)", "sum(t.a)"),
            ("count(DISTINCT a)", "count(DISTINCT a)"),
            ("t.a", "a"),
            ("1 + 2 * a", "(1 + (2 * a))"),
            ("'it''s'", "'it''s'"),
            ("a::int", "CAST(a AS INTEGER)"),
            ("CAST(a AS varchar)", "CAST(a AS VARCHAR)"),
            ("-1", "-1"),
            ("-a", "-(a)"),
            ("a <> 1", "(a != 1)"),
            ("a IS NULL", "(a IS NULL)"),
            ("a LIKE 'x%'", "(a ~~ 'x%')"),
            ("CASE WHEN a > 1 THEN b END", "CASE  WHEN ((a > 1)) THEN (b) ELSE NULL END"),
            ("DATE '2024-01-01'", "CAST('2024-01-01' AS DATE)"),
            ("a AS \"B c\"", "B c"),
        ] {
            assert_eq!(names(&format!("SELECT {sql} FROM t")), [name], "{sql}");
        }
        assert_eq!(names("VALUES (1, 2)"), ["col0", "col1"]);
        assert_eq!(names("SELECT 1 AS a UNION SELECT 2 AS b"), ["a"]);
        assert_eq!(names("SELECT 1 AS a, 2 AS a, 3"), ["a", "a", "3"]);
    }
}
