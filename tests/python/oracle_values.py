"""Values in a form that is the same only for the same values: bits of floats, counts of times, digits, bytes.

DuckDB in this process computes it with SQL functions of its own, and from an Arrow array it is read bit by bit: no
conversion of the server, and none of Python's date and time types, stands between the two.
"""

import re
import struct
import uuid

import pyarrow as pa

NULL_UNION = ("a union that is null",)
# What stands for an infinite date or timestamp, a number none of them has.
INFINITE = 10**30

_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d)(?:\.(\d{6}))?([+-])(\d\d):(\d\d)(?::(\d\d))?")
_AS_TEXT = {"hugeint", "uhugeint", "bignum", "decimal", "varchar", "enum", "uuid", "bit"}
_COUNTED = {
    "time": "epoch_us({e})",
    "time_ns": "epoch_ns({e})",
    # DuckDB's text of it leaves out the minutes of an offset that has seconds and no minutes.
    "time with time zone": "epoch_us({e}) || ' ' || date_part('timezone', {e})",
    "geometry": "ST_AsWKB({e})",
    # DuckDB's cast makes the text `null` of a NULL.
    "variant": "CASE WHEN {e} IS NOT NULL THEN CAST(CAST({e} AS JSON) AS VARCHAR) END",
    "interval": "(date_part('year', {e}) * 12 + date_part('month', {e})) || ' ' || date_part('day', {e}) || ' ' || "
                "(date_part('hour', {e})::HUGEINT * 3600000000 + date_part('minute', {e}) * 60000000 "
                "+ date_part('microsecond', {e}))",
}

# Counts since 1970, of what may be infinite too.
_SINCE_1970 = {
    "date": "{e} - DATE '1970-01-01'",
    "timestamp_s": "epoch_us({e}) // 1000000",
    "timestamp_ms": "epoch_ms({e})",
    "timestamp": "epoch_us({e})",
    "timestamp_ns": "epoch_ns({e})",
    "timestamp with time zone": "epoch_us({e})",
}


def expression(e, sql_type, depth=0):
    """The SQL expression that shows the value of the expression `e` in a form Python can't read in two ways."""
    kind = sql_type.id
    item = f"x{depth}"
    if kind in _AS_TEXT:
        return f"CAST({e} AS VARCHAR)"
    if kind in _COUNTED:
        return _COUNTED[kind].format(e=e)
    if kind in _SINCE_1970:
        count = _SINCE_1970[kind].format(e=e)
        return f"CASE WHEN isfinite({e}) THEN {count} WHEN {e} IS NOT NULL THEN {INFINITE}::HUGEINT END"
    if kind in ("list", "array"):
        child = sql_type.children[0][1]
        return f"list_transform(({e})::{child.name}[], lambda {item}: {expression(item, child, depth + 1)})"
    if kind == "struct":
        parts = [expression(f"struct_extract({e}, '{name.replace(chr(39), chr(39) * 2)}')", child, depth)
                 for name, child in sql_type.children]
        return f"CASE WHEN {e} IS NOT NULL THEN {_pack(parts)} END"
    if kind == "map":
        (_, key), (_, value) = sql_type.children
        parts = [expression(f"{item}.key", key, depth + 1), expression(f"{item}.value", value, depth + 1)]
        return f"list_transform(map_entries({e}), lambda {item}: {_pack(parts)})"
    if kind == "union":
        parts = [f"CAST(union_tag({e}) AS VARCHAR)",
                 *(expression(f"union_extract({e}, '{name}')", child, depth) for name, child in sql_type.children)]
        return f"CASE WHEN {e} IS NOT NULL THEN {_pack(parts)} END"
    return e


def _pack(parts):
    return "{" + ", ".join(f"'p{number}': {part}" for number, part in enumerate(parts)) + "}"


def expected(value, sql_type):
    """What DuckDB's package returned for `expression`, in the final form."""
    if value is None:
        return NULL_UNION if sql_type.id == "union" else None
    match sql_type.id:
        case "boolean":
            return "true" if value else "false"
        case "hugeint" | "uhugeint":
            return int(value)
        case "decimal":
            return int(value.replace(".", ""))
        case "float":
            return struct.pack("<f", value).hex()
        case "double":
            return struct.pack("<d", value).hex()
        case "uuid":
            return uuid.UUID(value).bytes
        case "blob" | "geometry":
            return bytes(value)
        case "time with time zone":
            return tuple(map(int, value.split()))
        case "interval":
            months, days, micros = (int(part) for part in value.split())
            return months, days, micros * 1000
        case "list" | "array":
            return [expected(item, sql_type.children[0][1]) for item in value]
        case "struct":
            return tuple(expected(value[f"p{number}"], child) for number, (_, child) in enumerate(sql_type.children))
        case "map":
            (_, key_type), (_, value_type) = sql_type.children
            return [(expected(entry["p0"], key_type), expected(entry["p1"], value_type)) for entry in value]
        case "union":
            names = [name for name, _ in sql_type.children]
            number = names.index(value["p0"])
            return names[number], expected(value[f"p{number + 1}"], sql_type.children[number][1])
        case _:
            return value


