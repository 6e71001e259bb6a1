"""Statements by the released ADBC driver: their schemas, several in one text, and what is known only after a run."""

import adbc_driver_manager
import pyarrow as pa
import pytest

from conftest import adbc_connection
from drivers import capability

DRIVER = "ADBC Python"


@pytest.fixture(scope="module")
def session(server):
    with adbc_connection(server, autocommit=True) as connection:
        yield connection


@pytest.fixture
def cursor(session):
    with session.cursor() as cursor:
        yield cursor


def rows(cursor, sql, parameters=None):
    cursor.execute(sql, parameters)
    return cursor.fetch_arrow_table().to_pylist()


@capability(DRIVER, "statement: empty result")
def test_an_empty_result_has_its_columns(cursor):
    cursor.execute("SELECT 1 AS i, 'x' AS t WHERE false")
    table = cursor.fetch_arrow_table()
    assert table.num_rows == 0
    assert [(field.name, field.type) for field in table.schema] == [("i", pa.int32()), ("t", pa.string())]


@capability(DRIVER, "statement: columns described")
def test_the_description_names_each_column_with_its_type(cursor):
    cursor.execute("SELECT 1 AS i, 'x' AS t, 1.5::DECIMAL(9,2) AS d")
    described = [(name, kind) for name, kind, *_ in cursor.description]
    assert described == [("i", pa.int32()), ("t", pa.string()), ("d", pa.decimal128(9, 2))]


@capability(DRIVER, "statement: schema without a run")
def test_a_schema_is_told_without_a_run(cursor):
    cursor.execute("CREATE SEQUENCE untouched")
    schema = cursor.adbc_execute_schema("SELECT nextval('untouched') AS n, 'x' AS t")
    assert [(field.name, field.type) for field in schema] == [("n", pa.int64()), ("t", pa.string())]
    assert rows(cursor, "SELECT nextval('untouched') AS n") == [{"n": 1}]
    for sql in ["CREATE TABLE schema_only (i INTEGER)", "SELECT ? AS of_no_type"]:
        with pytest.raises(adbc_driver_manager.NotSupportedError):
            cursor.adbc_execute_schema(sql)
    with pytest.raises(adbc_driver_manager.Error, match="42P01"):
        rows(cursor, "SELECT * FROM schema_only")


@capability(DRIVER, "statement: nullability of columns")
def test_a_table_tells_which_columns_are_never_null(session, cursor):
    cursor.execute("CREATE TABLE never_null (i INTEGER NOT NULL, j INTEGER)")
    schema = session.adbc_get_table_schema("never_null")
    assert [field.nullable for field in schema] == [False, True]


@capability(DRIVER, "statement: schema known only after a run")
def test_what_has_columns_only_after_a_run_gives_them(cursor):
    cursor.execute("CREATE TABLE sales (y INTEGER, product VARCHAR, n INTEGER)")
    cursor.execute("INSERT INTO sales VALUES (2020, 'oak', 1), (2021, 'ash', 2), (2021, 'oak', 3)")
    pivot = "PIVOT sales ON product USING sum(n)::BIGINT GROUP BY y ORDER BY y"
    assert rows(cursor, pivot) == [{"y": 2020, "ash": None, "oak": 1}, {"y": 2021, "ash": 2, "oak": 3}]
    # It has other columns when the table has other rows, though the text and its handle are the same.
    cursor.execute("INSERT INTO sales VALUES (2020, 'elm', 9)")
    assert list(rows(cursor, pivot)[0]) == ["y", "ash", "elm", "oak"]


@capability(DRIVER, "prepared: parameter without a type", "prepared: columns known only after a run")
def test_a_parameter_without_a_type_takes_that_of_its_value(cursor):
    for value, kind in [(5, pa.int64()), ("x", pa.string()), (1.5, pa.float64()), (True, pa.bool_()), (b"x", pa.binary())]:
        cursor.execute("SELECT ? AS v", (value,))
        table = cursor.fetch_arrow_table()
        assert (table.schema.field("v").type, table["v"].to_pylist()) == (kind, [value])
    assert rows(cursor, "SELECT ? AS v", pa.table({"v": [[1, 2], None]})) == [{"v": [1, 2]}, {"v": None}]


