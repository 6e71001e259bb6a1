"""The Python client as DB-API and Arrow have it, with one server."""

import datetime
import decimal
import uuid

import polars
import pyarrow as pa
import pytest

import pintail
from client_connection import connect, value
from pintail_process import PASSWORD, USER

BERLIN_SUMMER = datetime.timezone(datetime.timedelta(hours=2))


@pytest.fixture(scope="module")
def shared(server):
    """A connection for tests that change nothing in it."""
    with connect(server, autocommit=True) as connection:
        yield connection


@pytest.fixture
def own(server):
    """A connection as DB-API has it: nothing is committed by itself."""
    with connect(server) as connection:
        connection.execute("CREATE OR REPLACE TABLE t (i INTEGER, s VARCHAR)")
        connection.commit()
        yield connection


def test_the_module_says_what_it_is():
    assert (pintail.apilevel, pintail.threadsafety, pintail.paramstyle) == ("2.0", 1, "qmark")
    for name in ["Warning", "Error", "InterfaceError", "DatabaseError", "DataError", "OperationalError", "IntegrityError",
                 "InternalError", "ProgrammingError", "NotSupportedError"]:
        assert getattr(pintail.Connection, name) is getattr(pintail, name)
    assert pintail.DateFromTicks(0).year in (1969, 1970)
    assert pintail.TimestampFromTicks(86_400 * 3).day in (3, 4)
    assert pintail.TimeFromTicks(1).second == 1


def test_rows_are_had_one_by_one_in_parts_and_as_a_whole(shared):
    cursor = shared.cursor()
    assert cursor.execute("SELECT i, 'x' || i AS s FROM range(10) t(i) ORDER BY i") is cursor
    assert cursor.fetchone() == (0, "x0")
    assert cursor.fetchmany(2) == [(1, "x1"), (2, "x2")]
    cursor.arraysize = 3
    assert [row[0] for row in cursor.fetchmany()] == [3, 4, 5]
    assert next(iter(cursor)) == (6, "x6")
    assert cursor.fetch_arrow_table().to_pydict() == {"i": [7, 8, 9], "s": ["x7", "x8", "x9"]}
    assert cursor.fetchone() is None and cursor.fetchall() == [] and cursor.fetchmany(5) == []
    assert list(shared.execute("SELECT 1 WHERE false")) == []


def test_columns_are_described(shared):
    cursor = shared.execute("SELECT 1::BIGINT AS n, 'x' AS s, 1.5::DECIMAL(9,2) AS d, DATE '2013-07-01' AS t, 'a'::BLOB AS b")
    names = [column[0] for column in cursor.description]
    assert names == ["n", "s", "d", "t", "b"]
    assert all(len(column) == 7 for column in cursor.description)
    types = [column[1] for column in cursor.description]
    assert types == [pintail.NUMBER, pintail.STRING, pintail.NUMBER, pintail.DATETIME, pintail.BINARY]
    assert types[0] == pa.int64() and pintail.NUMBER != types[1] and pintail.ROWID != types[0]
    assert cursor.description[2][4:6] == (9, 2)


def test_arrow_comes_as_a_table_and_batch_by_batch(shared):
    sql = "SELECT i FROM range(300000) t(i)"
    assert shared.execute(sql).fetch_arrow_table()["i"].to_pylist() == list(range(300_000))
    reader = shared.execute(sql).fetch_record_batch()
    assert isinstance(reader, pa.RecordBatchReader) and reader.schema == pa.schema({"i": pa.int64()})
    assert sum(batch.num_rows for batch in reader) == 300_000


def test_data_frames_are_had_of_pandas_and_polars(shared):
    sql = "SELECT i, 'x' || i AS s FROM range(3) t(i) ORDER BY i"
    frame = shared.execute(sql).fetch_df()
    assert frame.to_dict("list") == {"i": [0, 1, 2], "s": ["x0", "x1", "x2"]}
    assert isinstance(shared.execute(sql).fetch_polars(), polars.DataFrame)
    assert shared.execute(sql).fetch_polars().to_dict(as_series=False) == {"i": [0, 1, 2], "s": ["x0", "x1", "x2"]}


def test_pandas_reads_over_a_connection(shared):
    import pandas

    with pytest.warns(UserWarning, match="SQLAlchemy"):
        frame = pandas.read_sql("SELECT count(*) AS n FROM flights WHERE month = ?", shared, params=(2,))
    assert frame["n"].to_list() == [24951]


