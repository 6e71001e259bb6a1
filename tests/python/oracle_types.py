"""Every SQL type that can be sent: its type on the wire, written down a second time, and values of it.

A value is a text and a SQL expression that makes the value of the text `t`. Both the server and DuckDB in this process
read the same texts from the same file, so that neither gets its values from the other.
"""

import dataclasses
import random
import struct
import typing
from collections.abc import Callable

import duckdb
import pyarrow as pa

# What the tables' files hold: enough that every branch of a converter, and the border of a batch, is met.
GENERATED = 10_000
NESTED = 1_000

# The scalar types of the table in one direction only: nothing here asks the server what it means.
SCALARS = {
    "boolean": pa.bool_(),
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "utinyint": pa.uint8(),
    "usmallint": pa.uint16(),
    "uinteger": pa.uint32(),
    "ubigint": pa.uint64(),
    "hugeint": pa.decimal128(38, 0),
    "uhugeint": pa.decimal256(39, 0),
    "float": pa.float32(),
    "double": pa.float64(),
    "varchar": pa.string(),
    "enum": pa.string(),
    "bit": pa.string(),
    "bignum": pa.string(),
    "variant": pa.string(),
    "time with time zone": pa.string(),
    "uuid": pa.binary(16),
    "blob": pa.binary(),
    "geometry": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "time_ns": pa.time64("ns"),
    "timestamp_s": pa.timestamp("s"),
    "timestamp_ms": pa.timestamp("ms"),
    "timestamp": pa.timestamp("us"),
    "timestamp_ns": pa.timestamp("ns"),
    "timestamp with time zone": pa.timestamp("us", tz="UTC"),
    "interval": pa.month_day_nano_interval(),
}


class SqlType(typing.NamedTuple):
    """A type as DuckDB's Python package knows it."""

    id: str
    # Of a nested type, the names and types of what is in it; of a list with a fixed number of items, also that.
    children: list
    name: str

    @classmethod
    def of(cls, known):
        """From the package's own object, which is slow to ask."""
        if known.id in SCALARS:
            return cls(known.id, [], str(known))
        children = [(name, cls.of(child) if isinstance(child, type(known)) else child)
                    for name, child in known.children]
        # A union's first child is its tag.
        return cls(known.id, children[1:] if known.id == "union" else children, str(known))

    @classmethod
    def parse(cls, name):
        """From its name."""
        return cls.of(duckdb.sql(f"SELECT NULL::{name} AS v").types[0])


def wire_type(sql_type, hugeint=SCALARS["hugeint"]):
    """The Arrow type that carries a type, extension types as what they are stored in, and HUGEINT as `hugeint`."""
    children = sql_type.children
    match sql_type.id:
        case "hugeint":
            return hugeint
        case "decimal":
            return pa.decimal128(*(value for _, value in children))
        case "list":
            return pa.list_(pa.field("item", wire_type(children[0][1], hugeint)))
        case "array":
            return pa.list_(pa.field("item", wire_type(children[0][1], hugeint)), children[1][1])
        case "struct":
            return pa.struct([pa.field(name, wire_type(child, hugeint)) for name, child in children])
        case "map":
            key, value = (wire_type(child, hugeint) for _, child in children)
            return pa.map_(pa.field("key", key, nullable=False), pa.field("value", value))
        case "union":
            members = [pa.field(name, wire_type(child, hugeint)) for name, child in children]
            return pa.sparse_union(members)
        case scalar:
            return SCALARS[scalar]


@dataclasses.dataclass(frozen=True)
class Tested:
    """A type, with texts that stand for values of it."""

    name: str
    # The edges: every one is asked for.
    edges: tuple
    # Draws the text of a value.
    draw: Callable[[random.Random], str]
    # Makes the value of the text.
    make: str = "t::{name}"
    # What is outside of these ranges, and what happens to it.
    note: str = ""

    @property
    def expression(self):
        """The SQL expression of the value of the text `t`."""
        return "(" + self.make.format(name=self.name) + f")::{self.name}"

    def texts(self, seed, count=GENERATED):
        """The edges and `count` generated texts, one in sixteen a NULL."""
        rng = random.Random(f"{seed} {self.name}")
        return [None, *self.edges, *(None if rng.randrange(16) == 0 else self.draw(rng) for _ in range(count))]


