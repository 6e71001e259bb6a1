"""Every SQL type: its type on the wire, and its values against DuckDB in this process."""

import decimal

import duckdb
import pyarrow as pa
import pytest

from flight_sql import Session

US_UTC = pa.timestamp("us", tz="UTC")

# SQL type, its Arrow type, values as SQL. Every type is also asked for its NULL.
TYPES = [
    ("BOOLEAN", pa.bool_(), ["true", "false"]),
    ("TINYINT", pa.int8(), ["-128", "127", "0"]),
    ("SMALLINT", pa.int16(), ["-32768", "32767"]),
    ("INTEGER", pa.int32(), ["-2147483648", "2147483647"]),
    ("BIGINT", pa.int64(), ["-9223372036854775808", "9223372036854775807"]),
    ("UTINYINT", pa.uint8(), ["0", "255"]),
    ("USMALLINT", pa.uint16(), ["0", "65535"]),
    ("UINTEGER", pa.uint32(), ["0", "4294967295"]),
    ("UBIGINT", pa.uint64(), ["0", "18446744073709551615"]),
    ("HUGEINT", pa.decimal128(38, 0), ["99999999999999999999999999999999999999", "-1", "0"]),
    ("FLOAT", pa.float32(), ["1.5", "'-inf'", "'nan'", "-0.0", "3.4028235e38"]),
    ("DOUBLE", pa.float64(), ["0.1", "'inf'", "'nan'", "5e-324", "1.7976931348623157e308"]),
    ("DECIMAL(4,1)", pa.decimal128(4, 1), ["-999.9", "999.9"]),
    ("DECIMAL(9,2)", pa.decimal128(9, 2), ["-9999999.99", "0.01"]),
    ("DECIMAL(15,2)", pa.decimal128(15, 2), ["9999999999999.99", "-0.01"]),
    ("DECIMAL(38,10)", pa.decimal128(38, 10), ["'9999999999999999999999999999.9999999999'", "'-1e-10'"]),
    ("VARCHAR", pa.string(), ["''", "'pintail'", "'Ankaŭ 🦆'", "repeat('long ', 10000)", "chr(0) || 'x'"]),
    ("BLOB", pa.binary(), [r"'\x00\xFF'", "''"]),
    ("DATE", pa.date32(), ["'1992-01-02'", "'1969-12-31'", "'9999-12-31'", "'0044-03-15 (BC)'"]),
    ("TIME", pa.time64("us"), ["'00:00:00'", "'23:59:59.999999'"]),
    ("TIME_NS", pa.time64("ns"), ["'23:59:59.999999999'"]),
    ("TIMESTAMP", pa.timestamp("us"), ["'1969-07-20 20:17:40.000001'", "'9999-12-31 23:59:59.999999'"]),
    ("TIMESTAMP_S", pa.timestamp("s"), ["'1969-07-20 20:17:40'"]),
    ("TIMESTAMP_MS", pa.timestamp("ms"), ["'1969-07-20 20:17:40.123'"]),
    ("TIMESTAMP_NS", pa.timestamp("ns"), ["'1969-07-20 20:17:40.123456789'"]),
    ("TIMESTAMP WITH TIME ZONE", US_UTC, ["'2013-01-01 05:00:00+00'", "'2013-06-01 05:00:00.000001+02'"]),
    ("TIME WITH TIME ZONE", pa.string(), ["'13:30:00.000001+05:30'", "'00:00:00-15:59'"]),
    ("INTERVAL", pa.month_day_nano_interval(), ["'14 months -3 days 4 hours'", "'0 days'", "'-1 microsecond'"]),
    ("UUID", None, ["'00000000-0000-0000-0000-000000000000'", "'ffffffff-1234-5678-9abc-def012345678'"]),
    ("ENUM('calm', 'it''s windy')", pa.string(), ["'calm'", "'it''s windy'"]),
    ("BIT", pa.string(), ["'1'", "'0000000001'", "'101010101010101010'"]),
    ("BIGNUM", pa.string(), ["'123456789012345678901234567890123456789012345678901234567890'", "'-1'", "'0'"]),
    ("JSON", None, ["""'{"a": [1, null]}'"""]),
    ("INTEGER[]", pa.list_(pa.field("item", pa.int32())), ["[1, NULL, 3]", "[]"]),
    ("VARCHAR[][]", None, ["[['a'], [], NULL, [NULL, 'b']]"]),
    ("INTEGER[3]", None, ["[1, NULL, 3]"]),
    ("STRUCT(a INTEGER, \"b c\" VARCHAR)", None, ["{'a': 1, 'b c': 'x'}", "{'a': NULL, 'b c': NULL}"]),
    ("MAP(VARCHAR, INTEGER[])", None, ["MAP {'k': [1, 2], 'l': NULL}", "MAP {}"]),
    ("UNION(i INTEGER, s VARCHAR)", None, ["union_value(i := 7)", "union_value(s := 'seven')"]),
    ("STRUCT(l DECIMAL(9,2)[], d DATE)[]", None, ["[{'l': [1.25], 'd': DATE '2013-01-01'}, NULL]"]),
]


