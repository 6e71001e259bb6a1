"""Parameters of every type and in every encoding, by both Python clients: what is bound is what the database has."""

import pyarrow as pa
import pytest

from conftest import adbc_connection
from drivers import GROUPS, capability
from flight_sql import Session
from parameter_values import ENCODINGS, TYPES, Reinterpreted, capability_name


class Adbc:
    """Statements by ADBC's cursor."""

    def __init__(self, cursor):
        self.cursor = cursor

    def update(self, sql, parameters=None):
        self.cursor.executemany(sql, parameters)
        return self.cursor.rowcount

    def table(self, sql, parameters=None):
        self.cursor.execute(sql, parameters)
        return self.cursor.fetch_arrow_table()


class Raw:
    """Statements by pyarrow.flight."""

    def __init__(self, session):
        self.session = session

    def update(self, sql, parameters=None):
        with self.session.prepared(sql) as statement:
            return statement.update(parameters)

    def table(self, sql, parameters=None):
        with self.session.prepared(sql) as statement:
            return statement.table(parameters)


DRIVERS = {"ADBC Python": Adbc, "pyarrow.flight": Raw}


@pytest.fixture(scope="module")
def clients(server):
    # HUGEINT has values that only 256 bits hold.
    wide = {"adbc.flight.sql.session.option.pintail.wide_integers": "decimal256"}
    with (adbc_connection(server, autocommit=True, conn_kwargs=wide) as connection, connection.cursor() as cursor,
          Session(server) as session):
        session.set_option("pintail.wide_integers", "decimal256")
        yield {"ADBC Python": Adbc(cursor), "pyarrow.flight": Raw(session)}


def cases():
    for group, all_values in [("parameter", TYPES), ("parameter encoding", ENCODINGS)]:
        for values in all_values:
            name = f"{group}: {capability_name(values, GROUPS[group])}"
            for driver in DRIVERS:
                yield pytest.param(driver, values, marks=capability(driver, name), id=f"{driver}-{values}")


@pytest.mark.parametrize(("driver", "values"), [*cases()])
def test_a_bound_value_is_that_value_in_the_database(clients, driver, values):
    client, rows = clients[driver], values.table
    client.update(f"CREATE OR REPLACE TEMP TABLE bound (v {values.column}, n INTEGER)")
    assert client.update("INSERT INTO bound VALUES (?, ?)", rows) == len(rows)
    assert client.update("INSERT INTO bound VALUES (?, ?)", rows.slice(0, 1)) == 1
    wrong = client.table(f"SELECT b.n, b.v::VARCHAR AS found, e.v::VARCHAR AS expected FROM bound b "
                         f"JOIN {values.literals.replace(' t(n', ' e(n')} USING (n) "
                         f"WHERE b.v IS DISTINCT FROM e.v OR b.v::VARCHAR IS DISTINCT FROM e.v::VARCHAR")
    assert wrong.to_pylist() == []

    # The same rows in a query: it runs once for each, and the results follow one another.
    asked = client.table(f"SELECT ?::INTEGER AS n, ?::{values.column} AS v", rows.select(["n", "v"]))
    there = client.table(f"SELECT n, v FROM {values.literals} ORDER BY n")
    assert asked.schema == there.schema
    # Written out, since no NaN equals another.
    assert repr(asked.to_pylist()) == repr(there.to_pylist())


@pytest.mark.parametrize("driver", [pytest.param(driver, marks=capability(driver, "prepared: NULL")) for driver in DRIVERS])
def test_null_can_be_bound_as_every_type_and_as_none(clients, driver):
    for values in [*TYPES, *ENCODINGS]:
        null = pa.nulls(1) if pa.types.is_union(values.array.type) else pa.nulls(1, values.array.type)
        table = clients[driver].table(f"SELECT ?::{values.column} IS NULL AS is_null", pa.table({"v": null}))
        assert table.to_pylist() == [{"is_null": True}], values
    assert clients[driver].table("SELECT ? IS NULL AS n", pa.table({"v": pa.nulls(1)})).to_pylist() == [{"n": True}]


@pytest.mark.parametrize(("storage", "interval_format", "text"), [
    pytest.param(pa.array([14, None, -1], pa.int32()), b"tiM", "1 year 2 months, None, -1 month",
                 marks=capability("ADBC Python", "parameter encoding: Interval by months")),
    # Days in the low half of a word, milliseconds in the high one.
    pytest.param(pa.array([3 | 4000 << 32, None, 1], pa.int64()), b"tiD", "3 days 00:00:04, None, 1 day",
                 marks=capability("ADBC Python", "parameter encoding: Interval by days and milliseconds")),
], ids=["months", "days and milliseconds"])
def test_intervals_that_pyarrow_has_no_type_for_are_bound(clients, storage, interval_format, text):
    batch = Reinterpreted(pa.record_batch({"n": pa.array(range(3), pa.int32()), "v": storage}), 1, interval_format)
    cursor = clients["ADBC Python"].cursor
    cursor.execute("SELECT ?::INTEGER AS n, ?::INTERVAL::VARCHAR AS t", batch)
    assert ", ".join(str(value) for value in cursor.fetch_arrow_table()["t"].to_pylist()) == text


@capability("pyarrow.flight", "parameter encoding: Interval by months",
            "parameter encoding: Interval by days and milliseconds", not_offered="pyarrow has no such type")
def test_pyarrow_has_one_type_of_intervals():
    assert [name for name in dir(pa) if name.endswith("interval")] == ["month_day_nano_interval"]