def clock_with_zone(text):
    """Microseconds of the day and seconds of the offset of a time with time zone on the wire."""
    found = _CLOCK.fullmatch(text)
    assert found, f"{text!r} is not what a time with time zone looks like"
    hours, minutes, seconds, fraction, sign, *offset = found.groups()
    micros = ((int(hours) * 60 + int(minutes)) * 60 + int(seconds)) * 10**6 + int(fraction or 0)
    east = sum(int(part or 0) * unit for part, unit in zip(offset, (3600, 60, 1)))
    return micros, east if sign == "+" else -east


def without_infinity(value):
    """The value with nulls for infinities, at any depth."""
    if isinstance(value, (list, tuple)) and value is not NULL_UNION:
        return type(value)(map(without_infinity, value))
    return None if type(value) is int and value == INFINITE else value


def column(values, sql_type):
    """All values of a column that arrived, in the final form."""
    return [value for chunk in values.chunks for value in arrived(chunk, sql_type)]


def arrived(array, sql_type):
    """The values of an Arrow array, in the final form."""
    if isinstance(array, pa.ExtensionArray):
        array = array.storage
    assert array.offset == 0, "an array that came over the wire begins where its buffers do"
    if sql_type.id == "union":
        return _union(array, sql_type)
    values = _values(array, sql_type)
    if array.null_count == 0:
        return values
    return [value if valid else None for value, valid in zip(values, array.is_valid().to_pylist())]


def _values(array, sql_type):
    children = sql_type.children
    match sql_type.id:
        case "boolean":
            return [None if value is None else "true" if value else "false" for value in array.to_pylist()]
        case "hugeint" | "uhugeint" | "decimal":
            raw = array.view(pa.binary(array.type.byte_width)).to_pylist()
            return [None if value is None else int.from_bytes(value, "little", signed=True) for value in raw]
        case "float" | "double":
            # Bits, least significant byte first.
            width = array.type.bit_width // 8
            return [None if value is None else value.hex() for value in array.view(pa.binary(width)).to_pylist()]
        case "interval":
            raw = array.view(pa.binary(16)).to_pylist()
            return [None if value is None else struct.unpack("<iiq", value) for value in raw]
        case "date":
            return array.view(pa.int32()).to_pylist()
        case "time" | "time_ns" | "timestamp_s" | "timestamp_ms" | "timestamp" | "timestamp_ns" \
                | "timestamp with time zone":
            return array.view(pa.int64()).to_pylist()
        case "time with time zone":
            return [None if text is None else clock_with_zone(text) for text in array.to_pylist()]
        case "list":
            items, offsets = arrived(array.values, children[0][1]), array.offsets.to_pylist()
            return [items[begin:end] for begin, end in zip(offsets, offsets[1:])]
        case "array":
            items, size = arrived(array.values, children[0][1]), array.type.list_size
            return [items[row * size:(row + 1) * size] for row in range(len(array))]
        case "struct":
            fields = [arrived(array.field(number), child) for number, (_, child) in enumerate(children)]
            return list(zip(*fields))
        case "map":
            (_, key_type), (_, value_type) = children
            entries = list(zip(arrived(array.keys, key_type), arrived(array.items, value_type)))
            offsets = array.offsets.to_pylist()
            return [entries[begin:end] for begin, end in zip(offsets, offsets[1:])]
        case _:
            return array.to_pylist()


def _union(array, sql_type):
    """Arrow's unions have no nulls of their own: one that is null arrives as a null of its first member."""
    members = [arrived(array.field(number), child) for number, (_, child) in enumerate(sql_type.children)]
    names = [name for name, _ in sql_type.children]
    codes = array.type_codes.to_pylist()
    return [(names[code], members[code][row]) for row, code in enumerate(codes)]


def differences(wanted, found, sql_type):
    """The rows at which the two lists of values differ, with both values."""
    assert len(wanted) == len(found), f"{len(wanted)} rows were expected, {len(found)} arrived"
    return [(row, a, b) for row, (a, b) in enumerate(zip(wanted, found)) if not _same(a, b)]


def _same(wanted, found):
    if wanted is NULL_UNION:
        return isinstance(found, tuple) and len(found) == 2 and found[1] is None
    if isinstance(wanted, (list, tuple)):
        return (type(wanted) is type(found) and len(wanted) == len(found)
                and all(_same(a, b) for a, b in zip(wanted, found)))
    return type(wanted) is type(found) and wanted == found
