//! Aggregates and window functions.

use super::{error, expect};

#[tokio::test]
async fn a_sum_of_whole_numbers_is_a_hugeint_wherever_it_goes() {
    expect(&[
        ("SELECT sum(x) FROM (VALUES (1), (2)) t(x)", "HUGEINT: 3"),
        ("SELECT sum(x) FROM (VALUES (9223372036854775807), (9223372036854775807)) t(x)", "HUGEINT: 18446744073709551614"),
        ("SELECT s AS y FROM (SELECT sum(x) s FROM (VALUES (1), (2)) t(x)) u", "HUGEINT: 3"),
        ("WITH c AS (SELECT sum(x) s FROM (VALUES (1), (2)) t(x)) SELECT s FROM c UNION ALL SELECT s + 1 FROM c ORDER BY s", "HUGEINT: 3; 4"),
        ("WITH c AS (SELECT x, sum(x) s FROM (VALUES (1), (2)) t(x) GROUP BY x) SELECT a.s, b.s FROM c a JOIN c b ON a.x = b.x ORDER BY a.s", "HUGEINT, HUGEINT: 1|1; 2|2"),
        ("SELECT max(s), min(s), sum(s), avg(s), first(s) FROM (SELECT sum(x) s FROM (VALUES (1), (2)) t(x)) u", "HUGEINT, HUGEINT, HUGEINT, DOUBLE, HUGEINT: 3|3|3|3.0|3"),
        ("SELECT CASE WHEN true THEN sum(x) ELSE 0 END, coalesce(sum(x), 0), -sum(x), sum(x) + 1 FROM (VALUES (1), (2)) t(x)", "HUGEINT, HUGEINT, HUGEINT, HUGEINT: 3|3|-3|4"),
        ("SELECT lag(s) OVER (), first_value(s) OVER (), max(s) OVER () FROM (SELECT sum(x) s FROM (VALUES (1)) t(x)) u", "HUGEINT, HUGEINT, HUGEINT: NULL|1|1"),
    ])
    .await;
}

#[tokio::test]
async fn a_hugeint_that_was_cast_is_one_no_more() {
    expect(&[
        ("SELECT sum(x)::BIGINT FROM (VALUES (1)) t(x)", "BIGINT: 1"),
        ("SELECT sum(x)::DECIMAL(38,0) FROM (VALUES (1)) t(x)", "DECIMAL(38,0): 1"),
        ("SELECT sum(x) / 2 FROM (VALUES (1)) t(x)", "DOUBLE: 0.5"),
        ("SELECT sum(x) * 1.5 FROM (VALUES (1)) t(x)", "DECIMAL(38,1): 1.5"),
    ])
    .await;
}

#[tokio::test]
async fn a_sum_of_decimals_keeps_its_scale_and_a_mean_is_a_double() {
    expect(&[
        ("SELECT sum(x), avg(x) FROM (VALUES (1.5), (2)) t(x)", "DECIMAL(38,1), DOUBLE: 3.5|1.75"),
        ("SELECT sum(x), avg(x) FROM (VALUES (1::FLOAT), (2)) t(x)", "DOUBLE, DOUBLE: 3.0|1.5"),
        ("SELECT avg(x) FROM (VALUES (0.1), (0.2), (0.4)) t(x)", "DOUBLE: 0.23333333333333334"),
        ("SELECT avg(x) FROM (VALUES (10000000000000000.11), (0.2), (0.4)) t(x)", "DOUBLE: 3333333333333333.5"),
        ("SELECT sum(x > 1) FROM (VALUES (1), (2)) t(x)", "HUGEINT: 1"),
        (
            "SELECT sum(x), avg(x), count(x), count(*) FROM (VALUES (NULL::INTEGER)) t(x)",
            "HUGEINT, DOUBLE, BIGINT, BIGINT: NULL|NULL|0|1",
        ),
    ])
    .await;
}

#[tokio::test]
async fn a_sum_beyond_38_digits_is_an_error() {
    assert!(
        error("SELECT sum(x) FROM (VALUES (99999999999999999999999999999999999999::HUGEINT), (1)) t(x)")
            .await
            .contains("more than 38 digits")
    );
}

#[tokio::test]
async fn sums_work_over_distinct_values_filters_groups_and_windows() {
    expect(&[
        ("SELECT sum(DISTINCT x), avg(DISTINCT x), count(DISTINCT x) FROM (VALUES (1), (2), (2)) t(x)", "HUGEINT, DOUBLE, BIGINT: 3|1.5|2"),
        ("SELECT sum(DISTINCT x), sum(x) FROM (VALUES (1), (2), (2)) t(x)", "HUGEINT, HUGEINT: 3|5"),
        ("SELECT sum(x) FILTER (WHERE x > 1) FROM (VALUES (1), (2), (2)) t(x)", "HUGEINT: 4"),
        ("SELECT x, sum(y) FROM (VALUES (1, 2), (1, 3), (2, 4)) t(x, y) GROUP BY ROLLUP (x) ORDER BY x", "INTEGER, HUGEINT: 1|5; 2|4; NULL|9"),
        ("SELECT x, sum(x) OVER (ORDER BY x ROWS BETWEEN 1 PRECEDING AND CURRENT ROW), avg(x) OVER (ORDER BY x ROWS 1 PRECEDING) FROM (VALUES (1), (2), (4)) t(x) ORDER BY x", "INTEGER, HUGEINT, DOUBLE: 1|1|1.0; 2|3|1.5; 4|6|3.0"),
    ])
    .await;
}

#[tokio::test]
async fn window_functions_count_in_bigint() {
    expect(&[
        ("SELECT row_number() OVER (ORDER BY x), rank() OVER (ORDER BY x), dense_rank() OVER (ORDER BY x), ntile(2) OVER (ORDER BY x) FROM (VALUES (1), (2), (2)) t(x) ORDER BY 1", "BIGINT, BIGINT, BIGINT, BIGINT: 1|1|1|1; 2|2|2|1; 3|2|2|2"),
        ("SELECT x FROM (VALUES (1), (2)) t(x) QUALIFY row_number() OVER (ORDER BY x) = 1", "INTEGER: 1"),
        ("SELECT lag(x, 1, 0) OVER (ORDER BY x) FROM (VALUES (1::TINYINT), (2)) t(x) ORDER BY 1", "TINYINT: 0; 1"),
    ])
    .await;
}

#[tokio::test]
async fn aggregates_are_found_by_the_names_of_duckdb() {
    expect(&[
        ("SELECT any_value(x), list(x ORDER BY x) FROM (VALUES (NULL), (1)) t(x)", "INTEGER, INTEGER[]: 1|[1, NULL]"),
        ("SELECT first(x ORDER BY x), last(x ORDER BY x) FROM (VALUES (1), (2)) t(x)", "INTEGER, INTEGER: 1|2"),
        ("SELECT group_concat(x, ',' ORDER BY x) FROM (VALUES ('a'), ('b')) t(x)", "VARCHAR: a,b"),
        ("SELECT variance(x), mean(x), median(x) FROM (VALUES (1), (2)) t(x)", "DOUBLE, DOUBLE, DOUBLE: 0.5|1.5|1.5"),
        ("SELECT count_if(x > 1) FROM (VALUES (1), (2), (NULL)) t(x)", "HUGEINT: 1"),
        ("SELECT median(x) FROM (VALUES (1.5), (2.5)) t(x)", "DECIMAL(2,1): 2.0"),
    ])
    .await;
}
