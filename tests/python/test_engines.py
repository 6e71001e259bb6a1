"""The 22 queries of TPC-H: both engines give the rows and the schema that DuckDB gives in this process."""

import decimal
import functools
import importlib.resources
import math
import os
import pathlib
import re
import subprocess
import sys

import duckdb
import pytest

from conftest import adbc_connection
from pintail_process import CACHE, Server

SCALE = "0.01"
TABLES = ["customer", "lineitem", "nation", "orders", "part", "partsupp", "region", "supplier"]
# How the tables come to a server: as its datasets, or by statements of the session. Both must do.
WAYS = ["datasets", "statements"]


@functools.cache
def data():
    """The folder of the tables, made once a machine and never committed."""
    folder = CACHE / f"tpch/sf{SCALE}"
    if not folder.exists():
        making = folder.with_name(f"sf{SCALE}.making-{os.getpid()}")
        making.mkdir(parents=True)
        generator = pathlib.Path(sys.executable).parent / "tpchgen-cli"
        subprocess.run([generator, "parquet", "--scale-factor", SCALE, "--output-dir", making], check=True)
        making.rename(folder)
    return folder


@functools.cache
def local():
    """DuckDB in this process, with the tables, and with the queries of its extension."""
    connection = duckdb.connect()
    for table in TABLES:
        connection.execute(f"CREATE VIEW {table} AS FROM '{data() / table}.parquet'")
    folder = importlib.resources.files("duckdb_extension_tpch") / "extensions" / duckdb.sql("SELECT version()").fetchone()[0]
    connection.load_extension(str(folder / "tpch.duckdb_extension"))
    return connection


def query(number):
    """The text of a query."""
    return local().execute("SELECT query FROM tpch_queries() WHERE query_nr = ?", [number]).fetchone()[0].strip().rstrip(";")


class Session:
    """A connection to a server of one engine that has the tables."""

    def __init__(self, engine, way):
        arguments = [f"--dataset={table}={data() / table}.parquet" for table in TABLES] if way == "datasets" else []
        self.server = Server("--engine", engine, *arguments, allow_files=[data()])
        self.connection = adbc_connection(self.server, autocommit=True)
        self.cursor = self.connection.cursor()
        if way == "statements":
            make = {"duckdb": "CREATE VIEW {} AS FROM '{}'",
                    "datafusion": "CREATE EXTERNAL TABLE {} STORED AS PARQUET LOCATION '{}'"}[engine]
            for table in TABLES:
                self.cursor.execute(make.format(table, data() / f"{table}.parquet"))

    def table(self, sql):
        self.cursor.execute(sql)
        return self.cursor.fetch_arrow_table()

    def close(self):
        self.cursor.close()
        self.connection.close()
        self.server.stop()


@pytest.fixture(scope="module", params=["duckdb", "datafusion"])
def session(request):
    session = Session(request.param, WAYS[1])
    yield session
    session.close()


def schema(table):
    """Name, SQL type, wire type and nullability of each column."""
    return [(field.name, field.metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"].decode(), field.type, field.nullable)
            for field in table.schema]


def rows(table):
    """Its rows as tuples."""
    return list(zip(*(column.to_pylist() for column in table.columns)))


def same(wanted, found):
    """Whether two rows are equal: floats in nine digits, for sums of them depend on their order; the rest exactly."""
    if isinstance(wanted, (list, tuple)):
        return len(wanted) == len(found) and all(map(same, wanted, found))
    if isinstance(wanted, float):
        return isinstance(found, float) and math.isclose(wanted, found, rel_tol=1e-9)
    if isinstance(wanted, int) and isinstance(found, decimal.Decimal):
        # A HUGEINT is a decimal without a fraction on the wire.
        return found == wanted and found.as_tuple().exponent == 0
    return type(wanted) is type(found) and wanted == found


def sorting_columns(sql, names):
    """Where the columns are that the query orders by; rows that are equal in them have no order."""
    _, _, order = sql.lower().rpartition("order by")
    words = re.findall(r"[a-z_][a-z_0-9]*", order)
    return [number for number, name in enumerate(names) if name.lower() in words]


@pytest.mark.parametrize("number", range(1, 23))
def test_a_query_of_tpch_gives_what_duckdb_gives_in_this_process(session, number):
    sql = query(number)
    relation = local().sql(sql)
    wanted, names, types = relation.fetchall(), relation.columns, [str(known) for known in relation.types]
    assert wanted, "the query finds something"
    table = session.table(sql)
    assert [(name, sql_type) for name, sql_type, *_ in schema(table)] == list(zip(names, types))
    assert all(nullable for *_, nullable in schema(table))
    found = rows(table)
    if not same(wanted, found):
        keys = sorting_columns(sql, names) if "order by" in sql.lower() else []

        def ordered(all_rows):
            return [tuple(row[key] for key in keys) for row in all_rows]

        def sortable(row):
            return [str(round(value, 4)) if isinstance(value, float) else str(value) for value in row]

        assert same(ordered(wanted), ordered(found)), f"{wanted[:3]}\n{found[:3]}"
        assert same(sorted(wanted, key=sortable), sorted(found, key=sortable)), f"{wanted[:3]}\n{found[:3]}"


def test_the_tables_have_the_same_schema_in_both_engines_however_they_came_to_them():
    schemas = {}
    for engine in ("duckdb", "datafusion"):
        for way in WAYS:
            session = Session(engine, way)
            try:
                schemas[engine, way] = [schema(session.table(f"SELECT * FROM {table} LIMIT 1")) for table in TABLES]
            finally:
                session.close()
    first, *others = schemas.values()
    assert all(len(columns) > 2 for columns in first)
    assert all(other == first for other in others), schemas
