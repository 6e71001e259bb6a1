"""The names of DB-API 2.0 (PEP 249) that are not about connections and cursors."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable

import pyarrow as pa

#: The version of DB-API that this is.
apilevel = "2.0"
#: Threads may share the module, and not connections; `Connection.cancel` may be called from any thread.
threadsafety = 1
#: Parameters are written as `?`.
paramstyle = "qmark"

Date = datetime.date
Time = datetime.time
Timestamp = datetime.datetime
Binary = bytes


def DateFromTicks(ticks: float) -> datetime.date:
    """The local date of a time in seconds since 1970."""
    return Date(*time.localtime(ticks)[:3])


def TimeFromTicks(ticks: float) -> datetime.time:
    """The local time of day of a time in seconds since 1970."""
    return Time(*time.localtime(ticks)[3:6])


def TimestampFromTicks(ticks: float) -> datetime.datetime:
    """The local date and time of a time in seconds since 1970."""
    return Timestamp(*time.localtime(ticks)[:6])


class TypeObject:
    """Equal to the types of columns, as in `Cursor.description`, that are of one kind."""

    def __init__(self, name: str, *are: Callable[[pa.DataType], bool]) -> None:
        self._name = name
        self._are = are

    def __eq__(self, other: object) -> bool:
        if isinstance(other, pa.DataType):
            return any(is_one(other) for is_one in self._are)
        return self is other

    def __hash__(self) -> int:
        return hash(self._name)

    def __repr__(self) -> str:
        return f"pintail.{self._name}"


_types = pa.types

STRING = TypeObject("STRING", _types.is_string, _types.is_large_string, _types.is_string_view)
BINARY = TypeObject(
    "BINARY", _types.is_binary, _types.is_large_binary, _types.is_binary_view, _types.is_fixed_size_binary
)
NUMBER = TypeObject("NUMBER", _types.is_integer, _types.is_floating, _types.is_decimal, _types.is_boolean)
DATETIME = TypeObject("DATETIME", _types.is_temporal)
#: No table has columns that are the identities of its rows.
ROWID = TypeObject("ROWID")
