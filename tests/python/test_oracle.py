"""Every SQL type, thousands of values each: what arrives is what DuckDB reads in this process.

`PINTAIL_ORACLE_SEED` draws other values; the seed is part of every failure.
"""

import contextlib
import os

import adbc_driver_manager
import duckdb
import pyarrow as pa
import pyarrow.parquet
import pytest

import oracle_page
from conftest import adbc_connection
from drivers import SQL_TYPES, capability
from flight_sql import Session
from oracle_types import NESTED, TYPES, WIDEST, SqlType, nested_columns, wire_type
from oracle_values import column, differences, expected, expression, without_infinity
from pintail_process import Server

SEED = int(os.environ.get("PINTAIL_ORACLE_SEED", "1"))
# The samples that hold values beyond their wire types.
BEYOND = ["hugeint", "date_array", "timestamp_array", "timestamptz_array"]
# What the clients raise.
REFUSED = (adbc_driver_manager.Error, pa.ArrowException)
# Every type is read within each of these, too.
NESTED_KINDS = ["LIST", "ARRAY", "STRUCT", "MAP", "UNION"]
SAMPLES = duckdb.sql("DESCRIBE FROM test_all_types()").fetchall()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("oracle")


@pytest.fixture(scope="module")
def started(folder):
    """A server that may read the files of generated values."""
    server = Server(allow_files=[folder])
    try:
        yield server
    finally:
        server.stop()


@contextlib.contextmanager
def opened(server, autocommit=False, **told):
    """A session of each client with these of the server's own options, and DuckDB in this process."""
    options = {f"adbc.flight.sql.session.option.pintail.{name}": value for name, value in told.items()}
    with (Session(server) as session, adbc_connection(server, conn_kwargs=options, autocommit=autocommit) as connection,
          connection.cursor() as cursor):
        for name, value in told.items():
            session.set_option(f"pintail.{name}", value)
        yield Oracle(session, cursor, **told)


@pytest.fixture(scope="module")
def oracle(started):
    with opened(started) as oracle:
        yield oracle


class Oracle:
    """The same query three times: by DuckDB here, and over the wire by each client."""

    def __init__(self, session, cursor, wide_integers="decimal128", infinity="error"):
        self.session, self.cursor = session, cursor
        self.hugeint = {"decimal128": pa.decimal128(38, 0), "decimal256": pa.decimal256(39, 0)}[wide_integers]
        self.infinity = infinity
        self.local = duckdb.connect()
        self.local.execute("SET TimeZone = 'UTC'")

    def arrow(self, client, sql):
        """All rows, as the client reads them."""
        if client == "pyarrow":
            return self.session.table(sql)
        self.cursor.execute(sql)
        return self.cursor.fetch_arrow_table()

    def wire_type(self, sql_type):
        """The type a column must have."""
        return wire_type(sql_type, self.hugeint)

    def check(self, sql, there=None):
        """Compares all rows of a query whose first column, `n`, gives their order. Returns the values of each client.

        Of the result it compares names, wire types, told SQL types, nullability, and each value. A server of another
        engine may need other SQL for the same rows: `there`.
        """
        relation = self.local.sql(sql)
        names, types = relation.columns, [SqlType.of(known) for known in relation.types]
        shown = ", ".join(expression(f'"{name}"', sql_type) for name, sql_type in zip(names, types))
        rows = self.local.sql(f"SELECT {shown} FROM ({sql}) ORDER BY n").fetchall()
        counts = {}
        for client in oracle_page.CLIENTS:
            table = self.arrow(client, f"SELECT * FROM ({there or sql}) t ORDER BY n")
            assert table.column_names == names
            for number, (name, sql_type) in enumerate(zip(names, types)):
                where = f"{name} {sql_type.name} by {client}, seed {SEED}"
                field = table.schema.field(number)
                assert stored(field.type) == self.wire_type(sql_type), where
                assert field.metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"].decode() == sql_type.name, where
                assert field.nullable, where
                wanted = [expected(row[number], sql_type) for row in rows]
                if self.infinity == "null":
                    wanted = [without_infinity(value) for value in wanted]
                wrong = differences(wanted, column(table.column(number), sql_type), sql_type)
                assert not wrong, f"{where}: {len(wrong)} of {len(rows)} values differ; the first are {wrong[:3]}"
            counts[client] = len(rows) * (len(names) - 1)
        return counts


def stored(arrow_type):
    """The type without extension types, at any depth; equal to another whatever the fields' metadata."""
    if isinstance(arrow_type, pa.BaseExtensionType):
        return arrow_type.storage_type
    if pa.types.is_list(arrow_type) or pa.types.is_fixed_size_list(arrow_type):
        item = arrow_type.value_field
        item = pa.field(item.name, stored(item.type), item.nullable)
        return pa.list_(item, arrow_type.list_size) if pa.types.is_fixed_size_list(arrow_type) else pa.list_(item)
    fields = [arrow_type.field(number) for number in range(arrow_type.num_fields)]
    fields = [pa.field(field.name, stored(field.type), field.nullable) for field in fields]
    if pa.types.is_struct(arrow_type):
        return pa.struct(fields)
    if pa.types.is_map(arrow_type):
        key, value = arrow_type.key_field, arrow_type.item_field
        return pa.map_(pa.field(key.name, stored(key.type), key.nullable),
                       pa.field(value.name, stored(value.type), value.nullable))
    if pa.types.is_union(arrow_type):
        return pa.sparse_union(fields, arrow_type.type_codes)
    return arrow_type


