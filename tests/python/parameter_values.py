"""Values as clients send them, and as SQL writes them: one for each SQL type and for each encoding of Arrow's."""

import ctypes
import dataclasses
import datetime
import decimal
import uuid

import pyarrow as pa

WKB_POINT = bytes.fromhex("0101000000000000000000f03f0000000000000040")
WKB_EMPTY_LINE = bytes.fromhex("010200000000000000")


@dataclasses.dataclass(frozen=True)
class Values:
    """An array a client sends, the SQL type it is for, and the same values as SQL; what SQL does not name is NULL."""

    name: str
    array: pa.Array
    sql: tuple
    column: str
    metadata: dict | None = None

    def __str__(self):
        return self.name

    @property
    def table(self):
        """The values beside their number, as rows of two parameters."""
        schema = pa.schema([pa.field("v", self.array.type, metadata=self.metadata), ("n", pa.int32())])
        return pa.Table.from_arrays([self.array, pa.array(range(len(self.array)), pa.int32())], schema=schema)

    @property
    def literals(self):
        """A relation of the same, for SQL."""
        nulls = ["NULL"] * (len(self.array) - len(self.sql))
        rows = (f"({n}, ({value})::{self.column})" for n, value in enumerate([*self.sql, *nulls]))
        return f"(VALUES {', '.join(rows)}) t(n, v)"


def of(name, arrow_type, values, *sql, column=None, metadata=None):
    """Values of one type; a NULL is added at the end."""
    array = pa.array([*values, None], arrow_type)
    assert len(array) == len(sql) + 1, name
    return Values(name, array, sql, column or name, metadata)


def integers(name, arrow_type, bits, signed=True):
    least, greatest = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return of(name, arrow_type, [least, greatest, 1], f"'{least}'", f"'{greatest}'", "1")


def decimals(name, arrow_type, column, *texts):
    return of(name, arrow_type, [decimal.Decimal(text) for text in texts], *(f"'{text}'" for text in texts), column=column)


def moments(name, arrow_type, column=None):
    """Timestamps in the type's own unit, on both sides of 1970."""
    # Two instants that all units can hold.
    per_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[arrow_type.unit]
    zone = "+00" if arrow_type.tz else ""
    return of(name, arrow_type, [1_372_636_800 * per_second, -1 * per_second],
              f"'2013-07-01 00:00:00{zone}'", f"'1969-12-31 23:59:59{zone}'", column=column)


class Reinterpreted:
    """An array whose Arrow type is told to be another of the same layout: one that pyarrow has no name for."""

    def __init__(self, array, column, interval_format):
        self.array, self.column, self.format = array, column, interval_format

    def __arrow_c_array__(self, requested_schema=None):
        schema, array = self.array.__arrow_c_array__()
        # ArrowSchema of the C data interface: its children are at its sixth word, the format is the first of each.
        words = ctypes.POINTER(ctypes.c_void_p)
        top = ctypes.cast(_pointer(schema, b"arrow_schema"), words)
        child = ctypes.cast(ctypes.cast(top[5], words)[self.column], ctypes.POINTER(ctypes.c_char_p))
        child[0] = self.format
        return schema, array


_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_pointer.restype, _pointer.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]


def union():
    # A union has no NULLs of its own in Arrow: the last row is that of a member.
    kinds = pa.array([0, 1, 1], pa.int8())
    children = [pa.array([7, None, None], pa.int32()), pa.array([None, "seven", None], pa.string())]
    return pa.UnionArray.from_sparse(kinds, children, ["i", "s"])


