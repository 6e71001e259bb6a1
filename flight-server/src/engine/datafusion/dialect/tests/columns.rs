//! Columns that have values from several places.

use super::{error, expect};

#[tokio::test]
async fn several_choices_have_one_type() {
    expect(&[
        ("SELECT CASE WHEN true THEN 1 ELSE 2.5 END", "DECIMAL(11,1): 1.0"),
        ("SELECT CASE WHEN true THEN 1::TINYINT ELSE 1 END", "TINYINT: 1"),
        ("SELECT CASE WHEN true THEN 1::TINYINT ELSE 1000 END", "INTEGER: 1"),
        ("SELECT coalesce(1::HUGEINT, 1)", "HUGEINT: 1"),
        ("SELECT coalesce(1::HUGEINT, 1.5)", "DECIMAL(38,1): 1.0"),
        ("SELECT coalesce(1::UTINYINT, 1::TINYINT)", "SMALLINT: 1"),
        ("SELECT coalesce(1::UBIGINT, 1::BIGINT)", "HUGEINT: 1"),
        ("SELECT coalesce(DATE '2020-01-01', '2020-01-02')", "DATE: 2020-01-01"),
        ("SELECT coalesce(NULL, 1)", "INTEGER: 1"),
        ("SELECT greatest(1, 2.5)", "DECIMAL(11,1): 2.5"),
        ("SELECT if(true, 1, 2.5)", "DECIMAL(11,1): 1.0"),
        ("SELECT ifnull(NULL, 1)", "INTEGER: 1"),
    ])
    .await;
}

#[tokio::test]
async fn rows_of_values_have_one_type() {
    expect(&[
        ("VALUES (1), (2.5)", "DECIMAL(11,1): 1.0; 2.5"),
        ("VALUES (1::TINYINT), (2)", "TINYINT: 1; 2"),
        ("VALUES (1), (NULL)", "INTEGER: 1; NULL"),
        ("VALUES (1), (2::DOUBLE)", "DOUBLE: 1.0; 2.0"),
        ("VALUES (99999999999999999999), (1)", "HUGEINT: 99999999999999999999; 1"),
    ])
    .await;
}

#[tokio::test]
async fn a_union_has_one_type() {
    expect(&[
        ("SELECT 1 UNION ALL SELECT 2.5 ORDER BY 1", "DECIMAL(11,1): 1.0; 2.5"),
        ("SELECT 1::HUGEINT UNION ALL SELECT 2 ORDER BY 1", "HUGEINT: 1; 2"),
        ("SELECT 1::TINYINT UNION ALL SELECT 2 ORDER BY 1", "INTEGER: 1; 2"),
        ("SELECT NULL UNION ALL SELECT 1 ORDER BY 1", "INTEGER: 1; NULL"),
        ("SELECT 1::FLOAT UNION ALL SELECT 2.5 ORDER BY 1", "FLOAT: 1.0; 2.5"),
    ])
    .await;
}

#[tokio::test]
async fn a_recursive_query_keeps_the_types_of_its_first_rows() {
    expect(&[
        ("WITH RECURSIVE t AS (SELECT 1 AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT n FROM t ORDER BY n", "INTEGER: 1; 2; 3"),
        ("WITH RECURSIVE t AS (SELECT 1::HUGEINT AS n UNION ALL SELECT n + 1 FROM t WHERE n < 3) SELECT sum(n), max(n) FROM t", "HUGEINT, HUGEINT: 6|3"),
    ])
    .await;
}

#[tokio::test]
async fn subqueries_see_the_types_around_them() {
    expect(&[
        ("SELECT x, (SELECT sum(y) FROM (VALUES (1, 2), (2, 3)) u(a, y) WHERE a = x) FROM (VALUES (1), (2)) t(x) ORDER BY x", "INTEGER, HUGEINT: 1|2; 2|3"),
        ("SELECT x FROM (VALUES (1), (2), (3)) t(x) WHERE x > (SELECT avg(x) FROM (VALUES (1), (2)) u(x)) ORDER BY x", "INTEGER: 2; 3"),
        ("SELECT s FROM (SELECT sum(x) s FROM (VALUES (3)) t(x)) a WHERE EXISTS (SELECT 1 FROM (VALUES (3)) u(y) WHERE y = a.s)", "HUGEINT: 3"),
    ])
    .await;
}

#[tokio::test]
async fn nulls_come_last_in_both_directions() {
    expect(&[
        ("SELECT x FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x", "INTEGER: 1; 2; NULL"),
        ("SELECT x FROM (VALUES (1), (NULL), (2)) t(x) ORDER BY x DESC", "INTEGER: 2; 1; NULL"),
    ])
    .await;
}

#[tokio::test]
async fn rows_inserted_have_the_types_of_their_table() {
    expect(&[(
        "CREATE TABLE t (a BIGINT, b DECIMAL(10,2), c DOUBLE); INSERT INTO t VALUES (1, 2, 3), (4, 5.5, NULL); \
         SELECT * FROM t",
        "BIGINT, DECIMAL(10,2), DOUBLE: 1|2.00|3.0; 4|5.50|NULL",
    )])
    .await;
}

/// On the stack that a thread of a server has.
#[test]
fn long_chains_are_answered_or_refused_and_end_no_process() {
    const STACK: usize = 2 << 20;
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let chain = |link: &str, joint: &str, links: usize| vec![link; links].join(joint);
            let unions = chain("SELECT 1 AS a", " UNION ALL ", 500);
            expect(&[(&format!("SELECT sum(a) FROM ({unions})"), "HUGEINT: 500")]).await;
            let terms = chain("x", " + ", 200);
            expect(&[(&format!("SELECT {terms} FROM (VALUES (1)) t(x)"), "INTEGER: 200")]).await;
            let conditions = chain("x = 1", " OR ", 1_000);
            expect(&[(&format!("SELECT x FROM (VALUES (1)) t(x) WHERE {conditions}"), "INTEGER: 1")]).await;
            let terms = chain("x", " + ", 1_000);
            let error = error(&format!("SELECT {terms} FROM (VALUES (1)) t(x)")).await;
            assert!(error.contains("nests deeper than 256"), "{error}");
        });
    };
    std::thread::Builder::new().stack_size(STACK).spawn(run).unwrap().join().unwrap();
}