def generated(folder, tested):
    """The SQL of all generated values of a type, from a file both sides read."""
    texts = tested.texts(SEED)
    file = folder / f"{len(list(folder.iterdir()))}.parquet"
    pyarrow.parquet.write_table(pa.table({"n": range(len(texts)), "t": pa.array(texts, pa.string())}), file)
    return f"(SELECT n, {tested.expression} AS v FROM '{file}')"


def reads(*names):
    """Marks a test as the proof that both clients read values of these types."""
    return [capability(driver, *(f"read: {name}" for name in names)) for driver in ("ADBC Python", "pyarrow.flight")]


def each_type():
    """All types, each with the name that it goes by among the capabilities."""
    for tested in TYPES:
        names = {tested.name, tested.name.partition("(")[0]} & set(SQL_TYPES)
        yield pytest.param(tested, id=tested.name, marks=reads(*names, *NESTED_KINDS))


@pytest.mark.parametrize("tested", [*each_type()])
def test_generated_values_and_edges_arrive_as_duckdb_has_them(oracle, folder, tested):
    values = generated(folder, tested)
    scalars = oracle.check(f"SELECT n, v FROM {values}")

    rows = (f"SELECT n::INTEGER AS n, v, lead(v) OVER (ORDER BY n) AS v1, lead(v, 2) OVER (ORDER BY n) AS v2 "
            f"FROM {values} WHERE n < {NESTED}")
    shapes = ", ".join(f"{made} AS c{number}" for number, (_, made) in enumerate(nested_columns(tested.name)))
    nested = oracle.check(f"SELECT n, {shapes} FROM ({rows})")

    empty = oracle.check(f"SELECT n, v FROM {values} WHERE n < 0")
    assert set(empty.values()) == {0}
    oracle_page.record(tested, scalars, nested)


def sample(name):
    """The SQL of a column of DuckDB's samples."""
    return f'SELECT row_number() OVER () AS n, "{name}" AS v FROM test_all_types()'


@pytest.mark.parametrize("name", [name for name, *_ in SAMPLES if name not in BEYOND])
def test_duckdbs_own_samples_arrive_as_it_has_them(oracle, name):
    oracle_page.record_sample(name, oracle.check(sample(name)))


@pytest.mark.parametrize("name", BEYOND)
def test_a_sample_beyond_its_wire_type_is_an_error_until_an_option_makes_room_for_it(started, oracle, name):
    for client in oracle_page.CLIENTS:
        with pytest.raises(REFUSED, match="22003"):
            oracle.arrow(client, sample(name))
    oracle.cursor.connection.rollback()
    with opened(started, wide_integers="decimal256", infinity="null") as wider:
        oracle_page.record_sample(name, wider.check(sample(name)))


def test_every_hugeint_there_is_arrives_in_256_bits(started, folder):
    values = generated(folder, WIDEST)
    shapes = ", ".join(f"{made} AS c{number}" for number, (_, made) in enumerate(nested_columns("HUGEINT")))
    with opened(started, wide_integers="decimal256") as wider:
        wider.check(f"SELECT n, v FROM {values}")
        wider.check(f"SELECT n, {shapes} FROM (SELECT n::INTEGER AS n, v, v AS v1, -(v // 2) AS v2 FROM {values})")


@pytest.mark.parametrize("kind", ["DATE", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMPTZ"])
def test_infinities_arrive_as_nulls_where_that_is_asked_for_and_nothing_else_does(started, kind):
    values = ["infinity", "-infinity", "1970-01-01", "2013-06-07", "1969-12-31"]
    rows = ", ".join(f"({number}, '{value}'::{kind})" for number, value in enumerate(values * 2000))
    # Keys of maps can't be null.
    keyed = f"MAP({kind}, VARCHAR)"
    shapes = ", ".join(f"{made} AS c{number}" for number, (sql_type, made) in enumerate(nested_columns(kind))
                       if sql_type != keyed)
    with opened(started, infinity="null") as lenient:
        lenient.check(f"SELECT n, v FROM (VALUES {rows}, (-1, NULL)) t(n, v)")
        for client in oracle_page.CLIENTS:
            with pytest.raises(REFUSED, match="22003"):
                lenient.arrow(client, f"SELECT MAP {{'infinity'::{kind}: 1}} AS m")
        lenient.cursor.connection.rollback()
        lenient.check(f"SELECT n, {shapes} FROM (SELECT n, v, v AS v1, v AS v2 FROM (VALUES {rows}) t(n, v))")


def test_an_enum_of_seventy_thousand_values_arrives_as_texts(oracle):
    oracle.check("SELECT row_number() OVER () AS n, large_enum AS v FROM test_all_types(use_large_enum := true)")


def test_all_samples_arrive_in_one_row(oracle):
    oracle.check(f"SELECT row_number() OVER () AS n, * EXCLUDE ({', '.join(BEYOND)}) FROM test_all_types()")


def test_the_page_of_types_shows_these_results():
    oracle_page.check()