# For every SQL type the Arrow type that a client has for it.
TYPES = [
    of("BOOLEAN", pa.bool_(), [True, False], "true", "false"),
    integers("TINYINT", pa.int8(), 8),
    integers("SMALLINT", pa.int16(), 16),
    integers("INTEGER", pa.int32(), 32),
    integers("BIGINT", pa.int64(), 64),
    decimals("HUGEINT", pa.decimal128(38, 0), "HUGEINT", "99999999999999999999999999999999999999", "-1", "0"),
    decimals("HUGEINT in 256 bits", pa.decimal256(39, 0), "HUGEINT", str(2**127 - 1), str(-2**127), "0"),
    integers("UTINYINT", pa.uint8(), 8, signed=False),
    integers("USMALLINT", pa.uint16(), 16, signed=False),
    integers("UINTEGER", pa.uint32(), 32, signed=False),
    integers("UBIGINT", pa.uint64(), 64, signed=False),
    decimals("UHUGEINT", pa.decimal256(39, 0), "UHUGEINT", str(2**128 - 1), "0"),
    of("FLOAT", pa.float32(), [1.5, float("-inf"), float("nan"), -0.0], "1.5", "'-inf'", "'nan'", "'-0.0'"),
    of("DOUBLE", pa.float64(), [0.1, 5e-324, float("inf"), float("nan")], "0.1", "5e-324", "'inf'", "'nan'"),
    *(decimals(f"DECIMAL({precision},{scale})", pa.decimal128(precision, scale), f"DECIMAL({precision},{scale})",
               *(f"{sign}{'9' * (precision - scale) or '0'}.{'9' * scale}".rstrip(".") for sign in ("", "-")))
      for precision, scale in [(1, 0), (4, 1), (9, 2), (18, 3), (19, 0), (38, 10), (38, 38)]),
    of("VARCHAR", pa.string(), ["", "Ankaŭ 🦆", "x" * 10_000, "it's"],
       "''", "'Ankaŭ 🦆'", "repeat('x', 10000)", "'it''s'"),
    of("ENUM", pa.string(), ["calm", "it's windy"], "'calm'", "'it''s windy'", column="ENUM('calm', 'it''s windy')"),
    of("JSON", pa.json_(), ['{"a": [1, null]}', "null"], """'{"a": [1, null]}'""", "'null'"),
    of("UUID", pa.uuid(), [uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid.UUID(int=1 << 127)],
       "'00000000-0000-0000-0000-000000000000'", "'ffffffff-ffff-ffff-ffff-ffffffffffff'",
       "'80000000-0000-0000-0000-000000000000'"),
    of("UUID as text", pa.string(), [str(uuid.UUID(int=5))], "'00000000-0000-0000-0000-000000000005'", column="UUID"),
    of("BLOB", pa.binary(), [b"", b"\x00\xff", b"x" * 10_000], "''", r"'\x00\xFF'", "repeat('x', 10000)"),
    of("BIT", pa.string(), ["1", "0000000001"], "'1'", "'0000000001'"),
    of("BIGNUM", pa.string(), ["9" * 60, "-1"], f"'{'9' * 60}'", "'-1'"),
    of("DATE", pa.date32(), [datetime.date(1, 1, 1), datetime.date(9999, 12, 31), datetime.date(1969, 12, 31)],
       "'0001-01-01'", "'9999-12-31'", "'1969-12-31'"),
    of("TIME", pa.time64("us"), [datetime.time(0), datetime.time(23, 59, 59, 999_999)], "'00:00:00'", "'23:59:59.999999'"),
    of("TIME_NS", pa.time64("ns"), [86_399_999_999_999, 1], "'23:59:59.999999999'", "'00:00:00.000000001'"),
    of("TIME WITH TIME ZONE", pa.string(), ["13:30:00.000001+05:30", "00:00:00-15:59"],
       "'13:30:00.000001+05:30'", "'00:00:00-15:59'"),
    of("TIMESTAMP", pa.timestamp("us"),
       [datetime.datetime(1969, 7, 20, 20, 17, 40, 1), datetime.datetime(9999, 12, 31, 23, 59, 59, 999_999)],
       "'1969-07-20 20:17:40.000001'", "'9999-12-31 23:59:59.999999'"),
    moments("TIMESTAMP_S", pa.timestamp("s")),
    moments("TIMESTAMP_MS", pa.timestamp("ms")),
    of("TIMESTAMP_NS", pa.timestamp("ns"), [1, -1], "'1970-01-01 00:00:00.000000001'", "'1969-12-31 23:59:59.999999999'"),
    moments("TIMESTAMP WITH TIME ZONE", pa.timestamp("us", "UTC")),
    of("INTERVAL", pa.month_day_nano_interval(), [pa.MonthDayNano([14, -3, 4_000_000_001_000]), pa.MonthDayNano([0, 0, 0])],
       "'14 months -3 days 4000.000001 seconds'", "'0 days'"),
    of("LIST", pa.list_(pa.int32()), [[1, None, 3], []], "[1, NULL, 3]", "[]", column="INTEGER[]"),
    of("LIST of LIST", pa.list_(pa.list_(pa.string())), [[["a"], [], None, [None, "b"]]],
       "[['a'], [], NULL, [NULL, 'b']]", column="VARCHAR[][]"),
    of("ARRAY", pa.list_(pa.int32(), 3), [[1, None, 3]], "[1, NULL, 3]", column="INTEGER[3]"),
    of("STRUCT", pa.struct([("a", pa.int32()), ("b c", pa.string())]), [{"a": 1, "b c": "x"}, {"a": None, "b c": None}],
       "{'a': 1, 'b c': 'x'}", "{'a': NULL, 'b c': NULL}", column='STRUCT(a INTEGER, "b c" VARCHAR)'),
    of("MAP", pa.map_(pa.string(), pa.list_(pa.int32())), [[("k", [1, 2]), ("l", None)], []],
       "MAP {'k': [1, 2], 'l': NULL}", "MAP {}", column="MAP(VARCHAR, INTEGER[])"),
    Values("UNION", union(), ("union_value(i := 7)", "union_value(s := 'seven')", "union_value(s := NULL)"),
           "UNION(i INTEGER, s VARCHAR)"),
    of("GEOMETRY", pa.binary(), [WKB_POINT, WKB_EMPTY_LINE], "'POINT (1 2)'", "'LINESTRING EMPTY'",
       metadata={"ARROW:extension:name": "geoarrow.wkb", "ARROW:extension:metadata": "{}"}),
    of("VARIANT", pa.int32(), [42, -1], "42::INTEGER", "-1::INTEGER"),
    Values("NULL", pa.nulls(2), ("NULL",), "INTEGER"),
]