@pytest.mark.parametrize(("bound", "sql_type"), [
    (None, '"NULL"'), (True, "BOOLEAN"), (42, "BIGINT"), (-(2**63), "BIGINT"), (1.5, "DOUBLE"), (float("inf"), "DOUBLE"),
    (decimal.Decimal("-12.340"), "DECIMAL(5,3)"), (decimal.Decimal("0.001"), "DECIMAL(3,3)"), ("Ankaŭ 🦆", "VARCHAR"),
    (b"\x00\xff", "BLOB"), (datetime.date(1969, 7, 20), "DATE"), (datetime.time(23, 59, 59, 999_999), "TIME"),
    (datetime.datetime(1969, 7, 20, 20, 17, 40, 1), "TIMESTAMP"),
    (datetime.datetime(2013, 7, 1, 2, tzinfo=BERLIN_SUMMER), "TIMESTAMP WITH TIME ZONE"),
    (datetime.timedelta(days=-3, microseconds=7), "INTERVAL"), (uuid.UUID(int=1 << 127), "UUID"),
    ([1, None, 3], "BIGINT[]"), ([["a"], []], "VARCHAR[][]"), ([uuid.UUID(int=5)], "UUID[]"),
    ({"a": 1, "b c": [decimal.Decimal("1.5")]}, 'STRUCT(a BIGINT, "b c" DECIMAL(2,1)[])'),
    ([{"a": None}, {"a": datetime.date(2013, 7, 1)}], "STRUCT(a DATE)[]"),
], ids=lambda bound: type(bound).__name__ if not isinstance(bound, str) else bound)
def test_a_value_arrives_as_itself_and_comes_back(shared, bound, sql_type):
    assert shared.execute("SELECT typeof(?), ?", (bound, bound)).fetchall() == [(sql_type, bound)]


def test_whole_numbers_beyond_64_bits_are_bound_with_all_their_digits(shared):
    for number in [2**63, -(2**100), 10**38 - 1, 10**38]:
        assert value(shared, "SELECT ?::VARCHAR", (number,)) == str(number)


def test_rows_of_parameters_have_the_types_that_hold_all_of_a_column(shared):
    shared.execute("CREATE OR REPLACE TEMP TABLE many (a DOUBLE, b DECIMAL(10,3), c VARCHAR)")
    rows = [(1, 2, None), (1.5, decimal.Decimal("0.125"), "x"), (None, None, None)]
    assert shared.executemany("INSERT INTO many VALUES (?, ?, ?)", rows).rowcount == 3
    assert shared.execute("SELECT * FROM many ORDER BY rowid").fetchall() == [
        (1.0, decimal.Decimal("2.000"), None), (1.5, decimal.Decimal("0.125"), "x"), (None, None, None)]
    assert shared.executemany("INSERT INTO many VALUES (?, ?, ?)", []).rowcount == 0


def test_arrow_is_bound_as_it_is(shared):
    rows = pa.table({"n": pa.array([1, 2], pa.int8()), "m": ["a", None]})
    assert shared.execute("SELECT ? + 1::TINYINT, ?", rows).fetchall() == [(2, "a"), (3, None)]
    assert shared.execute("SELECT typeof(?)", (pa.scalar(5, pa.int8()),)).fetchall() == [("TINYINT",)]


def test_changes_are_counted_and_have_no_rows(own):
    cursor = own.cursor()
    cursor.execute("INSERT INTO t VALUES (1, 'a'), (2, 'b')")
    assert (cursor.rowcount, cursor.description) == (2, None)
    assert cursor.execute("UPDATE t SET s = ? WHERE i = ?", ("c", 1)).rowcount == 1
    assert cursor.execute("DELETE FROM t RETURNING i").fetchall() == [(1,), (2,)]
    with pytest.raises(pintail.ProgrammingError, match="no result"):
        cursor.execute("INSERT INTO t VALUES (1, 'a')").fetchall()


def test_nothing_is_committed_by_itself_unless_it_is_told_to(server, own):
    with connect(server, autocommit=True) as other:
        own.execute("INSERT INTO t VALUES (1, 'a')")
        assert own.in_transaction and value(other, "SELECT count(*) FROM t") == 0
        own.rollback()
        assert value(own, "SELECT count(*) FROM t") == 0 and not own.in_transaction, "reading begins no transaction"
        own.execute("INSERT INTO t VALUES (2, 'b')")
        own.commit()
        assert value(other, "SELECT count(*) FROM t") == 1
        own.execute("INSERT INTO t VALUES (3, 'c')")
        own.autocommit = True
        own.execute("INSERT INTO t VALUES (4, 'd')")
        assert value(other, "SELECT count(*) FROM t") == 3
        own.commit()
        own.begin()
        with pytest.raises(pintail.ProgrammingError, match="open already"):
            own.begin()
        own.execute("INSERT INTO t VALUES (5, 'e')")
        own.rollback()
        assert value(other, "SELECT count(*) FROM t") == 3


