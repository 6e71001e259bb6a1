"""What the server lists of a database, by the commands of Flight SQL over pyarrow.flight; and rows written by them."""

import pandas
import pyarrow as pa
import pyarrow.flight as flight
import pytest

from drivers import capability
from flight_sql import ROLL_BACK, Session, changed, command, field
from pintail_process import Server

DRIVER = "pyarrow.flight"
CREATE, FAIL_WITHOUT = 1, 2
FAIL, APPEND, REPLACE = 1, 2, 3
# What to do without the table and with it.
MODES = {"create": (CREATE, FAIL), "append": (FAIL_WITHOUT, APPEND), "replace": (CREATE, REPLACE),
         "create_append": (CREATE, APPEND)}
NUMBERS = pa.table({"i": pa.array([1, 2], pa.int32())})


@pytest.fixture(scope="module")
def session():
    server = Server()
    with Session(server) as session:
        for sql in ["CREATE SCHEMA far",
                    "CREATE TABLE far.airports (country VARCHAR, code VARCHAR, PRIMARY KEY (country, code))",
                    "CREATE TABLE far.flights (id INTEGER PRIMARY KEY, origin VARCHAR, country VARCHAR NOT NULL, "
                    "price DECIMAL(9,2), FOREIGN KEY (country, origin) REFERENCES far.airports (country, code))",
                    "CREATE TABLE a_b (i INTEGER)", "CREATE TABLE axb (i INTEGER)", "CREATE VIEW seen AS SELECT 1 AS one"]:
            session.update(sql)
        yield session
    server.stop()


def listed(session, name, *numbered):
    """The rows of a metadata command with these fields."""
    return session.fetch(command(name, b"".join(field(number, value) for number, value in numbered))).to_pylist()


@capability(DRIVER, "metadata: catalogs", "metadata: schemas", "metadata: table types")
def test_catalogs_schemas_and_table_types_are_listed(session):
    assert {"catalog_name": "pintail"} in listed(session, "CommandGetCatalogs")
    assert listed(session, "CommandGetDbSchemas", (1, "pintail"), (2, "f%")) == [
        {"catalog_name": "pintail", "db_schema_name": "far"}]
    assert {row["table_type"] for row in listed(session, "CommandGetTableTypes")} == {"BASE TABLE", "LOCAL TEMPORARY", "VIEW"}


@capability(DRIVER, "metadata: tables", "metadata: filters")
@pytest.mark.parametrize("filters, tables", [
    ([(2, "far")], ["airports", "flights"]),
    ([(3, "a_b")], ["a_b", "axb"]),
    ([(3, r"a\_b")], ["a_b"]),
    ([(4, "VIEW")], ["seen"]),
    ([(1, "nowhere")], []),
    ([(1, "pintail"), (2, "f_r"), (3, "%s"), (4, "BASE TABLE")], ["airports", "flights"]),
])
def test_tables_are_listed_that_match_all_filters(session, filters, tables):
    assert [row["table_name"] for row in listed(session, "CommandGetTables", *filters)] == tables


@capability(DRIVER, "metadata: columns", "metadata: schema of a table")
def test_a_table_is_listed_with_its_schema(session):
    row, = listed(session, "CommandGetTables", (3, "flights"), (5, True))
    schema = pa.ipc.read_schema(pa.py_buffer(row["table_schema"]))
    assert [(column.name, column.type, column.nullable) for column in schema] == [
        ("id", pa.int32(), False), ("origin", pa.string(), True), ("country", pa.string(), False),
        ("price", pa.decimal128(9, 2), True)]
    price = schema.field("price").metadata
    assert (price[b"ARROW:FLIGHT:SQL:TYPE_NAME"], price[b"ARROW:FLIGHT:SQL:PRECISION"], price[b"ARROW:FLIGHT:SQL:SCALE"]) == (
        b"DECIMAL(9,2)", b"9", b"2")


@capability(DRIVER, "metadata: primary keys", "metadata: foreign keys")
def test_keys_are_listed_column_by_column(session):
    keys = listed(session, "CommandGetPrimaryKeys", (2, "far"), (3, "airports"))
    assert [(key["column_name"], key["key_sequence"]) for key in keys] == [("country", 1), ("code", 2)]
    both = [("country", "country"), ("code", "origin")]
    for name, filters in [("CommandGetImportedKeys", [(2, "far"), (3, "flights")]),
                          ("CommandGetExportedKeys", [(2, "far"), (3, "airports")]),
                          ("CommandGetCrossReference", [(2, "far"), (3, "airports"), (5, "far"), (6, "flights")])]:
        keys = listed(session, name, *filters)
        assert [(key["pk_column_name"], key["fk_column_name"]) for key in keys] == both, name
    assert listed(session, "CommandGetImportedKeys", (2, "far"), (3, "airports")) == []


