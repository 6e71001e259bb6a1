"""The results of the oracle in `docs/types.md`."""

import os

import pytest

from oracle_types import SHAPES, TYPES, SqlType, wire_type
from pintail_process import ROOT

CLIENTS = ("adbc", "pyarrow")
PAGE = ROOT / "docs/types.md"
BEGIN = "<!-- Results: `UPDATE_DOCS=1 tests/run.sh python test_oracle.py` writes from here to the end. -->\n"

_results = {}
_samples = {}


def record(tested, scalars, nested):
    """Notes how many values of a type each client got right; it is called when there was no mismatch."""
    _results[tested.name] = (scalars, nested)


def record_sample(name, counts):
    """Notes the same for a column of DuckDB's samples."""
    _samples[name] = counts


def _row(tested):
    scalars, nested = _results[tested.name]
    wire = wire_type(SqlType.parse(tested.name))
    numbers = [f"{counts[client]:,}" for client in CLIENTS for counts in (scalars, nested)]
    return " | ".join([f"| `{tested.name}`", f"`{wire}`", *numbers, "0", (tested.note or "") + " |"])


def _text():
    shapes = ", ".join(f"`{shape.format(T='T')}`" for shape in SHAPES)
    total = {client: sum(counts[client] for counts in _samples.values()) for client in CLIENTS}
    lines = [
        BEGIN,
        "## Values compared",
        "",
        "Each row is a run of `tests/python/test_oracle.py`: least, greatest and other special values, NULLs and at",
        "least 10,000 generated ones were fetched from a server by the ADBC driver and by pyarrow.flight, and compared",
        "with what DuckDB reads in the client's process, bit by bit. *Nested* are values of the shapes",
        f"{shapes}.",
        "",
        "| SQL type | wire type | ADBC | nested | pyarrow | nested | mismatches | range |",
        "|---|---|---:|---:|---:|---:|---:|---|",
        *(_row(tested) for tested in TYPES),
        "",
        f"Of DuckDB's `test_all_types()`, {len(_samples)} columns with {total['adbc']} values by ADBC and",
        f"{total['pyarrow']} by pyarrow: no mismatch.",
        "",
    ]
    return "\n".join(lines)


def check():
    """Compares the page with the results of this run, and writes it where that is asked for."""
    missing = [tested.name for tested in TYPES if tested.name not in _results]
    if missing:
        pytest.skip(f"the page needs the results of all types; not run, or failed: {missing}")
    text = _text()
    page = PAGE.read_text() if PAGE.exists() else ""
    static, _, results = page.partition(BEGIN)
    if os.environ.get("UPDATE_DOCS"):
        results = text.removeprefix(BEGIN)
        PAGE.write_text(static + BEGIN + results)
    assert BEGIN + results == text, "docs/types.md is out of date; run this file with UPDATE_DOCS=1"