@capability(DRIVER, "statement: several in one text")
def test_several_statements_run_in_order_and_the_last_one_answers(cursor):
    text = ("CREATE TABLE many_steps (i INTEGER); INSERT INTO many_steps VALUES (1), (2); -- ;\n"
            "SELECT i AS ';' FROM many_steps;")
    assert rows(cursor, text) == [{";": 1}, {";": 2}]
    with pytest.raises(adbc_driver_manager.Error, match="42P01"):
        rows(cursor, "INSERT INTO many_steps VALUES (3); SELECT * FROM nowhere; INSERT INTO many_steps VALUES (4)")
    assert rows(cursor, "SELECT max(i) AS i FROM many_steps") == [{"i": 3}]
    cursor.executescript("CREATE TABLE by_script AS SELECT 1 AS i; INSERT INTO by_script VALUES (2);")
    assert rows(cursor, "SELECT count(*) AS n FROM by_script") == [{"n": 2}]


@capability(DRIVER, "statement: several in one text")
def test_a_change_at_the_end_of_several_statements_answers_as_it_does_alone(cursor):
    cursor.execute("CREATE OR REPLACE TABLE at_the_end (i INTEGER)")
    cursor.execute("SELECT 1; INSERT INTO at_the_end VALUES (1), (2)")
    assert (cursor.fetch_arrow_table().column_names, cursor.rowcount) == ([], 2)


@pytest.mark.parametrize("text", [" ; ", "-- nothing", "/* nothing */"])
def test_a_text_without_a_statement_is_refused(cursor, text):
    with pytest.raises(adbc_driver_manager.ProgrammingError, match="42601.*no statement"):
        cursor.execute(text)


@capability(DRIVER, "prepared: query over many rows")
def test_a_query_over_many_rows_runs_once_for_each_in_their_order(cursor):
    sql = "SELECT ?::INTEGER AS i, range AS r FROM range(?)"
    batches = [pa.record_batch({"i": [1, 2], "n": [2, 0]}), pa.record_batch({"i": [3], "n": [1]})]
    expected = [{"i": 1, "r": 0}, {"i": 1, "r": 1}, {"i": 3, "r": 0}]
    for parameters in [pa.Table.from_batches(batches), pa.RecordBatchReader.from_batches(batches[0].schema, batches)]:
        assert rows(cursor, sql, parameters) == expected
    large = pa.table({"i": pa.array(range(5000), pa.int32())})
    cursor.execute("SELECT ? + 1 AS i", large)
    assert cursor.fetch_arrow_table()["i"].to_pylist() == list(range(1, 5001))


@capability(DRIVER, "prepared: no row of parameters")
def test_no_row_of_parameters_is_no_run(cursor):
    nothing = pa.table({"i": pa.array([], pa.int32())})
    cursor.execute("CREATE TABLE no_run (i INTEGER)")
    cursor.executemany("INSERT INTO no_run VALUES (?)", nothing)
    assert cursor.rowcount == 0
    cursor.execute("SELECT ?::INTEGER AS i", nothing)
    table = cursor.fetch_arrow_table()
    assert (table.num_rows, table.schema.field("i").type) == (0, pa.int32())
    cursor.executemany("INSERT INTO no_run VALUES (7)", None)
    cursor.executemany("INSERT INTO no_run VALUES (8)", pa.table({}))
    assert rows(cursor, "SELECT i FROM no_run ORDER BY i") == [{"i": 7}, {"i": 8}], "no column means once"


@capability(DRIVER, "prepared: columns known only after a run")
def test_no_row_for_a_parameter_without_a_type_is_an_empty_result(cursor):
    assert rows(cursor, "SELECT ? AS v", pa.table({"v": pa.array([], pa.int64())})) == []