def integers(low, high):
    """Integers of every magnitude, and those at the borders of their type more often than chance would have it."""
    def draw(rng):
        kind = rng.randrange(8)
        if kind == 0:
            return str(rng.choice([low, low + 1, high - 1, high]))
        if kind == 1:
            return str(rng.randint(low, high))
        magnitude = rng.getrandbits(rng.randint(1, high.bit_length()))
        return str(max(low, min(high, magnitude if rng.random() < 0.5 else -magnitude)))
    return draw


def integer_type(name, low, high, note=""):
    edges = sorted({low, -1, 0, 1, high} & set(range(-1, 2)) | {low, high})
    edges = [edge for edge in edges if low <= edge <= high]
    return Tested(name, tuple(map(str, edges)), integers(low, high), note=note)


def decimal_type(precision, scale):
    most = 10**precision - 1

    def text(unscaled):
        digits = str(abs(unscaled)).rjust(scale + 1, "0")
        whole, fraction = digits[: len(digits) - scale], digits[len(digits) - scale:]
        return ("-" if unscaled < 0 else "") + whole + ("." + fraction if scale else "")

    draw = integers(-most, most)
    edges = tuple(text(unscaled) for unscaled in (-most, -1, 0, 1, most))
    return Tested(f"DECIMAL({precision},{scale})", edges, lambda rng: text(int(draw(rng))))


def floats(bits, pack, unpack):
    """Any bits at all but those of a NaN: DuckDB makes a NaN of a text, and has one of them only."""
    def draw(rng):
        # Half of them are numbers a person would write.
        if rng.random() < 0.5:
            return repr(struct.unpack(unpack, struct.pack(unpack, rng.uniform(-1e6, 1e6)))[0])
        value = struct.unpack(unpack, struct.pack(pack, rng.getrandbits(bits)))[0]
        return repr(value)
    return draw


ALPHABETS = ["abc XYZ_0189", "äßñéŭ", "日本語の水鳥", "🦆🪶👩‍👩‍👧", "\"'\\%\t\n\r\x00\x7f", "\u0301\u200b\ufeff\u202e"]


def words(rng):
    """Text of several scripts: short and long ones, for DuckDB keeps up to twelve bytes elsewhere."""
    alphabet = rng.choice(ALPHABETS)
    length = rng.choice([0, 1, 3, 11, 12, 13, 40, rng.randrange(300)])
    return "".join(rng.choice(alphabet) for _ in range(length))


def octets(rng):
    length = rng.choice([0, 1, 4, 11, 12, 13, 64, rng.randrange(300)])
    return rng.randbytes(length).hex()


def bits(rng):
    return "".join(rng.choice("01") for _ in range(rng.choice([1, 7, 8, 9, 63, 64, 65, rng.randrange(1, 200)])))


def big_number(rng):
    digits = rng.choice([1, 9, 10, 18, 19, 38, 39, 77, rng.randrange(1, 400)])
    number = rng.randrange(10 ** digits)
    return str(number if rng.random() < 0.5 else -number)


def clock(digits):
    """A time of day, with so many digits of its second's fraction."""
    def draw(rng):
        text = f"{rng.randrange(24):02}:{rng.randrange(60):02}:{rng.randrange(60):02}"
        return text + f".{rng.randrange(10**digits):0{digits}}" if rng.random() < 0.8 else text
    return draw


def clock_with_zone(rng):
    offset = rng.choice([0, 3600, 19800, rng.randrange(57600)])
    text = f"{offset // 3600:02}:{offset // 60 % 60:02}" + (f":{offset % 60:02}" if offset % 60 else "")
    return clock(6)(rng) + rng.choice("+-") + text


def around_now(low, high, second):
    """Counts since 1970 between the borders, half of them within a century or two."""
    wide = integers(low, high)

    def draw(rng):
        century = int(200 * 365 * 86_400 * second)
        return str(rng.randint(max(low, -century), min(high, century))) if rng.random() < 0.5 else wide(rng)
    return draw


def interval(rng):
    months, days = (rng.choice([0, rng.randint(-30, 30), rng.randint(-(2**31), 2**31 - 1)]) for _ in range(2))
    micros = rng.choice([0, rng.randint(-(10**9), 10**9), rng.randint(-MOST_MICROS, MOST_MICROS)])
    return f"{months} {days} {micros}"


