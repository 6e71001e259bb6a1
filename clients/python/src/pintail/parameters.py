"""Python values as parameters: each becomes the Arrow type that has exactly its meaning.

| Python | Arrow | SQL |
|---|---|---|
| `None` | null | NULL |
| `bool` | bool | BOOLEAN |
| `int` | int64; decimals of 128 or 256 bits where it does not fit | BIGINT, HUGEINT |
| `float` | float64 | DOUBLE |
| `decimal.Decimal` | a decimal of as many digits as it has | DECIMAL |
| `str` | string | VARCHAR |
| `bytes`, `bytearray`, `memoryview` | binary | BLOB |
| `datetime.date` | date32 | DATE |
| `datetime.datetime` | timestamp in microseconds, in UTC if it has a zone | TIMESTAMP, TIMESTAMP WITH TIME ZONE |
| `datetime.time` | time64 in microseconds | TIME |
| `datetime.timedelta` | duration in microseconds | INTERVAL |
| `uuid.UUID` | uuid | UUID |
| `list`, `tuple` | list | the type of its items, `[]` |
| `dict` with texts as keys | struct | STRUCT |
| a scalar of pyarrow | its type | |

Scalars of numpy are taken for the Python values they stand for.
"""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from .errors import ProgrammingError

_INT64 = range(-(2**63), 2**63)
#: Whole numbers that a double has exactly.
_EXACT_IN_DOUBLE = 2**53
_MOST_DIGITS = 76


