//! Literals, operators and casts.

use super::{error, expect};

#[tokio::test]
async fn a_literal_has_the_narrowest_type_that_holds_it() {
    expect(&[
        ("SELECT 1", "INTEGER: 1"),
        ("SELECT -1", "INTEGER: -1"),
        ("SELECT 9999999999", "BIGINT: 9999999999"),
        ("SELECT 99999999999999999999", "HUGEINT: 99999999999999999999"),
        ("SELECT 0.05", "DECIMAL(3,2): 0.05"),
        ("SELECT 1.50", "DECIMAL(3,2): 1.50"),
        ("SELECT 1e3", "DOUBLE: 1000.0"),
        ("SELECT 1.5e-3", "DOUBLE: 0.0015"),
        ("SELECT NULL", "INTEGER: NULL"),
        ("SELECT -2147483648", "BIGINT: -2147483648"),
    ])
    .await;
}

#[tokio::test]
async fn numbers_of_one_operation_meet_in_a_type_of_duckdb() {
    expect(&[
        ("SELECT 1 + 1", "INTEGER: 2"),
        ("SELECT 1::TINYINT + 1", "TINYINT: 2"),
        ("SELECT 1::TINYINT + 1::SMALLINT", "SMALLINT: 2"),
        ("SELECT 1::UTINYINT + 1::TINYINT", "BIGINT: 2"),
        ("SELECT 1::UBIGINT + 1::BIGINT", "HUGEINT: 2"),
        ("SELECT 1::HUGEINT + 1", "HUGEINT: 2"),
        ("SELECT 1.5 + 1", "DECIMAL(12,1): 2.5"),
        ("SELECT 1.5 * 2", "DECIMAL(12,1): 3.0"),
        ("SELECT 1.5 - 1::BIGINT", "DECIMAL(21,1): 0.5"),
        ("SELECT 1.5 + 1::FLOAT", "FLOAT: 2.5"),
        ("SELECT 1::FLOAT * 1::DOUBLE", "DOUBLE: 1.0"),
        ("SELECT 1::DECIMAL(15,2) * (1 - 1::DECIMAL(15,2))", "DECIMAL(18,4): 0.0000"),
        ("SELECT 1::DECIMAL(38,10) * 1::DECIMAL(10,2)", "DECIMAL(38,12): 1.000000000000"),
        ("SELECT 1::DECIMAL(4,1) % 3", "DECIMAL(11,1): 1.0"),
        ("SELECT -(1::HUGEINT)", "HUGEINT: -1"),
        ("SELECT NULL + 1", "INTEGER: NULL"),
    ])
    .await;
}

#[tokio::test]
async fn a_quotient_is_a_double_and_double_slash_is_not() {
    expect(&[
        ("SELECT 1 / 2", "DOUBLE: 0.5"),
        ("SELECT 1 / 0", "DOUBLE: inf"),
        ("SELECT 1.5 / 2", "DOUBLE: 0.75"),
        ("SELECT 1::FLOAT / 2", "FLOAT: 0.5"),
        ("SELECT 5 // 2", "INTEGER: 2"),
        ("SELECT -5 // 2", "INTEGER: -2"),
        ("SELECT 5.5 // 2", "DOUBLE: 2.75"),
        ("SELECT 1 // 0", "INTEGER: NULL"),
        ("SELECT 1 // 0.0", "DOUBLE: NULL"),
        ("SELECT 1 % 0", "INTEGER: NULL"),
        ("SELECT -7 % 3", "INTEGER: -1"),
    ])
    .await;
}

#[tokio::test]
async fn powers_signs_and_concatenation_bind_as_in_duckdb() {
    expect(&[
        ("SELECT 2 * 3 ** 2", "DOUBLE: 18.0"),
        ("SELECT 2 ^ 3 ^ 2", "DOUBLE: 64.0"),
        ("SELECT -2 ^ 2", "DOUBLE: 4.0"),
        ("SELECT 1 + 2 || 'a'", "VARCHAR: 3a"),
        ("SELECT 10 - 2 - 3", "INTEGER: 5"),
    ])
    .await;
}

#[tokio::test]
async fn what_does_not_fit_is_an_error() {
    assert!(error("SELECT 2147483647 + 1").await.contains("2147483647 and 1"));
    assert!(error("SELECT 100::TINYINT * 2::TINYINT").await.contains("100 and 2"));
    assert!(error("SELECT 1::UTINYINT - 2::UTINYINT").await.contains("1 and 2"));
    assert!(error("SELECT -(x) FROM (VALUES ((-128)::TINYINT)) t(x)").await.contains("0 and -128"));
    assert!(error("SELECT 9e17::DECIMAL(18,0) * 10::DECIMAL(18,0)").await.contains("product"));
    assert!(error("SELECT 300::TINYINT").await.contains("300"));
    assert!(error("SELECT CAST('abc' AS INTEGER)").await.contains("abc"));
}

