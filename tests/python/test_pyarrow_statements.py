"""Statements by pyarrow.flight: run for their rows or for their effect, prepared or not, in transactions or not."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from drivers import capability
from flight_sql import COMMIT, ROLL_BACK, Session, query

DRIVER = "pyarrow.flight"


@pytest.fixture(scope="module")
def session(server):
    with Session(server) as session:
        yield session


@pytest.fixture
def other(server):
    with Session(server) as session:
        yield session


def rows(session, sql):
    return [tuple(row.values()) for row in session.table(sql).to_pylist()]


@capability(DRIVER, "statement: empty result")
def test_an_empty_result_has_its_columns(session):
    table = session.table("SELECT 1 AS i, 'x' AS t WHERE false")
    assert (table.num_rows, table.schema.names) == (0, ["i", "t"])


@capability(DRIVER, "statement: nullability of columns")
def test_a_table_tells_which_columns_are_never_null(session):
    session.update("CREATE OR REPLACE TABLE never_null (i INTEGER NOT NULL, j INTEGER)")
    listed, = (info for info in session.client.list_flights(b"never\\_null", session.options))
    assert [field.name for field in listed.schema] == ["i", "j"]
    assert all(field.nullable for field in session.table("SELECT i, j FROM never_null").schema), "a query promises nothing"


@capability(DRIVER, "statement: schema known only after a run")
def test_what_has_columns_only_after_a_run_gives_them_and_no_schema_before(session):
    session.update("CREATE OR REPLACE TABLE sales AS FROM (VALUES (2020, 'oak', 1), (2021, 'ash', 2)) t(y, product, n)")
    pivot = "PIVOT sales ON product USING sum(n)::BIGINT GROUP BY y ORDER BY y"
    with pytest.raises(pa.ArrowNotImplementedError, match="0A000.*known only after"):
        session.client.get_schema(query(pivot), session.options)
    info = session.info(pivot)
    assert info.schema.names == ["y", "ash", "oak"] and info.total_records == 2
    assert rows(session, pivot) == [(2020, None, 1), (2021, 2, None)]


@capability(DRIVER, "statement: several in one text")
def test_several_statements_run_in_order_and_the_last_one_answers(session):
    text = "CREATE OR REPLACE TABLE many_steps (i INTEGER); INSERT INTO many_steps VALUES (1), (2); SELECT i FROM many_steps"
    assert rows(session, text) == [(1,), (2,)]
    session.update("INSERT INTO many_steps VALUES (3); INSERT INTO many_steps VALUES (4), (5)")
    assert rows(session, "SELECT count(*) FROM many_steps") == [(5,)]


@capability(DRIVER, "statement: result left unread", "cancel: by closing an unread result")
def test_a_result_can_be_left_unread(session):
    for _ in range(20):
        reader = session.stream("SELECT i, repeat('x', 1000) AS t FROM range(10000000) t(i)")
        reader.read_chunk()
        reader.cancel()
    assert session.value("SELECT 42") == 42


@capability(DRIVER, "statement: two results read in turns")
def test_two_results_are_read_in_turns(session):
    up = session.stream("SELECT i FROM range(3000000) t(i)")
    down = session.stream("SELECT -i AS i FROM range(3000000) t(i)")
    read = 0
    for left, right in zip(up, down, strict=True):
        assert left.data.column(0)[0].as_py() == -right.data.column(0)[0].as_py() == read
        read += left.data.num_rows
        assert session.value("SELECT 1") == 1
    assert read == 3_000_000


@capability(DRIVER, "statement: fetch size", not_offered="it asks for a ticket; how many rows come at a time is the server's")
def test_a_reader_has_no_size_to_be_set(session):
    assert not [name for name in dir(flight.FlightCallOptions) if "size" in name and name != "__sizeof__"]


@capability(DRIVER, "update: count of INSERT, UPDATE, DELETE", "update: count of MERGE", "update: count of a definition",
            "statement: definition")
def test_an_update_tells_how_many_rows_it_changed(session):
    assert session.update("CREATE OR REPLACE TABLE counted (i INTEGER PRIMARY KEY)") == 0
    assert session.update("INSERT INTO counted FROM range(5000)") == 5000
    assert session.update("UPDATE counted SET i = i + 10000 WHERE i < 10") == 10
    assert session.update("DELETE FROM counted WHERE i >= 10000") == 10
    assert session.update("MERGE INTO counted USING (VALUES (1), (20)) s(i) USING (i) "
                          "WHEN MATCHED THEN DELETE WHEN NOT MATCHED THEN INSERT VALUES (s.i)") == 2
    assert session.update("DROP TABLE counted") == 0
    for sql, records in [("CREATE TABLE counted (i INTEGER)", 0), ("INSERT INTO counted VALUES (1), (2)", 2)]:
        assert max(session.info(sql).total_records, 0) == records


@capability(DRIVER, "update: count of CREATE TABLE AS")
def test_a_table_made_of_a_query_counts_its_rows(session):
    assert session.update("CREATE OR REPLACE TABLE made AS FROM range(5)") == 5


@capability(DRIVER, "update: count of COPY")
def test_a_copy_counts_the_rows_it_wrote(start, tmp_path):
    server = start("--allow-writes", str(tmp_path))
    with Session(server) as session:
        assert session.update(f"COPY (FROM range(7)) TO '{tmp_path / 'copied.csv'}'") == 7
    assert len((tmp_path / "copied.csv").read_text().splitlines()) == 8


@capability(DRIVER, "update: RETURNING")
def test_what_is_returned_is_fetched_as_often_as_wanted_and_the_change_is_made_once(session):
    session.update("CREATE OR REPLACE TABLE returned (i INTEGER)")
    info = session.info("INSERT INTO returned VALUES (1), (2) RETURNING i * 10 AS ten")
    for _ in range(2):
        table = session.client.do_get(info.endpoints[0].ticket, session.options).read_all()
        assert table["ten"].to_pylist() == [10, 20]
    assert session.update("DELETE FROM returned RETURNING i") == 2


@capability(DRIVER, "prepared: query", "prepared: run again with other values", "prepared: columns described",
            "prepared: parameters described")
def test_a_prepared_query_is_described_and_runs_again_with_other_values(session):
    with session.prepared("SELECT i, i::VARCHAR AS t FROM range(5) t(i) WHERE i > ?") as statement:
        assert [(field.name, field.type) for field in statement.dataset_schema] == [("i", pa.int64()), ("t", pa.string())]
        assert statement.parameter_schema.types == [pa.int64()]
        told = session.client.get_schema(statement.query(), session.options).schema
        assert told.equals(statement.dataset_schema, check_metadata=True)
        assert [statement.table(pa.table({"v": [value]})).num_rows for value in (0, 3, 9)] == [4, 1, 0]
        assert statement.table().num_rows == 0, "the values stay bound"


@capability(DRIVER, "prepared: run again with other values")
def test_a_prepared_statement_follows_its_table(session):
    session.update("CREATE OR REPLACE TABLE changing AS SELECT 1 AS i")
    with session.prepared("SELECT * FROM changing") as statement:
        session.update("ALTER TABLE changing ADD COLUMN t VARCHAR")
        info = session.client.get_flight_info(statement.query(), session.options)
        assert info.schema.names == statement.table().schema.names == ["i", "t"]


@capability(DRIVER, "prepared: update", "prepared: update over many rows", "prepared: no row of parameters")
def test_a_prepared_update_runs_once_for_each_row(session):
    session.update("CREATE OR REPLACE TABLE many (i INTEGER, t VARCHAR)")
    with session.prepared("INSERT INTO many VALUES (?, ?)") as statement:
        assert statement.dataset_schema is None
        assert statement.update(pa.table({"i": range(3000), "t": [f"row {i}" for i in range(3000)]})) == 3000
        assert statement.update(pa.table({"i": pa.array([], pa.int64()), "t": pa.array([], pa.string())})) == 0
    with session.prepared("DELETE FROM many WHERE i < 10") as statement:
        assert statement.update() == 10
    assert rows(session, "SELECT count(*), count(DISTINCT t) FROM many") == [(2990, 2990)]


@capability(DRIVER, "prepared: query over many rows", "prepared: no row of parameters")
def test_a_query_over_many_rows_runs_once_for_each_in_their_order(session):
    with session.prepared("SELECT ?::INTEGER AS i, r FROM range(3) t(r) WHERE r < ?") as statement:
        table = statement.table(pa.table({"i": [1, 2, 3], "n": [2, 0, 1]}))
        assert table.to_pylist() == [{"i": 1, "r": 0}, {"i": 1, "r": 1}, {"i": 3, "r": 0}]
        nothing = statement.table(pa.table({"i": pa.array([], pa.int64()), "n": pa.array([], pa.int64())}))
        assert (nothing.num_rows, nothing.schema.names) == (0, ["i", "r"])


@capability(DRIVER, "prepared: parameter without a type", "prepared: columns known only after a run")
def test_a_parameter_without_a_type_takes_that_of_its_value(session):
    with session.prepared("SELECT ? AS v") as statement:
        assert statement.dataset_schema is None
        for array in [pa.array([5, None]), pa.array(["x"]), pa.array([[1.5]])]:
            assert statement.table(pa.table({"v": array}))["v"].to_pylist() == array.to_pylist()


@capability(DRIVER, "prepared: wrong number of parameters refused")
def test_the_wrong_number_of_parameters_is_refused_with_both_numbers(session):
    with session.prepared("SELECT ?::INTEGER + ?::INTEGER AS s") as statement:
        for given in [{"a": [1]}, {"a": [1], "b": [2], "c": [3]}]:
            with pytest.raises(pa.ArrowInvalid, match=f"2 parameters and was given {len(given)}"):
                statement.table(pa.table(given))
        with pytest.raises(pa.ArrowInvalid, match="2 parameters and was given 0"):
            statement.table()


@capability(DRIVER, "prepared: parameters by name", not_offered="Flight SQL binds the columns of a batch in their order")
def test_columns_of_parameters_are_taken_in_their_order_whatever_their_names(session):
    with session.prepared("SELECT $a::INTEGER AS a, $b::INTEGER AS b") as statement:
        assert statement.table(pa.table({"b": [1], "a": [2]})).to_pylist() == [{"a": 1, "b": 2}]


@capability(DRIVER, "transaction: commit", "transaction: rollback", "transaction: not seen by others before its commit")
def test_commit_keeps_and_rollback_drops(session, other):
    session.update("CREATE OR REPLACE TABLE settled (i INTEGER)")
    for end, kept in [(ROLL_BACK, 0), (COMMIT, 1)]:
        transaction = session.begin()
        session.update("INSERT INTO settled VALUES (1)", transaction)
        assert session.fetch(query("SELECT count(*) AS n FROM settled", transaction))["n"].to_pylist() == [1]
        assert other.value("SELECT count(*) FROM settled") == 0
        session.end(transaction, end)
        assert other.value("SELECT count(*) FROM settled") == kept


@capability(DRIVER, "transaction: aborted by an error until rolled back")
def test_a_transaction_that_failed_says_so_until_it_is_rolled_back(session):
    session.update("CREATE OR REPLACE TABLE unique_ones (i INTEGER PRIMARY KEY)")
    transaction = session.begin()
    session.update("INSERT INTO unique_ones VALUES (1)", transaction)
    with pytest.raises(pa.ArrowInvalid, match="23505"):
        session.update("INSERT INTO unique_ones VALUES (1)", transaction)
    with pytest.raises(pa.ArrowInvalid, match="25P02.*ROLLBACK"):
        session.fetch(query("SELECT 1", transaction))
    session.end(transaction, ROLL_BACK)
    assert session.value("SELECT count(*) FROM unique_ones") == 0
    with pytest.raises(pa.ArrowKeyError, match="25000.*no open transaction"):
        session.update("INSERT INTO unique_ones VALUES (1)", transaction)


@capability(DRIVER, "transaction: by SQL text", "transaction: autocommit")
def test_a_transaction_begun_by_sql_is_one(session, other):
    session.update("CREATE OR REPLACE TABLE by_text (i INTEGER)")
    session.update("BEGIN")
    session.update("INSERT INTO by_text VALUES (1)")
    assert other.value("SELECT count(*) FROM by_text") == 0
    session.update("ROLLBACK")
    session.update("INSERT INTO by_text VALUES (1)")
    assert other.value("SELECT count(*) FROM by_text") == 1


@capability(DRIVER, "transaction: isolation level", not_offered="Flight SQL has no message that sets one")
def test_the_server_lists_no_action_that_sets_an_isolation_level(session):
    actions = [action.type for action in session.client.list_actions(session.options)]
    assert "BeginTransaction" in actions and not [name for name in actions if "Isolation" in name]


@capability(DRIVER, "read: NULL")
@capability("ADBC Python", "read: NULL")
def test_a_bare_null_arrives_as_one(session, cursor):
    cursor.execute("SELECT NULL AS n FROM range(3)")
    for table in [session.table("SELECT NULL AS n FROM range(3)"), cursor.fetch_arrow_table()]:
        assert table["n"].to_pylist() == [None] * 3
        assert table.schema.field("n").metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"]
