"""The messages of Flight SQL that the client sends and reads."""

from __future__ import annotations

import dataclasses
import struct
from collections.abc import Mapping, Sequence

import pyarrow.flight as flight

from .errors import ProgrammingError
from .protobuf import field, fields, fixed64, last_bytes, last_int

_PACKAGE = "type.googleapis.com/arrow.flight.protocol.sql."

COMMIT, ROLL_BACK = 1, 2

#: A value of a session option; None puts it back to its default.
OptionValue = str | bool | int | float | Sequence[str] | None


def _packed(name: str, body: bytes) -> bytes:
    return field(1, _PACKAGE + name) + field(2, body)


def _command(name: str, body: bytes) -> flight.FlightDescriptor:
    return flight.FlightDescriptor.for_command(_packed(name, body))


def _action(name: str, request: str, body: bytes) -> flight.Action:
    return flight.Action(name, _packed(request, body))


def statement_query(sql: str, transaction: bytes | None) -> flight.FlightDescriptor:
    """A query by its text."""
    return _command("CommandStatementQuery", field(1, sql) + _in(2, transaction))


def statement_update(sql: str, transaction: bytes | None) -> flight.FlightDescriptor:
    """A statement without rows by its text."""
    return _command("CommandStatementUpdate", field(1, sql) + _in(2, transaction))


def prepared_query(handle: bytes) -> flight.FlightDescriptor:
    """A prepared query: to bind values to it, or to ask for its rows."""
    return _command("CommandPreparedStatementQuery", field(1, handle))


def prepared_update(handle: bytes) -> flight.FlightDescriptor:
    """A prepared statement without rows."""
    return _command("CommandPreparedStatementUpdate", field(1, handle))


def prepare(sql: str, transaction: bytes | None) -> flight.Action:
    """Prepares a statement."""
    body = field(1, sql) + _in(2, transaction)
    return _action("CreatePreparedStatement", "ActionCreatePreparedStatementRequest", body)


def close_prepared(handle: bytes) -> flight.Action:
    """Forgets a prepared statement."""
    return _action("ClosePreparedStatement", "ActionClosePreparedStatementRequest", field(1, handle))


def begin() -> flight.Action:
    """Begins a transaction."""
    return _action("BeginTransaction", "ActionBeginTransactionRequest", b"")


def end(transaction: bytes, how: int) -> flight.Action:
    """Commits a transaction or rolls it back."""
    return _action("EndTransaction", "ActionEndTransactionRequest", field(1, transaction) + field(2, how))


def cancel(info: flight.FlightInfo) -> flight.Action:
    """Cancels the query that a FlightInfo was given out for."""
    return flight.Action("CancelFlightInfo", field(1, info.serialize()))


def close_session() -> flight.Action:
    """Ends the session."""
    return flight.Action("CloseSession", b"")


def progress() -> flight.Action:
    """Asks how far the session's running statement is. An action of Pintail: pyarrow's client has no PollFlightInfo."""
    return flight.Action("pintail.Progress", b"")


@dataclasses.dataclass(frozen=True)
class PreparedResult:
    """The answer to the preparation of a statement."""

    handle: bytes = dataclasses.field(repr=False)
    is_update: bool


def read_prepared(body: bytes) -> PreparedResult:
    """Reads the answer to `prepare`."""
    result = fields(last_bytes(fields(body), 2))
    # Servers that do not tell `is_update` give statements without rows no schema.
    is_update = bool(last_int(result, 4)) if 4 in result else not last_bytes(result, 2)
    return PreparedResult(last_bytes(result, 1), is_update)


def read_transaction(body: bytes) -> bytes:
    """Reads the identity of a transaction from the answer to `begin`."""
    return last_bytes(fields(last_bytes(fields(body), 2)), 1)


def read_bound(body: bytes) -> bytes | None:
    """Reads the handle by which a prepared query is to be asked for from now on, if it is another."""
    return last_bytes(fields(body), 1) or None


def read_changed(body: bytes) -> int:
    """Reads how many rows a statement changed; -1 is what the server does not know."""
    return last_int(fields(body), 1)


@dataclasses.dataclass(frozen=True)
class IngestTarget:
    """Where rows of an ingest go, and what is done when the table is there or is not."""

    table: str
    mode: str
    schema: str | None
    catalog: str | None
    temporary: bool


# Of a table that is not there: 1 is to create it, 2 to fail. Of one that is: 1 is to fail, 2 to append, 3 to replace.
_MODES = {"create": (1, 1), "append": (2, 2), "replace": (1, 3), "create_append": (1, 2)}


def ingest(target: IngestTarget) -> flight.FlightDescriptor:
    """An upload of rows into a table."""
    if target.mode not in _MODES:
        raise ProgrammingError(f"there is no mode {target.mode!r} of an ingest; there are {', '.join(_MODES)}")
    missing, there = _MODES[target.mode]
    body = field(1, field(1, missing) + field(2, there)) + field(2, target.table)
    body += _in(3, target.schema) + _in(4, target.catalog)
    return _command("CommandStatementIngest", body + (field(5, 1) if target.temporary else b""))


def set_options(values: Mapping[str, OptionValue]) -> flight.Action:
    """Sets session options."""
    body = b"".join(field(1, field(1, name) + field(2, _option(value))) for name, value in values.items())
    return flight.Action("SetSessionOptions", body)


def get_options() -> flight.Action:
    """Reads all session options."""
    return flight.Action("GetSessionOptions", b"")


#: Why an option was not set.
_PROBLEMS = {1: "there is no option of that name", 2: "it does not take that value", 3: "the server could not set it"}


def read_refused(body: bytes) -> dict[str, str]:
    """Reads which options were not set, and why."""
    refused = {}
    for entry in fields(body).get(1, []):
        assert isinstance(entry, bytes)
        option = fields(entry)
        problem = last_int(fields(last_bytes(option, 2)), 1)
        refused[last_bytes(option, 1).decode()] = _PROBLEMS.get(problem, "the server did not say why")
    return refused


def read_progress(body: bytes) -> float | None:
    """Reads the answer to `progress`, a PollInfo: the share that is done, or None where nothing runs or it can't be told."""
    told = last_bytes(fields(body), 3)
    return float(struct.unpack("<d", told)[0]) if told else None


def read_options(body: bytes) -> dict[str, OptionValue]:
    """Reads the session options there are."""
    options = {}
    for entry in fields(body).get(1, []):
        assert isinstance(entry, bytes)
        option = fields(entry)
        options[last_bytes(option, 1).decode()] = _option_value(last_bytes(option, 2))
    return options


def _option(value: OptionValue) -> bytes:
    if value is None:
        return b""
    if isinstance(value, bool):
        return field(2, int(value))
    if isinstance(value, str):
        return field(1, value)
    if isinstance(value, int):
        return fixed64(3, value)
    if isinstance(value, float):
        return fixed64(4, value)
    return field(5, b"".join(field(1, text) for text in value))


def _option_value(body: bytes) -> OptionValue:
    for number, values in fields(body).items():
        value = values[-1]
        if number == 2:
            return bool(value)
        assert isinstance(value, bytes)
        if number == 1:
            return value.decode()
        if number in (3, 4):
            found: int | float = struct.unpack("<q" if number == 3 else "<d", value)[0]
            return found
        if number == 5:
            return [text.decode() for text in fields(value).get(1, []) if isinstance(text, bytes)]
    return None


def _in(number: int, value: bytes | str | None) -> bytes:
    return field(number, value) if value else b""
