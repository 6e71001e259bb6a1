//! The parser's side: operators and literals that cannot be told apart any more once they are parsed.

use std::any::TypeId;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, DataType, ExactNumberInfo, Expr, UnaryOperator, Value,
};
use datafusion::sql::sqlparser::dialect::{Dialect, DuckDbDialect, Precedence};
use datafusion::sql::sqlparser::parser::{Parser, ParserError};
use datafusion::sql::sqlparser::tokenizer::Token;

/// DuckDB's SQL, as its parser reads it: `^` and `**` are powers and bind tighter than a product, `||` binds looser than
/// a sum, and a number with an exponent is a DOUBLE.
#[derive(Debug)]
pub(in super::super) struct DuckDbSyntax;

const POWER: u8 = 45;
const OTHER_OPERATOR: u8 = 25;

/// Whether the next two tokens are `**`, without a space between them.
fn is_power(parser: &Parser<'_>) -> bool {
    let (first, second) = (parser.peek_nth_token_ref(0), parser.peek_nth_token_ref(1));
    first.token == Token::Mul && second.token == Token::Mul && first.span.end == second.span.start
}

impl Dialect for DuckDbSyntax {
    fn dialect(&self) -> TypeId {
        TypeId::of::<DuckDbDialect>()
    }

    fn parse_prefix(&self, parser: &mut Parser<'_>) -> Option<Result<Expr, ParserError>> {
        let number = match &parser.peek_token_ref().token {
            // A sign binds tighter than a power.
            Token::Minus => {
                parser.advance_token();
                let operand = parser.parse_subexpr(POWER);
                return Some(operand.map(|expr| Expr::UnaryOp { op: UnaryOperator::Minus, expr: Box::new(expr) }));
            }
            Token::Number(number, _) => number.clone(),
            _ => return None,
        };
        let data_type = if number.contains(['e', 'E']) {
            DataType::Double(ExactNumberInfo::None)
        } else if let Some(fraction) = number.strip_prefix('.') {
            let digits = u64::try_from(fraction.len()).ok()?;
            DataType::Decimal(ExactNumberInfo::PrecisionAndScale(digits, i64::try_from(digits).ok()?))
        } else {
            return None;
        };
        parser.advance_token();
        Some(Ok(Expr::Cast {
            kind: CastKind::Cast,
            expr: Box::new(Expr::Value(Value::SingleQuotedString(number).into())),
            data_type,
            array: false,
            format: None,
        }))
    }

    fn parse_infix(&self, parser: &mut Parser<'_>, left: &Expr, precedence: u8) -> Option<Result<Expr, ParserError>> {
        let tokens = match parser.peek_token_ref().token {
            Token::Caret => 1,
            Token::Mul if is_power(parser) => 2,
            _ => return None,
        };
        for _ in 0..tokens {
            parser.advance_token();
        }
        Some(parser.parse_subexpr(precedence).map(|right| Expr::BinaryOp {
            left: Box::new(left.clone()),
            op: BinaryOperator::PGExp,
            right: Box::new(right),
        }))
    }

    fn get_next_precedence(&self, parser: &Parser<'_>) -> Option<Result<u8, ParserError>> {
        match parser.peek_token_ref().token {
            Token::Caret => Some(Ok(POWER)),
            Token::Mul if is_power(parser) => Some(Ok(POWER)),
            Token::StringConcat | Token::ShiftLeft | Token::ShiftRight | Token::Ampersand | Token::Pipe => {
                Some(Ok(OTHER_OPERATOR))
            }
            _ => None,
        }
    }

    fn prec_value(&self, precedence: Precedence) -> u8 {
        DuckDbDialect.prec_value(precedence)
    }

    fn is_identifier_start(&self, ch: char) -> bool {
        DuckDbDialect.is_identifier_start(ch)
    }

    fn is_identifier_part(&self, ch: char) -> bool {
        DuckDbDialect.is_identifier_part(ch)
    }

    fn supports_trailing_commas(&self) -> bool {
        DuckDbDialect.supports_trailing_commas()
    }

    fn supports_filter_during_aggregation(&self) -> bool {
        DuckDbDialect.supports_filter_during_aggregation()
    }

    fn supports_group_by_expr(&self) -> bool {
        DuckDbDialect.supports_group_by_expr()
    }

    fn supports_bitwise_shift_operators(&self) -> bool {
        DuckDbDialect.supports_bitwise_shift_operators()
    }

    fn supports_named_fn_args_with_eq_operator(&self) -> bool {
        DuckDbDialect.supports_named_fn_args_with_eq_operator()
    }

    fn supports_named_fn_args_with_assignment_operator(&self) -> bool {
        DuckDbDialect.supports_named_fn_args_with_assignment_operator()
    }

    fn supports_dictionary_syntax(&self) -> bool {
        DuckDbDialect.supports_dictionary_syntax()
    }

    fn support_map_literal_syntax(&self) -> bool {
        DuckDbDialect.support_map_literal_syntax()
    }

    fn supports_lambda_functions(&self) -> bool {
        DuckDbDialect.supports_lambda_functions()
    }

    fn allow_extract_single_quotes(&self) -> bool {
        DuckDbDialect.allow_extract_single_quotes()
    }

    fn supports_explain_with_utility_options(&self) -> bool {
        DuckDbDialect.supports_explain_with_utility_options()
    }

    fn supports_load_extension(&self) -> bool {
        DuckDbDialect.supports_load_extension()
    }

    fn supports_array_typedef_with_brackets(&self) -> bool {
        DuckDbDialect.supports_array_typedef_with_brackets()
    }

    fn supports_from_first_select(&self) -> bool {
        DuckDbDialect.supports_from_first_select()
    }

    fn supports_order_by_all(&self) -> bool {
        DuckDbDialect.supports_order_by_all()
    }

    fn supports_select_wildcard_exclude(&self) -> bool {
        DuckDbDialect.supports_select_wildcard_exclude()
    }

    fn supports_notnull_operator(&self) -> bool {
        DuckDbDialect.supports_notnull_operator()
    }

    fn supports_install(&self) -> bool {
        DuckDbDialect.supports_install()
    }

    fn supports_detach(&self) -> bool {
        DuckDbDialect.supports_detach()
    }

    fn supports_select_wildcard_replace(&self) -> bool {
        DuckDbDialect.supports_select_wildcard_replace()
    }

    fn supports_comma_separated_trim(&self) -> bool {
        DuckDbDialect.supports_comma_separated_trim()
    }
}