def json(rng, depth=0):
    kind = rng.randrange(7 if depth < 3 else 5)
    if kind == 0:
        return rng.choice(["null", "true", "false"])
    if kind == 1:
        return str(rng.randint(-(2**63), 2**63))
    if kind == 2:
        return repr(rng.uniform(-1e9, 1e9))
    if kind in (3, 4):
        return '"' + rng.choice(["", "duck", "🦆", "\\u00e9", "\\n\\t\\\\", "日本"]) + '"'
    items = [json(rng, depth + 1) for _ in range(rng.randrange(4))]
    if kind == 5:
        return "[" + rng.choice([",", " , "]).join(items) + "]"
    return "{" + ",".join(f'"k{number}": {item}' for number, item in enumerate(items)) + "}"


def shape(rng):
    """A geometry as text."""
    def point():
        return f"{rng.uniform(-180, 180)!r} {rng.uniform(-90, 90)!r}"

    match rng.randrange(5):
        case 0:
            return f"LINESTRING ({', '.join(point() for _ in range(rng.randint(2, 6)))})"
        case 1:
            first = point()
            return f"POLYGON (({first}, {point()}, {point()}, {first}))"
        case 2:
            return f"MULTIPOINT ({', '.join(point() for _ in range(rng.randint(1, 4)))})"
        case 3:
            return rng.choice(["POINT EMPTY", "LINESTRING EMPTY", f"GEOMETRYCOLLECTION (POINT ({point()}))"])
        case _:
            return f"POINT ({point()})"


# The finite timestamps of DuckDB, in microseconds; greater counts than MOST_MICROS have no nanoseconds in 64 bits.
FIRST_MICRO, LAST_MICRO = -9_223_372_022_400_000_000, 2**63 - 2
MOST_MICROS = (2**63 - 1) // 1000
LAST_DAY = 2**31 - 2
INFINITE = "±infinity is error 22003, or NULL with `pintail.infinity = 'null'`"
FLOAT_EDGES = ("0.0", "-0.0", "1.5", "inf", "-inf", "nan")


def timestamp_type(name, make, low, high, second):
    edges = tuple(str(edge) for edge in (low, -1, 0, 1, high))
    return Tested(name, edges, around_now(low, high, second), make, INFINITE)


