"""Rows as Python values."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

Row = tuple[Any, ...]


def rows_of(batch: pa.RecordBatch) -> Iterator[Row]:
    """The rows of a batch, as tuples of the values that Python has for them.

    An interval that is an exact amount of time, without months, is a `datetime.timedelta`; others are
    `pyarrow.MonthDayNano`.
    """
    columns = []
    for column in batch.columns:
        values = column.to_pylist()
        convert = _CONVERSIONS.get(column.type)
        columns.append(values if convert is None else [convert(value) for value in values])
    if not columns:
        return iter([()] * batch.num_rows)
    return zip(*columns, strict=True)


def _interval(value: Any) -> Any:
    if value is None or value.months or value.nanoseconds % 1000:
        return value
    return datetime.timedelta(days=value.days, microseconds=value.nanoseconds // 1000)


_CONVERSIONS: dict[pa.DataType, Callable[[Any], Any]] = {pa.month_day_nano_interval(): _interval}


def description_of(schema: pa.Schema) -> list[Row]:
    """DB-API's description of columns: name, type, four values that Arrow has in the type, and whether it may be NULL."""
    return [(field.name, field.type, None, None, *_digits(field.type), field.nullable) for field in schema]


def _digits(kind: pa.DataType) -> tuple[int | None, int | None]:
    return (kind.precision, kind.scale) if pa.types.is_decimal(kind) else (None, None)
