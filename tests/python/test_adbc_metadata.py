"""What the released ADBC driver lists of a database."""

import adbc_driver_manager
import pyarrow as pa
import pytest

from conftest import adbc_connection
from drivers import capability
from pintail_process import Server

DRIVER = "ADBC Python"


@pytest.fixture(scope="module")
def session():
    server = Server()
    with adbc_connection(server, autocommit=True) as connection:
        with connection.cursor() as cursor:
            for sql in [
                "CREATE SCHEMA far", "CREATE SCHEMA fir",
                "CREATE TABLE far.flights (carrier VARCHAR NOT NULL, distance INTEGER, price DECIMAL(9,2) DEFAULT 1.5)",
                "CREATE TABLE a_b (i INTEGER)", "CREATE TABLE axb (i INTEGER)", "CREATE VIEW seen AS SELECT 1 AS one",
                'CREATE TABLE "qu""oted %" ("ü" UUID[])', "CREATE TEMP TABLE passing (i INTEGER)",
            ]:
                cursor.execute(sql)
        yield connection
    server.stop()


def listed(session, depth, **filters):
    """The names of what is listed: catalog, schema, table, column, as deep as was asked for."""
    found = []
    for catalog in session.adbc_get_objects(depth=depth, **filters).read_all().to_pylist():
        path = (catalog["catalog_name"],)
        if catalog["catalog_db_schemas"] is None:
            found.append(path)
        for schema in catalog["catalog_db_schemas"] or []:
            inner = (*path, schema["db_schema_name"])
            if schema["db_schema_tables"] is None:
                found.append(inner)
            for table in schema["db_schema_tables"] or []:
                if table["table_columns"] is None:
                    found.append((*inner, table["table_name"]))
                found += [(*inner, table["table_name"], column["column_name"]) for column in table["table_columns"] or []]
    return found


@capability(DRIVER, "metadata: catalogs")
def test_catalogs_are_listed(session):
    assert listed(session, "catalogs") == [("datasets",), ("pintail",), ("temp",)]


@capability(DRIVER, "metadata: schemas")
def test_schemas_are_listed(session):
    assert listed(session, "db_schemas", catalog_filter="pintail") == [
        ("pintail", "far"), ("pintail", "fir"), ("pintail", "main")]


@capability(DRIVER, "metadata: tables")
def test_tables_are_listed(session):
    tables = listed(session, "tables")
    assert tables == [
        ("pintail", "far", "flights"), ("pintail", "main", "a_b"), ("pintail", "main", "axb"),
        ("pintail", "main", 'qu"oted %'), ("pintail", "main", "seen"), ("temp", "main", "passing")]


@capability(DRIVER, "metadata: columns")
def test_columns_are_listed_with_their_types(session):
    assert listed(session, "all", db_schema_filter="far") == [
        ("pintail", "far", "flights", name) for name in ("carrier", "distance", "price")]
    table = session.adbc_get_objects(depth="all", table_name_filter="flights").read_all().to_pylist()
    columns, = (table["table_columns"] for catalog in table for schema in catalog["catalog_db_schemas"]
                for table in schema["db_schema_tables"])
    told = [(column["ordinal_position"], column["xdbc_type_name"], column["xdbc_data_type"]) for column in columns]
    assert told == [(1, "VARCHAR", 12), (2, "INTEGER", 4), (3, "DECIMAL(9,2)", 3)]


@capability(DRIVER, "metadata: filters")
@pytest.mark.parametrize("filters, tables", [
    ({"db_schema_filter": "f_r"}, ["flights"]),
    ({"table_name_filter": "a_b"}, ["a_b", "axb"]),
    ({"table_name_filter": r"a\_b"}, ["a_b"]),
    ({"table_name_filter": "%l%"}, ["flights"]),
    ({"table_types_filter": ["VIEW"]}, ["seen"]),
    ({"table_types_filter": ["VIEW", "LOCAL TEMPORARY"]}, ["seen", "passing"]),
    ({"catalog_filter": "temp"}, ["passing"]),
    ({"catalog_filter": "nowhere"}, []),
    ({"table_name_filter": "no such"}, []),
])
def test_filters_leave_what_matches_them(session, filters, tables):
    assert [path[2] for path in listed(session, "tables", **filters)] == tables