@capability(DRIVER, "metadata: server information", "metadata: types")
def test_the_server_tells_what_it_is_and_which_types_it_has(session):
    told = {row["info_name"]: row["value"] for row in listed(session, "CommandGetSqlInfo")}
    assert told[0] == "Pintail" and len(told) > 30
    assert [row["info_name"] for row in listed(session, "CommandGetSqlInfo", (1, 8))] == [8]
    types = {row["type_name"]: row["data_type"] for row in listed(session, "CommandGetXdbcTypeInfo")}
    assert types["INTEGER"] == 4 and types["VARCHAR"] == 12 and len(types) > 30
    assert {row["data_type"] for row in listed(session, "CommandGetXdbcTypeInfo", (1, 4))} == {4}


def ingest(session, table, data, mode="create", temporary=False, schema=None, catalog=None):
    """Writes rows into a table by one upload; how many they were."""
    without, there = MODES[mode]
    body = field(1, field(1, without) + field(2, there)) + field(2, table)
    body += (field(3, schema) if schema else b"") + (field(4, catalog) if catalog else b"")
    body += field(5, True) if temporary else b""
    return changed(session.put(command("CommandStatementIngest", body), data))


@capability(DRIVER, "ingest: create", "ingest: append", "ingest: replace", "ingest: create or append", "ingest: table")
def test_each_mode_of_an_ingest_does_what_it_says(session):
    with pytest.raises(pa.ArrowKeyError, match="42P01"):
        ingest(session, "people", NUMBERS, "append")
    for mode, count in [("create", 2), ("append", 4), ("create_append", 6), ("replace", 2)]:
        assert ingest(session, "people", NUMBERS, mode) == 2
        assert session.value("SELECT count(*) FROM people") == count
    with pytest.raises(pa.ArrowException, match="42P07"):
        ingest(session, "people", NUMBERS, "create")


@capability(DRIVER, "ingest: temporary table", "ingest: catalog and schema")
def test_rows_go_where_they_are_told_to(session):
    ingest(session, "placed", NUMBERS, temporary=True)
    ingest(session, "placed", NUMBERS, schema="far", catalog="pintail")
    found = session.table("SELECT table_catalog AS c, table_schema AS s FROM information_schema.tables "
                          "WHERE table_name = 'placed' ORDER BY ALL").to_pylist()
    assert found == [{"c": "pintail", "s": "far"}, {"c": "temp", "s": "main"}]


@capability(DRIVER, "ingest: pandas")
def test_a_data_frame_is_ingested(session):
    frame = pandas.DataFrame({"i": [1, 2], "t": ["a", None]})
    assert ingest(session, "framed", pa.Table.from_pandas(frame)) == 2
    assert session.table("SELECT * FROM framed").to_pylist() == [{"i": 1, "t": "a"}, {"i": 2, "t": None}]


@capability(DRIVER, "ingest: empty stream")
def test_a_schema_without_rows_makes_an_empty_table(session):
    assert ingest(session, "empty", pa.RecordBatchReader.from_batches(NUMBERS.schema, [])) == 0
    assert session.table("SELECT * FROM empty").schema.types == NUMBERS.schema.types


@capability(DRIVER, "ingest: stream that breaks", "ingest: rolled back with its transaction")
def test_an_upload_that_breaks_off_writes_nothing(session):
    ingest(session, "whole", NUMBERS)
    body = field(1, field(1, CREATE) + field(2, APPEND)) + field(2, "whole")
    # Its time is over while the server waits for more.
    options = flight.FlightCallOptions(timeout=1, headers=[session.header])
    writer, answers = session.client.do_put(command("CommandStatementIngest", body), NUMBERS.schema, options)
    writer.write_table(NUMBERS)
    assert answers.read() is None
    with pytest.raises(flight.FlightTimedOutError):
        writer.close()
    assert session.value("SELECT count(*) FROM whole") == 2
    transaction = session.begin()
    ingest(session, "whole", NUMBERS, "append")
    assert session.value("SELECT count(*) FROM whole") == 4
    session.end(transaction, ROLL_BACK)
    assert session.value("SELECT count(*) FROM whole") == 2


@capability(DRIVER, "ingest: stream", "ingest: large, in bounded memory")
def test_a_large_stream_costs_the_server_little_memory(start):
    server = start("--memory-limit", "128MB")
    batch = pa.record_batch({"n": pa.array(range(65_536)), "text": [f"{n:0100}" for n in range(65_536)]})
    most = 0

    def batches():
        nonlocal most
        for _ in range(150):
            most = max(most, server.rss())
            yield batch

    with Session(server) as session:
        ingest(session, "warm", pa.Table.from_batches([batch]))
        idle = server.rss()
        assert ingest(session, "large", pa.RecordBatchReader.from_batches(batch.schema, batches())) == 150 * 65_536
        assert session.value("SELECT count(*) FROM large") == 150 * 65_536
    assert most - idle < 300 << 20