def test_what_is_not_committed_is_gone_with_its_connection(server, own):
    own.execute("INSERT INTO t VALUES (1, 'a')")
    own.close()
    with connect(server) as other:
        assert value(other, "SELECT count(*) FROM t") == 0


@pytest.mark.parametrize(("sql", "kind", "code", "sqlstate"), [
    ("SELEC 1", pintail.ProgrammingError, "STATEMENT_FAILED", "42601"),
    ("SELECT * FROM nobody", pintail.ProgrammingError, "STATEMENT_FAILED", "42P01"),
    ("SELECT 'x'::INTEGER", pintail.DataError, "STATEMENT_FAILED", "22P02"),
    ("SELECT ?", pintail.ProgrammingError, "REQUEST_INVALID", "22023"),
    ("INSERT INTO constrained VALUES (1)", pintail.IntegrityError, "STATEMENT_FAILED", "23505"),
    ("SAVEPOINT a", pintail.ProgrammingError, None, None),
    ("", pintail.Error, None, None),
])
def test_errors_have_the_class_the_code_and_the_sqlstate_of_their_cause(shared, sql, kind, code, sqlstate):
    shared.execute("CREATE OR REPLACE TEMP TABLE constrained AS SELECT 1 AS i")
    shared.execute("CREATE UNIQUE INDEX one ON constrained (i)")
    with pytest.raises(kind) as raised:
        shared.execute(sql).fetchall()
    assert code is None or (raised.value.code, raised.value.sqlstate) == (code, sqlstate)
    assert "gRPC" not in str(raised.value) and "Flight" not in str(raised.value)
    assert value(shared, "SELECT 42") == 42


@pytest.mark.parametrize(("parameters", "message"), [
    ((1, 2), "1 parameters and was given 2"), ((object(),), "type object"), ({"a": 1}, "by their positions"), (5, "sequence"),
    ("x", "sequence"), ((datetime.time(1, tzinfo=BERLIN_SUMMER),), "TIME WITH TIME ZONE"), ((10**80,), "81 digits"),
    ((decimal.Decimal("NaN"),), "NaN"), (([1, "a"],), "no type in common"), (({1: 2},), "texts as keys"),
    (({},), "texts as keys"),
])
def test_parameters_that_can_not_be_bound_are_refused_by_what_is_wrong_with_them(shared, parameters, message):
    with pytest.raises(pintail.ProgrammingError, match=message):
        shared.execute("SELECT ?", parameters)
    assert value(shared, "SELECT ?", (1,)) == 1


def test_rows_of_parameters_must_be_alike(shared):
    with pytest.raises(pintail.ProgrammingError, match="row 1 of the parameters has 1 values"):
        shared.executemany("SELECT ?, ?", [(1, 2), (3,)])
    with pytest.raises(pintail.ProgrammingError, match="parameter 1 has values of int64 and of string"):
        shared.executemany("SELECT ?", [(1,), ("a",)])


def test_what_is_closed_is_closed(server):
    connection = connect(server)
    cursor, other = connection.cursor(), connection.execute("SELECT 1")
    cursor.close()
    with pytest.raises(pintail.InterfaceError, match="cursor is closed"):
        cursor.execute("SELECT 1")
    with pytest.raises(pintail.InterfaceError, match="cursor is closed"):
        cursor.fetchone()
    connection.close()
    connection.close()
    for use in [connection.cursor, connection.commit, connection.rollback, connection.detach, other.fetchall,
                lambda: other.execute("SELECT 1"), lambda: connection.session_options]:
        with pytest.raises(pintail.InterfaceError, match="connection is closed"):
            use()


