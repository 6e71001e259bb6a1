"""docs/drivers.md: what each driver was seen to do, from the results of a whole run."""

import os

from drivers import FAIL, GROUPS, NOT_OFFERED, PASS, results
from pintail_process import ROOT

PAGE = ROOT / "docs/drivers.md"
HEAD = """\
# Drivers

<!-- Generated from a run of the tests; `UPDATE_DOCS=1 tests/run.sh python` writes it. -->

What the released drivers do with a server, each cell from tests that run against a real one. A driver that does not offer
something is asked for it all the same, and its answer is in the note. An empty cell has no test. The names are those of
`tests/python/drivers.py`.
"""
SHOWN = {PASS: "pass", FAIL: "**fail**", NOT_OFFERED: "not offered", None: ""}


def text(found=results):
    """The page of these results."""
    drivers, notes = found.drivers(), []

    def cell(driver, name):
        outcome, reasons = found.outcome(driver, name)
        marks = ""
        for reason in reasons:
            note = f"{driver}: {reason}"
            if note not in notes:
                notes.append(note)
            marks += f"<sup>{notes.index(note) + 1}</sup>"
        return SHOWN[outcome] + marks

    lines = [HEAD, "| driver | version | pass | fail | not offered |", "|---|---|---:|---:|---:|"]
    for driver in drivers:
        outcomes = [found.outcome(driver, f"{group}: {name}")[0] for group, names in GROUPS.items() for name in names]
        counts = " | ".join(str(outcomes.count(outcome)) for outcome in (PASS, FAIL, NOT_OFFERED))
        lines.append(f"| {driver} | {found.versions.get(driver, '')} | {counts} |")
    for group, names in GROUPS.items():
        lines += ["", f"## {group.capitalize()}", "", f"| | {' | '.join(drivers)} |", "|---" * (len(drivers) + 1) + "|"]
        lines += [f"| {name} | {' | '.join(cell(driver, f'{group}: {name}') for driver in drivers)} |" for name in names]
    if notes:
        lines += ["", "## Notes", ""]
        lines += [f"{number}. {note}" for number, note in enumerate(notes, 1)]
    return "\n".join(lines) + "\n"


def check():
    """Compares the page with the results of this run, and writes it where that is asked for."""
    found = text()
    if os.environ.get("UPDATE_DOCS"):
        PAGE.write_text(found)
    written = PAGE.read_text() if PAGE.exists() else ""
    assert written == found, "docs/drivers.md is not what this run found; run all of tests/python with UPDATE_DOCS=1"