#[tokio::test]
async fn dates_and_intervals_give_the_types_of_duckdb() {
    expect(&[
        ("SELECT DATE '2020-01-01' - DATE '2019-01-01'", "BIGINT: 365"),
        ("SELECT DATE '2020-01-01' + 1", "DATE: 2020-01-02"),
        ("SELECT 1 + DATE '2020-01-01'", "DATE: 2020-01-02"),
        ("SELECT DATE '2020-01-31' + INTERVAL 1 MONTH", "TIMESTAMP: 2020-02-29T00:00:00"),
        ("SELECT TIMESTAMP '2020-01-01' - TIMESTAMP '2019-01-01'", "INTERVAL: 365 days"),
        ("SELECT DATE '2020-01-01' + TIME '10:00:00'", "TIMESTAMP: 2020-01-01T10:00:00"),
        ("SELECT TIME '10:00:00' - INTERVAL 11 HOUR", "TIME: 23:00:00"),
        ("SELECT INTERVAL 1 DAY * 2", "INTERVAL: 2 days"),
        ("SELECT 2 * INTERVAL 1 DAY", "INTERVAL: 2 days"),
        ("SELECT INTERVAL '3' DAY / 2", "INTERVAL: 1 days 12 hours"),
        ("SELECT INTERVAL '3' DAY / 0", "INTERVAL: NULL"),
        ("SELECT DATE '2020-01-01' = TIMESTAMP '2020-01-01'", "BOOLEAN: true"),
    ])
    .await;
}

#[tokio::test]
async fn casts_round_as_in_duckdb() {
    expect(&[
        ("SELECT 2.5::DOUBLE::INTEGER", "INTEGER: 2"),
        ("SELECT 3.5::DOUBLE::INTEGER", "INTEGER: 4"),
        ("SELECT 2.5::INTEGER", "INTEGER: 3"),
        ("SELECT -2.5::INTEGER", "INTEGER: -3"),
        ("SELECT '1.5'::INTEGER", "INTEGER: 2"),
        ("SELECT ' 42 '::INTEGER", "INTEGER: 42"),
        ("SELECT '1e3'::INTEGER", "INTEGER: 1000"),
        ("SELECT TRY_CAST('abc' AS INTEGER)", "INTEGER: NULL"),
        ("SELECT 2.345::DECIMAL(10,2)", "DECIMAL(10,2): 2.35"),
        ("SELECT 1::HUGEINT::DECIMAL(38,0)", "DECIMAL(38,0): 1"),
        ("SELECT (1::HUGEINT)::BIGINT", "BIGINT: 1"),
        ("SELECT '2020-01-01 12:00'::TIMESTAMP", "TIMESTAMP: 2020-01-01T12:00:00"),
    ])
    .await;
}

#[tokio::test]
async fn values_are_written_as_in_duckdb() {
    expect(&[
        ("SELECT 1.0::DOUBLE::VARCHAR", "VARCHAR: 1.0"),
        ("SELECT 1e20::VARCHAR", "VARCHAR: 1e+20"),
        ("SELECT 1e-5::VARCHAR", "VARCHAR: 1e-05"),
        ("SELECT 1e15::VARCHAR", "VARCHAR: 1000000000000000.0"),
        ("SELECT 'nan'::DOUBLE::VARCHAR", "VARCHAR: nan"),
        ("SELECT (1::FLOAT / 3)::VARCHAR", "VARCHAR: 0.33333334"),
        ("SELECT TIMESTAMP '2020-01-01 10:00:00.5'::VARCHAR", "VARCHAR: 2020-01-01 10:00:00.5"),
        ("SELECT TIME '10:00:00.5'::VARCHAR", "VARCHAR: 10:00:00.5"),
        ("SELECT INTERVAL 14 MONTH::VARCHAR", "VARCHAR: 1 year 2 months"),
        ("SELECT INTERVAL '-1' HOUR::VARCHAR", "VARCHAR: -01:00:00"),
        ("SELECT 'a' || 1.5::DOUBLE", "VARCHAR: a1.5"),
        ("SELECT 'a' || TIMESTAMP '2020-01-01'", "VARCHAR: a2020-01-01 00:00:00"),
        ("SELECT NULL || 'a'", "INTEGER: NULL"),
        ("SELECT 1::HUGEINT::VARCHAR", "VARCHAR: 1"),
    ])
    .await;
}

#[tokio::test]
async fn types_have_the_names_of_duckdb() {
    expect(&[
        ("SELECT 1::HUGEINT", "HUGEINT: 1"),
        ("SELECT 1::UTINYINT", "UTINYINT: 1"),
        ("SELECT 1::USMALLINT", "USMALLINT: 1"),
        ("SELECT 1::UINTEGER", "UINTEGER: 1"),
        ("SELECT 1::UBIGINT", "UBIGINT: 1"),
        ("SELECT 1::INT8", "BIGINT: 1"),
        ("SELECT 1::STRING", "VARCHAR: 1"),
        ("SELECT 1::TEXT", "VARCHAR: 1"),
        ("SELECT 1::DECIMAL", "DECIMAL(18,3): 1.000"),
        ("SELECT 1::NUMERIC(5)", "DECIMAL(5,0): 1"),
        ("SELECT '2020-01-01'::TIMESTAMP_MS", "TIMESTAMP_MS: 2020-01-01T00:00:00"),
        ("SELECT '2020-01-01'::TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE: 2020-01-01T00:00:00Z"),
        ("SELECT 'a'::BLOB", "BLOB: 61"),
    ])
    .await;
}

#[tokio::test]
async fn a_type_that_can_not_be_had_is_an_error_that_says_so() {
    assert!(error("SELECT 1::UHUGEINT").await.contains("no type UHUGEINT"));
    assert!(error("SELECT 'x'::UUID").await.contains("no type UUID"));
    assert!(error("SELECT 1::DECIMAL(39,0)").await.contains("1 to 38 digits"));
}
