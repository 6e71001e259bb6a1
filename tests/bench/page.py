"""Writes the figures of a run into docs/performance.md, from the raw numbers that tests/bench/run.sh has kept.

    python tests/bench/page.py BENCH_JSON

Only what stands behind the line of the figures is written; the text before it is people's.
"""

import json
import os
import pathlib
import sys

from rounds import Figure, spread

PAGE = pathlib.Path(__file__).resolve().parents[2] / "docs/performance.md"
LINE = "<!-- Figures: tests/bench/page.py writes from here to the end. -->\n"


def figures(lines):
    """The figures of a run, in its order; of one that was measured again, the last."""
    found = {}
    for line in lines:
        if line.startswith("{"):
            told = json.loads(line)
            figure = Figure(told["figure"], told["unit"], told["base"])
            figure.series = told["series"]
            found[figure.name] = figure
    return list(found.values())


def page(found, rounds):
    yield "\n## Figures\n"
    yield f"Each is the median of {rounds}, with the least and the greatest, on {os.cpu_count()} cores that the client shares.\n"
    yield "| figure | contender | compared with | ratio |"
    yield "|---|---|---|---|"
    for figure in found:
        for contender in figure.series:
            if figure.base and contender != figure.base and not figure.name.startswith("query "):
                yield f"| {figure.name} | {contender} | {figure.base} | {spread(figure.ratios(contender), '')} |"
    yield "\n## Raw numbers\n"
    yield "```text"
    for figure in found:
        yield from figure.lines()
    yield "```"


if __name__ == "__main__":
    raw = pathlib.Path(sys.argv[1]).read_text().splitlines()
    measured = figures(raw)
    text = PAGE.read_text()
    kept = text[:text.index(LINE) + len(LINE)]
    counts = [len(values) for one in measured for values in one.series.values()]
    rounds = f"{min(counts)} rounds" if min(counts) == max(counts) else f"{min(counts)} to {max(counts)} rounds"
    PAGE.write_text(kept + "\n".join(page(measured, rounds)) + "\n")