@capability(DRIVER, "prepared: parameters described")
def test_parameters_are_described_with_their_types(cursor):
    schema = cursor.adbc_prepare("SELECT ?::DATE AS a, ?::INTEGER[] AS b")
    assert [field.name for field in schema] == ["1", "2"]
    cursor.execute("CREATE OR REPLACE TABLE described (i INTEGER, t TIMESTAMP)")
    assert cursor.adbc_prepare("INSERT INTO described VALUES (?, ?)").types == [pa.int32(), pa.timestamp("us")]
    assert not cursor.adbc_prepare("SELECT 1")


@capability(DRIVER, "prepared: columns described")
def test_columns_of_a_prepared_query_are_described(cursor):
    assert cursor.adbc_execute_schema("SELECT ?::DATE AS d").field("d").type == pa.date32()


@capability(DRIVER, "prepared: query", "prepared: run again with other values")
def test_a_prepared_statement_runs_again_with_other_values(cursor):
    sql = "SELECT i FROM range(5) t(i) WHERE i > ?"
    assert [len(rows(cursor, sql, (value,))) for value in (0, 3, 9)] == [4, 1, 0]
    # Values of another type, and the same handle still.
    assert rows(cursor, sql, ("3",)) == [{"i": 4}]


@capability(DRIVER, "prepared: run again with other values")
def test_a_prepared_statement_follows_its_table(cursor):
    cursor.execute("CREATE OR REPLACE TABLE changing AS SELECT 1 AS i")
    sql = "SELECT * FROM changing WHERE i = ?"
    assert rows(cursor, sql, (1,)) == [{"i": 1}]
    with cursor.connection.cursor() as other:
        other.execute("ALTER TABLE changing ADD COLUMN t VARCHAR DEFAULT 'new'")
    assert rows(cursor, sql, (1,)) == [{"i": 1, "t": "new"}]


@capability(DRIVER, "prepared: wrong number of parameters refused")
@pytest.mark.parametrize("given", [None, (1,), (1, 2, 3)])
def test_the_wrong_number_of_parameters_is_refused_with_both_numbers(cursor, given):
    with pytest.raises(adbc_driver_manager.ProgrammingError, match=f"2 parameters and was given {len(given or ())}"):
        rows(cursor, "SELECT ?::INTEGER + ?::INTEGER AS s", given)
    assert rows(cursor, "SELECT ?::INTEGER + ?::INTEGER AS s", (1, 2)) == [{"s": 3}]


@capability(DRIVER, "prepared: parameters by name", not_offered="it refuses its own option to bind by name")
def test_the_driver_binds_by_position_only(cursor):
    with pytest.raises(adbc_driver_manager.NotSupportedError, match="bind_by_name"):
        cursor.execute("SELECT $a::INTEGER AS a", {"a": 1})


def test_named_parameters_are_bound_in_the_order_of_their_first_mention(cursor):
    sql = "SELECT $later::INTEGER AS l, $first::INTEGER AS f, $later::INTEGER AS again"
    assert rows(cursor, sql, (1, 2)) == [{"l": 1, "f": 2, "again": 1}]


@capability(DRIVER, "statement: a million rows")
def test_a_million_rows_arrive_in_order(cursor):
    cursor.execute("SELECT i, i::VARCHAR AS t FROM range(1000000) t(i)")
    expected = 0
    for batch in cursor.fetch_record_batch():
        assert batch.column(0)[0].as_py() == expected
        expected += batch.num_rows
        assert batch.column(1)[-1].as_py() == str(expected - 1)
    assert expected == 1_000_000


@capability(DRIVER, "statement: fetch size")
def test_rows_are_fetched_in_the_sizes_that_are_asked_for(cursor):
    cursor.adbc_statement.set_options(**{"adbc.rpc.result_queue_size": "1"})
    cursor.execute("SELECT range AS i FROM range(10000)")
    cursor.arraysize = 7
    sizes = [len(part) for part in iter(cursor.fetchmany, [])]
    assert sum(sizes) == 10_000 and set(sizes[:-1]) == {7}