@pytest.fixture(scope="module")
def session(server):
    with Session(server) as session:
        yield session


def rows_of(sql_type, values):
    """A query with one row a value, and the NULL, in an order of its own."""
    rows = ", ".join(f"({number}, ({value})::{sql_type})" for number, value in enumerate([*values, "NULL"]))
    return f"SELECT v FROM (VALUES {rows}) t(n, v) ORDER BY n"


@pytest.mark.parametrize(("sql_type", "wire", "values"), TYPES, ids=[row[0] for row in TYPES])
def test_values_arrive_as_duckdb_has_them(session, sql_type, wire, values):
    arrived = session.table(rows_of(sql_type, values))
    field = arrived.schema.field("v")
    if wire is not None:
        assert field.type == wire
    assert field.nullable
    assert (field.metadata or {}).get(b"ARROW:FLIGHT:SQL:TYPE_NAME"), "the exact SQL type is told"
    assert arrived.num_rows == len(values) + 1

    # DuckDB reads the Arrow values itself, so that no rendering stands between the two.
    local = duckdb.connect()
    local.register("arrived", arrived)
    differing = local.sql(
        f"SELECT a.v, e.v FROM (SELECT row_number() OVER () AS n, v FROM arrived) a FULL JOIN "
        f"(SELECT row_number() OVER () AS n, v FROM ({rows_of(sql_type, values)})) e USING (n) "
        f"WHERE a.v::{sql_type} IS DISTINCT FROM e.v"
    ).fetchall()
    assert differing == []


def test_numbers_wider_than_any_integer_keep_their_digits(session):
    largest = 2**128 - 1
    arrived = session.table(f"SELECT '{largest}'::UHUGEINT AS v UNION ALL SELECT NULL")
    assert arrived.schema.field("v").type == pa.decimal256(39, 0)
    assert sorted(arrived["v"].to_pylist(), key=str) == [decimal.Decimal(largest), None]


def test_a_sum_of_integers_is_a_number_of_38_digits(session):
    arrived = session.table("SELECT sum(distance) AS total FROM flights")
    assert arrived.schema.field("total").type == pa.decimal128(38, 0)
    assert arrived["total"].to_pylist() == [decimal.Decimal(350217607)]


@pytest.mark.parametrize(
    ("sql", "sqlstate"),
    [
        ("SELECT 170141183460469231731687303715884105727::HUGEINT AS too_wide", "22003"),
        ("SELECT 'infinity'::TIMESTAMP AS too_late", "22003"),
    ],
)
def test_a_value_that_cannot_be_carried_is_an_error_that_names_its_column(session, sql, sqlstate):
    with pytest.raises(pa.ArrowException, match=sqlstate) as caught:
        session.table(sql)
    assert sql.rsplit(" ", 1)[1] in str(caught.value)


@pytest.mark.parametrize("sql", ["SELECT 'POINT(1 2)'::GEOMETRY AS v", "SELECT 42::VARIANT AS v"])
def test_a_type_is_carried_or_refused_by_name(session, sql):
    try:
        arrived = session.table(sql)
    except pa.ArrowException as error:
        assert "0A000" in str(error), error
    else:
        assert arrived.schema.field("v").metadata[b"ARROW:FLIGHT:SQL:TYPE_NAME"]
        assert arrived["v"].null_count == 0


def test_duckdbs_own_sample_of_every_type_arrives_or_is_refused_by_name(session):
    local = duckdb.connect()
    columns = [name for name, *_ in local.sql("DESCRIBE FROM test_all_types()").fetchall()]
    for column in columns:
        try:
            arrived = session.table(f'SELECT "{column}" AS v FROM test_all_types()')
        except pa.ArrowException as error:
            # Its extremes go beyond what the wire types hold; saying so is right, changing them would not be.
            assert "22003" in str(error) or "0A000" in str(error), f"{column}: {error}"
            continue
        # A union has no NULLs of its own in Arrow: they are those of its members.
        is_union = pa.types.is_union(arrived.schema.field("v").type)
        nulls = arrived["v"].to_pylist().count(None) if is_union else arrived["v"].null_count
        assert local.sql(f'SELECT count(*) - count("{column}") FROM test_all_types()').fetchone() == (nulls,), column
