//! Functions of numbers, texts, dates and lists.

use super::expect;

#[tokio::test]
async fn functions_of_numbers_have_the_types_of_duckdb() {
    expect(&[
        ("SELECT sqrt(2.25)", "DOUBLE: 1.5"),
        ("SELECT power(2, 3)", "DOUBLE: 8.0"),
        ("SELECT atan2(1, 2)", "DOUBLE: 0.4636476090008061"),
        ("SELECT abs((-3)::HUGEINT)", "HUGEINT: 3"),
        ("SELECT sign(-2.5)", "TINYINT: -1"),
        ("SELECT round(25, -1)", "INTEGER: 30"),
        ("SELECT round(2.567, 2)", "DECIMAL(4,2): 2.57"),
        ("SELECT round(25)", "INTEGER: 25"),
        ("SELECT floor(-2.5)", "DECIMAL(2,0): -3"),
        ("SELECT ceil(2.5)", "DECIMAL(2,0): 3"),
        ("SELECT ceil(2)", "DOUBLE: 2.0"),
        ("SELECT trunc(2.7)", "DECIMAL(2,0): 2"),
        ("SELECT mod(5.5, 2)", "DECIMAL(11,1): 1.5"),
        ("SELECT xor(5, 3)", "INTEGER: 6"),
        ("SELECT factorial(5)", "HUGEINT: 120"),
    ])
    .await;
}

#[tokio::test]
async fn functions_of_texts_have_the_types_of_duckdb() {
    expect(&[
        ("SELECT length('héllo')", "BIGINT: 5"),
        ("SELECT strlen('héllo')", "BIGINT: 6"),
        ("SELECT instr('hello', 'l')", "BIGINT: 3"),
        ("SELECT position('l' IN 'hello')", "BIGINT: 3"),
        ("SELECT substr('hello', -3)", "VARCHAR: llo"),
        ("SELECT substr('hello', -10, 7)", "VARCHAR: he"),
        ("SELECT substr('hello', -3, -1)", "VARCHAR: e"),
        ("SELECT substr('hello', 0, 2)", "VARCHAR: h"),
        ("SELECT concat('a', 1.5::DOUBLE, NULL)", "VARCHAR: a1.5"),
        ("SELECT prefix('abc', 'a')", "BOOLEAN: true"),
        ("SELECT suffix('abc', 'c')", "BOOLEAN: true"),
        ("SELECT regexp_matches('abc', 'b')", "BOOLEAN: true"),
        ("SELECT regexp_full_match('abc', 'b')", "BOOLEAN: false"),
        ("SELECT to_hex(255)", "VARCHAR: FF"),
    ])
    .await;
}

#[tokio::test]
async fn parts_of_dates_are_bigint() {
    expect(&[
        ("SELECT extract(YEAR FROM DATE '2020-02-03')", "BIGINT: 2020"),
        ("SELECT extract(epoch FROM TIMESTAMP '2020-02-03 10:11:12')", "DOUBLE: 1580724672.0"),
        ("SELECT date_part('isodow', DATE '2020-02-02')", "BIGINT: 7"),
        ("SELECT year(DATE '2020-02-03')", "BIGINT: 2020"),
        ("SELECT dayofweek(DATE '2020-02-02')", "BIGINT: 0"),
        ("SELECT extract(millisecond FROM TIMESTAMP '2020-02-03 10:11:12.5')", "BIGINT: 12500"),
    ])
    .await;
}

#[tokio::test]
async fn dates_are_cut_counted_and_written_as_in_duckdb() {
    expect(&[
        ("SELECT date_trunc('month', DATE '2020-02-03')", "TIMESTAMP: 2020-02-01T00:00:00"),
        ("SELECT date_diff('day', DATE '2020-02-03', DATE '2020-03-01')", "BIGINT: 27"),
        ("SELECT date_diff('month', DATE '1969-12-25', DATE '1970-01-01')", "BIGINT: 1"),
        ("SELECT date_diff('week', DATE '2020-02-02', DATE '2020-02-09')", "BIGINT: 1"),
        ("SELECT date_diff('year', DATE '0001-12-25', DATE '1970-01-01')", "BIGINT: 1969"),
        ("SELECT strftime(DATE '2020-02-03', '%Y-%m')", "VARCHAR: 2020-02"),
        ("SELECT dayname(DATE '2020-02-03')", "VARCHAR: Monday"),
        ("SELECT last_day(DATE '2020-02-03')", "DATE: 2020-02-29"),
        ("SELECT typeof(now())", "VARCHAR: TIMESTAMP WITH TIME ZONE"),
    ])
    .await;
}

#[tokio::test]
async fn lists_hold_and_count_the_types_of_duckdb() {
    expect(&[
        ("SELECT [1, 2, 3]", "INTEGER[]: [1, 2, 3]"),
        ("SELECT list_value(1, 2.5)", "DECIMAL(11,1)[]: [1.0, 2.5]"),
        ("SELECT len([1, 2, 3])", "BIGINT: 3"),
        ("SELECT len('abc')", "BIGINT: 3"),
        ("SELECT list_position([1, 2], 2)", "INTEGER: 2"),
        ("SELECT list_contains([1, 2], 1)", "BOOLEAN: true"),
        ("SELECT [1] || [2]", "INTEGER[]: [1, 2]"),
    ])
    .await;
}

#[tokio::test]
async fn typeof_names_the_types_of_duckdb() {
    expect(&[
        ("SELECT typeof(1)", "VARCHAR: INTEGER"),
        ("SELECT typeof(1.5)", "VARCHAR: DECIMAL(2,1)"),
        ("SELECT typeof('a')", "VARCHAR: VARCHAR"),
        ("SELECT typeof([1])", "VARCHAR: INTEGER[]"),
        ("SELECT typeof(1::HUGEINT)", "VARCHAR: HUGEINT"),
        ("SELECT typeof(sum(x)) FROM (VALUES (1)) t(x)", "VARCHAR: HUGEINT"),
    ])
    .await;
}