# Other layouts of Arrow's for the same values.
ENCODINGS = [
    of("Float16", pa.float16(), [1.5, float("inf"), float("nan"), -2.0], "1.5", "'inf'", "'nan'", "-2.0", column="FLOAT"),
    of("LargeUtf8", pa.large_string(), ["", "Ankaŭ 🦆"], "''", "'Ankaŭ 🦆'", column="VARCHAR"),
    of("Utf8View", pa.string_view(), ["inline", "longer than a view holds inline 🦆"], "'inline'",
       "'longer than a view holds inline 🦆'", column="VARCHAR"),
    of("LargeBinary", pa.large_binary(), [b"", b"\x00\xff"], "''", r"'\x00\xFF'", column="BLOB"),
    of("BinaryView", pa.binary_view(), [b"\x00", b"x" * 100], r"'\x00'", "repeat('x', 100)", column="BLOB"),
    of("FixedSizeBinary", pa.binary(3), [b"abc", b"\x00\x01\x02"], "'abc'", r"'\x00\x01\x02'", column="BLOB"),
    decimals("Decimal32", pa.decimal32(9, 2), "DECIMAL(9,2)", "9999999.99", "-0.01"),
    decimals("Decimal64", pa.decimal64(18, 3), "DECIMAL(18,3)", "999999999999999.999", "-0.001"),
    decimals("Decimal256", pa.decimal256(38, 10), "DECIMAL(38,10)",
             "9999999999999999999999999999.9999999999", "-0.0000000001"),
    of("Date64", pa.date64(), [datetime.date(1969, 12, 31), datetime.date(2013, 7, 1)], "'1969-12-31'", "'2013-07-01'",
       column="DATE"),
    of("Time32 in seconds", pa.time32("s"), [0, 86_399], "'00:00:00'", "'23:59:59'", column="TIME"),
    of("Time32 in milliseconds", pa.time32("ms"), [1, 86_399_999], "'00:00:00.001'", "'23:59:59.999'", column="TIME"),
    *(moments(f"Timestamp with any zone, {unit}", pa.timestamp(unit, zone), "TIMESTAMP WITH TIME ZONE")
      for unit, zone in [("s", "UTC"), ("ms", "+05:30"), ("us", "Europe/Berlin"), ("ns", "America/New_York")]),
    *(of(f"Duration, {unit}", pa.duration(unit), [2 * per_second, -per_second], "'2 seconds'", "'-1 seconds'",
         column="INTERVAL")
      for unit, per_second in [("s", 1), ("ms", 10**3), ("us", 10**6), ("ns", 10**9)]),
    of("LargeList", pa.large_list(pa.int64()), [[1, None], []], "[1, NULL]", "[]", column="BIGINT[]"),
    of("ListView", pa.list_view(pa.int64()), [[1, None], []], "[1, NULL]", "[]", column="BIGINT[]"),
    Values("Dictionary", pa.array(["a", "b", "a", None]).dictionary_encode(), ("'a'", "'b'", "'a'"), "VARCHAR"),
    Values("Dictionary of numbers", pa.array([10**10, 5, None]).dictionary_encode(), ("10000000000", "5"), "BIGINT"),
    Values("RunEndEncoded", pa.RunEndEncodedArray.from_arrays([2, 3, 4], pa.array([7, 8, None])), ("7", "7", "8"), "BIGINT"),
    Values("Null", pa.nulls(1), (), "VARCHAR"),
]


def capability_name(values, names):
    """The capability that values are for: the one whose name theirs begins with."""
    return max((name for name in names if values.name.startswith(name)), key=len)