def test_a_server_is_not_entered_with_what_it_does_not_know(server):
    with pytest.raises(pintail.AuthenticationError) as raised:
        pintail.connect(server.uri, user=USER, password="wrong")
    assert (raised.value.code, raised.value.sqlstate) == ("CREDENTIALS_WRONG", "28P01")
    unknown = f"pt1.{'0' * 32}.{'A' * 43}"
    with pytest.raises(pintail.SessionLostError) as raised:
        pintail.connect(server.uri, token=unknown)
    assert raised.value.code in ("TOKEN_UNKNOWN", "TOKEN_MALFORMED")
    assert unknown not in str(raised.value)
    with pytest.raises(pintail.OperationalError) as raised:
        pintail.connect("grpc://127.0.0.1:1", user=USER, password=PASSWORD, connect_timeout=0.2)
    assert (raised.value.code, raised.value.sqlstate) == ("CONNECTION_FAILED", "08001")


@pytest.mark.parametrize(("uri", "options", "message"), [
    ("http://127.0.0.1:8815", {"token": "x"}, "URIs begin with"), ("127.0.0.1:8815", {"token": "x"}, "URIs begin with"),
    ("grpc://a:b@127.0.0.1:8815", {"token": "x"}, "no user and no password"), ([], {"token": "x"}, "no URI"),
    ("grpc://127.0.0.1", {"token": "x"}, "a port"), ("grpc://127.0.0.1:many", {"token": "x"}, "a port"),
    ("grpc://127.0.0.1:8815", {"token": "pt1.a\r\nb: c"}, "a token has letters"),
    ("grpc://127.0.0.1:8815", {"token": "x", "keepalive": 0}, "keepalive is 0"),
    ("grpc://127.0.0.1:8815", {}, "either a user name"), ("grpc://127.0.0.1:8815", {"user": "a"}, "either a user name"),
    ("grpc://127.0.0.1:8815", {"user": "a", "password": "b", "token": "c"}, "either a user name"),
    ("grpc://127.0.0.1:8815", {"user": "a:b", "password": "c"}, "no colon"),
    ("grpc+tls://127.0.0.1:8815", {"token": "x", "tls_root_certs": "/nowhere/ca.pem"}, "can't be read"),
])
def test_a_connection_that_makes_no_sense_is_refused_before_anything_is_sent(uri, options, message):
    with pytest.raises(pintail.InterfaceError, match=message):
        pintail.connect(uri, **options)


def test_nothing_that_is_shown_has_a_secret(server):
    with connect(server) as connection:
        cursor = connection.execute("SELECT 1")
        things = [connection, cursor, connection.session_options, *vars(connection).values(), *vars(cursor).values()]
        shown = " ".join(map(repr, things))
        assert PASSWORD not in shown and connection.session_token not in shown


def test_a_statement_has_the_time_it_is_given(server, shared):
    endless = "SELECT count(*) FROM range(10000000000000)"
    with pytest.raises(pintail.StatementTimeoutError) as raised:
        shared.execute(endless, timeout=0.3).fetchall()
    assert (raised.value.code, raised.value.sqlstate) == ("DEADLINE_EXCEEDED", "57014")
    with pytest.raises(pintail.StatementTimeoutError):
        shared.execute(f"CREATE TABLE never AS {endless}", timeout=0.3)
    assert value(shared, "SELECT 42") == 42
    with connect(server, autocommit=True, statement_timeout=0.3) as limited:
        assert limited.session_options["pintail.statement_timeout"] == "300ms"
        with pytest.raises(pintail.StatementCancelledError) as raised:
            limited.execute(endless).fetchall()
        assert raised.value.sqlstate == "57014"
        assert value(limited, "SELECT 42") == 42


def test_a_result_that_has_failed_does_not_begin_again(shared):
    # The first batches come before the row that fails.
    cursor = shared.execute("SELECT CASE WHEN i < 1000000 THEN i ELSE error('no more') END FROM range(2000000) t(i)")
    taken = []
    with pytest.raises(pintail.Error, match="no more"):
        taken += cursor
    for fetch in [cursor.fetchone, cursor.fetchall, cursor.fetch_arrow_table]:
        with pytest.raises(pintail.Error, match="no more"):
            fetch()


def test_several_results_are_read_in_turns(shared):
    one, two = shared.execute("SELECT i FROM range(100000) t(i)"), shared.execute("SELECT -i FROM range(100000) t(i)")
    assert [(one.fetchone(), two.fetchone()) for _ in range(3)] == [((0,), (0,)), ((1,), (-1,)), ((2,), (-2,))]
    assert len(one.fetchall()) == len(two.fetchall()) == 99_997


def test_several_endpoints_are_one_result(server):
    with connect(server, autocommit=True, session_options={"pintail.endpoints": "4"}) as connection:
        found = connection.execute("SELECT i FROM range(500000) t(i)").fetch_arrow_table()
        assert found["i"].to_pylist() == list(range(500_000))