@capability(DRIVER, "metadata: filters")
def test_a_filter_of_columns_leaves_those_that_match(session):
    found = listed(session, "columns", table_name_filter="flights", column_name_filter="%r%")
    assert [path[3] for path in found] == ["carrier", "price"]


@capability(DRIVER, "metadata: table types")
def test_types_of_tables_are_listed(session):
    assert session.adbc_get_table_types() == ["BASE TABLE", "LOCAL TEMPORARY", "VIEW"]


@capability(DRIVER, "metadata: schema of a table")
def test_the_schema_of_a_table_is_that_of_its_rows(session):
    schema = session.adbc_get_table_schema("flights", db_schema_filter="far")
    assert [(field.name, field.type, field.nullable) for field in schema] == [
        ("carrier", pa.string(), False), ("distance", pa.int32(), True), ("price", pa.decimal128(9, 2), True)]
    with session.cursor() as cursor:
        rows = cursor.adbc_execute_schema("SELECT * FROM far.flights")
    assert [(field.name, field.type) for field in rows] == [(field.name, field.type) for field in schema]
    assert session.adbc_get_table_schema("seen").names == ["one"]
    for place in [{"table_name": "nowhere"}, {"table_name": "flights", "db_schema_filter": "fir"},
                  {"table_name": "a_b", "catalog_filter": "nowhere"}]:
        with pytest.raises(adbc_driver_manager.ProgrammingError):
            session.adbc_get_table_schema(**place)


@capability(DRIVER, "metadata: server information")
def test_the_server_tells_what_it_is(session):
    info = session.adbc_get_info()
    assert (info["vendor_name"], info["vendor_arrow_version"] != "") == ("Pintail", True)
    assert info["vendor_version"][0].isdigit()
    only = session.adbc_connection.get_info([adbc_driver_manager.AdbcInfoCode.VENDOR_NAME])
    assert pa.RecordBatchReader._import_from_c(only.address).read_all().num_rows == 1


@capability(DRIVER, "metadata: statistics", not_offered="it answers that it has none")
def test_the_driver_has_no_statistics(session):
    for ask in [session.adbc_get_statistics, session.adbc_get_statistic_names]:
        with pytest.raises(adbc_driver_manager.NotSupportedError):
            ask()


@capability(DRIVER, "metadata: primary keys", "metadata: foreign keys",
            not_offered="it lists no constraints, though the server does")
def test_the_driver_lists_no_constraints(session):
    with session.cursor() as cursor:
        cursor.execute("CREATE OR REPLACE TABLE keyed (i INTEGER PRIMARY KEY)")
        tables = session.adbc_get_objects(depth="all", table_name_filter="keyed").read_all().to_pylist()
        cursor.execute("DROP TABLE keyed")
    constraints = [table["table_constraints"] for catalog in tables for schema in catalog["catalog_db_schemas"]
                   for table in schema["db_schema_tables"]]
    assert constraints == [[]]


@capability(DRIVER, "metadata: types", "metadata: tables as flights", "exchange: parameters in, rows out",
            "action: listed", "action: unknown refused", "cancel: by FlightInfo", "poll: endpoint renewed",
            not_offered="it has no call for it")
def test_the_driver_has_no_call_for_what_is_flights_own():
    calls = {*dir(adbc_driver_manager.AdbcConnection), *dir(adbc_driver_manager.AdbcStatement)}
    words = ("type_info", "flights", "exchange", "action", "flight_info", "renew")
    assert not [call for call in calls for word in words if word in call]
