"""Things timed by turns, and their ratios.

A machine's speed drifts; what is compared is therefore done by turns, round by round, and only ratios within a round count.
"""

import json
import statistics
import sys
import time


class Figure:
    """A series of measurements of several contenders, one of which is what the others are compared with."""

    def __init__(self, name, unit="s", base=None):
        self.name, self.unit, self.base, self.series = name, unit, base, {}

    def add(self, contender, value):
        self.series.setdefault(contender, []).append(value)

    def ratios(self, contender):
        """By round, to the base."""
        return [one / other for one, other in zip(self.series[contender], self.series[self.base], strict=True)]

    def lines(self):
        yield f"{self.name}"
        for contender, values in self.series.items():
            text = f"  {contender:<34} {spread(values, self.unit)}"
            if self.base is not None and contender != self.base:
                text += f"   × {self.base}: {spread(self.ratios(contender), '')}"
            yield text

    def print(self):
        for line in self.lines():
            print(line)
        print(json.dumps({"figure": self.name, "unit": self.unit, "base": self.base, "series": self.series}), file=sys.stderr)
        sys.stdout.flush()


def spread(values, unit):
    """The median, and the least and the greatest."""
    return f"{statistics.median(values):.3f}{' ' if unit else ''}{unit} ({min(values):.3f} to {max(values):.3f})"


def timed(work):
    """How long it takes, in seconds."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def median_of(work, arguments):
    """The median of how long it takes, in seconds, with each of these."""
    return statistics.median(timed(lambda argument=argument: work(argument)) for argument in arguments)


def by_turns(figure, contenders, count, warm=1):
    """Times each contender `count` times, by turns, after `warm` rounds that do not count."""
    for number in range(warm + count):
        for name, work in contenders.items():
            seconds = timed(work)
            if number >= warm:
                figure.add(name, seconds)
    return figure