def table_of(rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Rows of values as a table, its columns named by their positions from 1.

    Raises `ProgrammingError` when the rows are not of one length, when a value is of a type that can't be bound, or when
    the values of a column have no type in common.
    """
    width = len(rows[0])
    for number, row in enumerate(rows):
        if len(row) != width:
            raise ProgrammingError(
                f"row {number} of the parameters has {len(row)} values, and the rows before it have {width}",
                sqlstate="07001",
            )
    columns = [_array([row[at] for row in rows], at + 1) for at in range(width)]
    return pa.Table.from_arrays(columns, names=[str(at + 1) for at in range(width)])


def as_row(parameters: object) -> Sequence[Any]:
    """The values of one run of a statement."""
    if isinstance(parameters, Mapping):
        raise ProgrammingError("parameters are bound by their positions: give a sequence, one value for each `?`")
    if isinstance(parameters, str | bytes | bytearray | memoryview) or not isinstance(parameters, Iterable):
        raise ProgrammingError("parameters are a sequence of values: write (value,) for a single one")
    return list(parameters)


def _array(values: list[Any], position: int) -> pa.Array:
    where = f"parameter {position}"
    plain = [_plain(value, where) for value in values]
    wanted = pa.null()
    for value in plain:
        wanted = _common(wanted, _type_of(value, where), where)
    try:
        return _build(plain, wanted)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError, ValueError) as error:
        raise ProgrammingError(f"{where} can't be bound as {wanted}: {error}", sqlstate="22000") from None


def _plain(value: Any, where: str) -> Any:
    """The value without what numpy puts around it."""
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        if getattr(value, "ndim", 0):
            return value.tolist()
        item = value.item()
        if isinstance(item, int) and type(value).__name__ in ("datetime64", "timedelta64"):
            raise ProgrammingError(
                f"{where} is a numpy.{type(value).__name__} in a unit that Python has no value for; bind "
                "it as a pyarrow scalar"
            )
        return item
    return value


def _type_of(value: Any, where: str) -> pa.DataType:
    match value:
        case None:
            return pa.null()
        case bool():
            return pa.bool_()
        case int():
            return pa.int64() if value in _INT64 else _decimal(len(str(abs(value))), 0, where)
        case float():
            return pa.float64()
        case decimal.Decimal():
            return _decimal_of(value, where)
        case str():
            return pa.string()
        case bytes() | bytearray() | memoryview():
            return pa.binary()
        case datetime.datetime():
            return pa.timestamp("us", "UTC" if value.utcoffset() is not None else None)
        case datetime.date():
            return pa.date32()
        case datetime.time():
            if value.tzinfo is not None:
                raise ProgrammingError(f"{where} is a time with a zone: bind its text, and cast it to TIME WITH TIME ZONE")
            return pa.time64("us")
        case datetime.timedelta():
            return pa.duration("us")
        case uuid.UUID():
            return pa.uuid()
        case pa.Scalar():
            return value.type
        case list() | tuple():
            return _list_of(value, where)
        case dict():
            return _struct_of(value, where)
    raise ProgrammingError(f"{where} is of type {type(value).__qualname__}, which can't be bound", sqlstate="07006")


def _list_of(values: Sequence[Any], where: str) -> pa.DataType:
    if isinstance(values, tuple) and hasattr(values, "_fields"):
        # pyarrow's interval of months, days and nanoseconds is a named tuple.
        if type(values).__name__ == "MonthDayNano":
            return pa.month_day_nano_interval()
        raise ProgrammingError(f"{where} is a named tuple: bind a list or a dict")
    item = pa.null()
    for value in values:
        item = _common(item, _type_of(_plain(value, where), where), where)
    return pa.list_(item)


def _struct_of(values: dict[Any, Any], where: str) -> pa.DataType:
    if not values or not all(isinstance(name, str) for name in values):
        raise ProgrammingError(f"{where} is a dict, which is bound as a STRUCT: it needs texts as keys, and at least one")
    return pa.struct([(name, _type_of(_plain(value, where), where)) for name, value in values.items()])


def _decimal_of(value: decimal.Decimal, where: str) -> pa.DataType:
    _, digits, exponent = value.as_tuple()
    if not isinstance(exponent, int):
        raise ProgrammingError(f"{where} is the decimal {value}, which SQL's decimals do not have", sqlstate="22003")
    scale = max(-exponent, 0)
    return _decimal(max(len(digits) + max(exponent, 0), scale, 1), scale, where)


def _decimal(precision: int, scale: int, where: str) -> pa.DataType:
    if precision > _MOST_DIGITS:
        raise ProgrammingError(f"{where} has {precision} digits; at most {_MOST_DIGITS} can be bound", sqlstate="22003")
    return pa.decimal128(precision, scale) if precision <= 38 else pa.decimal256(precision, scale)


def _common(one: pa.DataType, other: pa.DataType, where: str) -> pa.DataType:
    """The type that has the values of both."""
    if one == other or pa.types.is_null(other):
        return one
    if pa.types.is_null(one):
        return other
    pair = (one, other)
    if all(pa.types.is_int64(kind) or pa.types.is_float64(kind) for kind in pair):
        return pa.float64()
    if all(pa.types.is_int64(kind) or pa.types.is_decimal(kind) for kind in pair):
        wholes, scales = zip(*(_digits(kind) for kind in pair), strict=True)
        return _decimal(max(wholes) + max(scales), max(scales), where)
    if all(pa.types.is_list(kind) for kind in pair):
        return pa.list_(_common(one.value_type, other.value_type, where))
    if all(pa.types.is_struct(kind) for kind in pair):
        names = [field.name for field in one]
        if names == [field.name for field in other]:
            return pa.struct([(name, _common(one.field(name).type, other.field(name).type, where)) for name in names])
    raise ProgrammingError(f"{where} has values of {one} and of {other}, which have no type in common", sqlstate="07006")


def _digits(kind: pa.DataType) -> tuple[int, int]:
    """The digits before the point and those behind it."""
    return (kind.precision - kind.scale, kind.scale) if pa.types.is_decimal(kind) else (19, 0)


def _build(values: list[Any], wanted: pa.DataType) -> pa.Array:
    """The values as an array. pyarrow can't make arrays of extension types inside of others by itself."""
    nulls = pa.array([value is None for value in values], pa.bool_())
    if pa.types.is_list(wanted):
        offsets, items = [0], []
        for value in values:
            items += [] if value is None else [_plain(item, "") for item in value]
            offsets.append(len(items))
        return pa.ListArray.from_arrays(
            pa.array(offsets, pa.int32()), _build(items, wanted.value_type), type=wanted, mask=nulls
        )
    if pa.types.is_struct(wanted):
        children = [
            _build([None if value is None else _plain(value[field.name], "") for value in values], field.type)
            for field in wanted
        ]
        return pa.StructArray.from_arrays(children, fields=list(wanted), mask=nulls)
    plain = [_as(value, wanted) for value in values]
    if isinstance(wanted, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(wanted, pa.array(plain, wanted.storage_type))
    return pa.array(plain, wanted)


def _as(value: Any, wanted: pa.DataType) -> Any:
    """The value as pyarrow takes it for the type."""
    if isinstance(value, pa.Scalar):
        return _as(value.as_py(), wanted)
    if isinstance(value, uuid.UUID):
        return value.bytes
    if isinstance(value, bytearray | memoryview):
        return bytes(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if pa.types.is_decimal(wanted):
            return decimal.Decimal(value)
        if pa.types.is_float64(wanted) and abs(value) > _EXACT_IN_DOUBLE:
            raise ValueError(f"{value} is not a double")
        return float(value) if pa.types.is_float64(wanted) else value
    return value
