"""pyarrow.flight, which knows Flight and nothing of SQL."""

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from drivers import capability
from flight_sql import Session, basic, command, field, query
from pintail_process import PASSWORD, USER

MONTHS = "SELECT month, count(*) AS flights, avg(dep_delay) AS delay FROM flights GROUP BY month ORDER BY month"


@capability("pyarrow.flight", "connect: user and password", "statement: rows of a query")
def test_a_token_is_handed_out_and_queries_run_with_it(server):
    with Session(server) as session:
        table = session.table(MONTHS)
        assert table.num_rows == 12
        assert table["flights"].to_pylist()[0] == 27004
        assert pa.types.is_float64(table.schema.field("delay").type)


@capability("pyarrow.flight", "statement: schema without a run", "statement: columns described")
def test_the_schema_is_one_wherever_it_is_told(server):
    queries = [MONTHS, "SELECT * FROM flights LIMIT 3", "SELECT * FROM weather WHERE false",
               "SELECT 1::HUGEINT AS h, 1.5::DECIMAL(9,2) AS d, [1, NULL] AS l, {'a': 'x'} AS s, NULL AS n"]
    with Session(server) as session:
        for sql in queries:
            told = session.client.get_schema(query(sql), session.options).schema
            info = session.info(sql)
            read = session.client.do_get(info.endpoints[0].ticket, session.options)
            assert told.equals(info.schema, check_metadata=True), sql
            assert told.equals(read.schema, check_metadata=True), sql
            assert read.read_all().schema.equals(told, check_metadata=True), sql


@capability("pyarrow.flight", "partition: read again")
def test_a_ticket_gives_the_same_rows_again(server):
    with Session(server) as session:
        ticket = session.info(MONTHS).endpoints[0].ticket
        first, second = (session.client.do_get(ticket, session.options).read_all() for _ in range(2))
        assert first.equals(second)


@capability("pyarrow.flight", "update: applied exactly once")
def test_a_change_is_applied_once_however_often_it_is_fetched(server):
    with Session(server) as session:
        session.table("CREATE TABLE fetched (i INTEGER)")
        info = session.info("INSERT INTO fetched VALUES (1), (2)")
        for _ in range(3):
            session.client.do_get(info.endpoints[0].ticket, session.options).read_all()
        assert info.total_records == 2
        assert session.value("SELECT count(*) FROM fetched") == 2


@capability("pyarrow.flight", "connect: user and password")
def test_basic_is_taken_on_any_call(server):
    with flight.FlightClient(server.uri) as client:
        info = client.get_flight_info(query("SELECT 42 AS n"), basic())
        assert client.do_get(info.endpoints[0].ticket, basic()).read_all()["n"].to_pylist() == [42]
        assert [action.type for action in client.list_actions(basic())]


@capability("pyarrow.flight", "connect: wrong password refused")
def test_wrong_credentials_are_refused(server):
    with flight.FlightClient(server.uri) as client:
        with pytest.raises(flight.FlightUnauthenticatedError, match="28P01"):
            client.authenticate_basic_token(USER, PASSWORD + "!")
        with pytest.raises(flight.FlightUnauthenticatedError, match="28000"):
            client.get_flight_info(query("SELECT 1"))
        token = flight.FlightCallOptions(headers=[(b"authorization", b"Bearer pt1.not.one")])
        with pytest.raises(flight.FlightUnauthenticatedError, match="28000"):
            client.get_flight_info(query("SELECT 1"), token)
        client.authenticate_basic_token(USER, PASSWORD)


def test_metadata_commands_answer(server):
    with Session(server) as session:
        def rows(name, body=b""):
            info = session.client.get_flight_info(command(name, body), session.options)
            table = session.client.do_get(info.endpoints[0].ticket, session.options).read_all()
            assert table.schema.equals(info.schema)
            return table

        tables = rows("CommandGetTables", field(3, "%s"))
        assert {"airlines", "airports", "flights", "planes"} <= set(tables["table_name"].to_pylist())
        assert rows("CommandGetTableTypes").num_rows >= 2
        assert "main" in rows("CommandGetDbSchemas")["db_schema_name"].to_pylist()
        assert rows("CommandGetCatalogs").num_rows >= 1
        assert rows("CommandGetSqlInfo").num_rows > 10


@capability("pyarrow.flight", "statement: a million rows")
def test_a_result_of_many_batches_arrives_whole_and_in_order(server):
    with Session(server) as session:
        batches, rows = 0, 0
        for chunk in session.stream("SELECT i, i::VARCHAR AS t FROM range(2000000) t(i)"):
            assert chunk.data.column(0)[0].as_py() == rows
            rows += chunk.data.num_rows
            batches += 1
        assert rows == 2_000_000
        assert batches > 2