TYPES = [
    Tested("BOOLEAN", ("true", "false"), lambda rng: rng.choice(["true", "false"])),
    integer_type("TINYINT", -(2**7), 2**7 - 1),
    integer_type("SMALLINT", -(2**15), 2**15 - 1),
    integer_type("INTEGER", -(2**31), 2**31 - 1),
    integer_type("BIGINT", -(2**63), 2**63 - 1),
    integer_type("UTINYINT", 0, 2**8 - 1),
    integer_type("USMALLINT", 0, 2**16 - 1),
    integer_type("UINTEGER", 0, 2**32 - 1),
    integer_type("UBIGINT", 0, 2**64 - 1),
    integer_type("HUGEINT", 1 - 10**38, 10**38 - 1,
                 "39 digits are error 22003; `pintail.wide_integers = 'decimal256'` sends decimal256(39, 0)"),
    integer_type("UHUGEINT", 0, 2**128 - 1),
    Tested("FLOAT", (*FLOAT_EDGES, "3.4028234663852886e+38", "1e-45"), floats(32, "<I", "<f")),
    Tested("DOUBLE", (*FLOAT_EDGES, "1.7976931348623157e308", "5e-324"), floats(64, "<Q", "<d")),
    *(decimal_type(*digits) for digits in [(4, 1), (9, 4), (18, 6), (38, 0), (38, 10), (38, 38)]),
    Tested("VARCHAR", ("", "pintail", "twelve bytes", "thirteen byte", "a\x00b", "long " * 2000), words),
    Tested("ENUM('calm', 'it''s windy', '🌀')", ("calm", "it's windy", "🌀"),
           lambda rng: rng.choice(["calm", "it's windy", "🌀"])),
    Tested("JSON", ("null", '{"a": [1, null]}', '""', "[]"), json),
    Tested("UUID", ("00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                    "80000000-0000-0000-0000-000000000000", "7fffffff-ffff-ffff-ffff-ffffffffffff"),
           lambda rng: rng.randbytes(16).hex()),
    Tested("BLOB", ("", "00ff", "ff" * 12, "00" * 13), octets, "from_hex(t)"),
    Tested("BIT", ("0", "1", "0000000001", "10101010"), bits),
    Tested("BIGNUM", ("0", "-1", "1", "255", "256", "-256", str(2**128), str(-(2**512)), "9" * 309), big_number,
           note="compared up to 400 digits"),
    Tested("DATE", tuple(map(str, (-LAST_DAY, -1, 0, 1, LAST_DAY))), around_now(-LAST_DAY, LAST_DAY, 1 / 86_400),
           "DATE '1970-01-01' + t::INTEGER", INFINITE),
    Tested("TIME", ("00:00:00", "23:59:59.999999", "24:00:00", "00:00:00.000001"), clock(6)),
    Tested("TIME_NS", ("00:00:00", "23:59:59.999999999", "24:00:00", "00:00:00.000000001"), clock(9)),
    Tested("TIME WITH TIME ZONE",
           ("00:00:00+15:59:59", "24:00:00-15:59:59", "13:30:00.000001+05:30", "12:00:00+00"), clock_with_zone,
           note="text `HH:MM:SS[.ffffff]±HH:MM[:SS]`"),
    timestamp_type("TIMESTAMP_S", "make_timestamp(t::BIGINT * 1000000)", FIRST_MICRO // 10**6, LAST_MICRO // 10**6, 1),
    timestamp_type("TIMESTAMP_MS", "make_timestamp_ms(t::BIGINT)", FIRST_MICRO // 10**3, LAST_MICRO // 10**3, 10**3),
    timestamp_type("TIMESTAMP", "make_timestamp(t::BIGINT)", FIRST_MICRO, LAST_MICRO, 10**6),
    timestamp_type("TIMESTAMP_NS", "make_timestamp_ns(t::BIGINT)", -9_223_286_400_000_000_000, LAST_MICRO, 10**9),
    timestamp_type("TIMESTAMP WITH TIME ZONE", "make_timestamp(t::BIGINT)::VARCHAR || '+00'", FIRST_MICRO, LAST_MICRO,
                   10**6),
    Tested("INTERVAL", ("0 0 0", "14 -3 14400000000", "0 0 -1", f"{2**31 - 1} {-(2**31)} {MOST_MICROS}",
                        f"{-(2**31)} {2**31 - 1} {-MOST_MICROS}"), interval,
           "to_months(split_part(t, ' ', 1)::INTEGER) + to_days(split_part(t, ' ', 2)::INTEGER)"
           " + to_microseconds(split_part(t, ' ', 3)::BIGINT)",
           f"more than ±{MOST_MICROS} microseconds (292 years) beside months and days are error 22003"),
    Tested("GEOMETRY", ("POINT (1 2)", "POINT EMPTY", "LINESTRING Z (0 0 1, 1 1 2)"), shape, note="WKB"),
    Tested("GEOMETRY('OGC:CRS84')", ("POINT (1 2)",), shape, note="WKB; the CRS is in the field's metadata"),
    Tested("VARIANT", ('{"a": [1, null]}', "42", '""', "[]"), json, "t::JSON", note="as JSON"),
]
# All that a HUGEINT can be, for sessions that want it in 256 bits.
WIDEST = integer_type("HUGEINT", -(2**127), 2**127 - 1)

# The shapes a type is put into, as SQL over a row whose values are `v`, `v1` and `v2`, and whose number is `n`.
SHAPES = {
    "{T}[]": "CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN [] ELSE list_slice([v, v1, v2], 1, n % 4) END",
    "{T}[3]": "CASE WHEN n % 7 > 0 THEN [v, v1, v2] END",
    'STRUCT(a {T}, "b c" {T}[])': "CASE WHEN n % 7 > 0 THEN {{'a': v, 'b c': [v1, NULL]}} END",
    "MAP(INTEGER, {T})": "CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN MAP {{}} ELSE MAP {{n: v, n + 1: v1}} END",
    "MAP({T}, VARCHAR)": "CASE WHEN n % 7 > 0 THEN CASE WHEN v IS NULL THEN MAP {{}} ELSE MAP {{v: 'x' || n}} END END",
    "UNION(i INTEGER, v {T})": "CASE n % 5 WHEN 0 THEN NULL WHEN 1 THEN union_value(i := n::INTEGER)"
                               "::UNION(i INTEGER, v {T}) ELSE union_value(v := v)::UNION(i INTEGER, v {T}) END",
    "{T}[][]": "CASE n % 5 WHEN 0 THEN [] WHEN 1 THEN [NULL, []] ELSE [[v], NULL, [v1, v2]] END",
    "STRUCT(l {T}[2])[]": "CASE n % 5 WHEN 0 THEN NULL ELSE [{{'l': [v, v1]}}, NULL, {{'l': NULL}}] END",
}


def nested_columns(name):
    """The shapes of the type `name`, each as its SQL type and its expression."""
    return [(sql_type.format(T=name), f"({expression.format(T=name)})::{sql_type.format(T=name)}")
            for sql_type, expression in SHAPES.items()]

