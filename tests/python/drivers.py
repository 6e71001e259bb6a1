"""What a client's driver may be able to do, and which of it each driver was seen to do in this run.

A test declares what it proves:

    @capability("ADBC Python", "ingest: append")
    @capability("ADBC Python", "metadata: primary keys", not_offered="the driver has no call for them")

and a test of the second kind proves that the driver refuses it or lacks it. Programs in other languages print lines, their
fields divided by tabs, which `report_lines` takes:

    version     18.3.0
    capability  ingest: append          pass
    capability  parameter encoding: *   not offered   the driver chooses the Arrow type by itself

`*` stands for all of a group that has no line of its own. `drivers_page.py` makes docs/drivers.md of it.
"""

import pytest

# The drivers, in the order of their columns.
DRIVERS = ("ADBC Python", "pyarrow.flight", "JDBC", "ADBC Go", "Go flightsql", "Go database/sql")

# The SQL types that are bound as parameters, and read back.
SQL_TYPES = (
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT",
    "UHUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "VARCHAR", "ENUM", "JSON", "UUID", "BLOB", "BIT", "BIGNUM", "DATE", "TIME",
    "TIME_NS", "TIME WITH TIME ZONE", "TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS",
    "TIMESTAMP WITH TIME ZONE", "INTERVAL", "LIST", "ARRAY", "STRUCT", "MAP", "UNION", "GEOMETRY", "VARIANT", "NULL",
)

# All capabilities by their groups. The full name of one is `group: name`.
GROUPS = {
    "connect": (
        "user and password", "wrong password refused", "session token", "TLS", "client certificate", "call headers",
        "cookies", "two connections are two sessions", "session ends with its connection", "goes on after an error",
    ),
    "statement": (
        "rows of a query", "empty result", "columns described", "nullability of columns", "schema without a run",
        "schema known only after a run", "definition", "several in one text", "a million rows", "result left unread",
        "two results read in turns", "fetch size",
    ),
    "update": (
        "count of INSERT, UPDATE, DELETE", "count of MERGE", "count of CREATE TABLE AS", "count of COPY",
        "count of a definition", "applied exactly once", "RETURNING",
    ),
    "prepared": (
        "query", "update", "run again with other values", "parameters described", "columns described",
        "parameters by name", "parameter without a type", "NULL", "query over many rows", "update over many rows",
        "no row of parameters", "wrong number of parameters refused", "columns known only after a run",
    ),
    # A value of the SQL type goes in as a parameter, and is that value in the database.
    "parameter": SQL_TYPES,
    # The Arrow type of a parameter, where the driver lets its caller choose one.
    "parameter encoding": (
        "Float16", "LargeUtf8", "Utf8View", "LargeBinary", "BinaryView", "FixedSizeBinary", "Decimal32", "Decimal64",
        "Decimal256", "Date64", "Time32", "Timestamp with any zone", "Duration", "Interval by months",
        "Interval by days and milliseconds", "LargeList", "ListView", "Dictionary", "RunEndEncoded", "Null",
    ),
    # A value of the SQL type comes out of the database as the value that is there.
    "read": SQL_TYPES,
    "ingest": (
        "create", "append", "replace", "create or append", "temporary table", "catalog and schema", "table", "pandas",
        "stream", "empty stream", "stream that breaks", "rolled back with its transaction", "large, in bounded memory",
    ),
    "transaction": (
        "autocommit", "commit", "rollback", "by SQL text", "not seen by others before its commit",
        "aborted by an error until rolled back", "isolation level",
    ),
    "metadata": (
        "catalogs", "schemas", "tables", "columns", "filters", "table types", "schema of a table", "primary keys",
        "foreign keys", "server information", "types", "statistics", "tables as flights",
    ),
    "session option": (
        "current catalog", "current schema", "set", "get", "unset", "unknown refused",
    ),
    "cancel": ("from another thread", "by FlightInfo", "by closing an unread result"),
    "poll": ("incremental execution", "change made once", "progress", "endpoint renewed"),
    "partition": ("execute", "read from another connection", "read again"),
    "timeout": ("of the session", "of the statement", "of an update", "of the fetch"),
    "error": ("SQLSTATE", "status", "details", "message with its advice"),
    "exchange": ("parameters in, rows out",),
    "action": ("listed", "unknown refused"),
}

CAPABILITIES = tuple(f"{group}: {name}" for group, names in GROUPS.items() for name in names)

PASS, FAIL, NOT_OFFERED = "pass", "fail", "not offered"


def capability(driver, *names, not_offered=None):
    """Marks a test as the proof that a driver has these capabilities, or, with the reason, that it does not offer them."""
    for name in names:
        check(driver, name)
    return pytest.mark.capability(driver, *names, not_offered=not_offered)


def check(driver, name):
    """Fails for a driver or a capability that is not in the lists."""
    if driver not in DRIVERS:
        raise ValueError(f"there is no driver {driver!r} in drivers.DRIVERS; it has {', '.join(DRIVERS)}")
    if name not in CAPABILITIES:
        raise ValueError(f"there is no capability {name!r} in drivers.GROUPS: take one of its names, or add it there")


class Results:
    """What this run has found: for each driver its version, and for each capability an outcome and notes."""

    def __init__(self):
        self.versions = {}
        self._outcomes = {}

    def note(self, driver, name, outcome, reason=""):
        """Adds an outcome. One failure outweighs all else; two that contradict each other are an error."""
        check(driver, name)
        found, reasons = self._outcomes.get((driver, name), (outcome, ()))
        if {found, outcome} == {PASS, NOT_OFFERED}:
            raise ValueError(f"{driver}: {name!r} is shown to pass by one test and not to be offered by another")
        worst = FAIL if FAIL in (found, outcome) else outcome
        self._outcomes[driver, name] = worst, tuple(sorted({*reasons, reason} - {""}))

    def drivers(self):
        """The drivers that something is known of."""
        return [driver for driver in DRIVERS if any(known == driver for known, _ in self._outcomes)]

    def outcome(self, driver, name):
        """An outcome with its notes; `None` where no test was about it."""
        return self._outcomes.get((driver, name), (None, ()))


# Those of this run.
results = Results()


def report_lines(driver, stdout, into=results):
    """Takes what a program has reported of a driver on its output; lines that are no reports are left alone."""
    groups = []
    for line in stdout.splitlines():
        word, *fields = line.split("\t")
        if word == "version":
            into.versions[driver], = fields
        if word != "capability":
            continue
        name, outcome, *notes = fields
        if outcome not in (PASS, FAIL, NOT_OFFERED) or len(notes) > 1:
            raise ValueError(f"{driver} reports {line!r}; it must be: capability, name, {PASS} or {NOT_OFFERED}, note")
        reason = notes[0] if notes else ""
        if outcome != PASS and not reason:
            raise ValueError(f"{driver} reports {line!r} without a note that tells the reason")
        if name.endswith(": *"):
            groups.append((name.removesuffix(": *"), outcome, reason))
        else:
            into.note(driver, name, outcome, reason)
    for group, outcome, reason in groups:
        if group not in GROUPS:
            raise ValueError(f"there is no group {group!r} of capabilities in drivers.GROUPS")
        for name in GROUPS[group]:
            if into.outcome(driver, f"{group}: {name}") == (None, ()):
                into.note(driver, f"{group}: {name}", outcome, reason)
