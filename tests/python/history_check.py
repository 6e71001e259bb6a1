"""Judges a history: whether snapshot isolation, and what clients were told, can have led to it.

The orders of the lists are inferred from what was read of them, as Elle does (Kingsbury and Alvaro, "Elle: Inferring Isolation
Anomalies from Experimental Observations", 2020), and the anomalies have the names of Adya's thesis.
"""

import collections
import dataclasses
import itertools

from history import Append, Outcome
from history_graph import Graph, Order

#: Of how many anomalies of each name a report tells.
MOST_TOLD = 5


@dataclasses.dataclass(frozen=True)
class Anomaly:
    """What can't have happened, by name, and in which transactions it did."""

    name: str
    what: str
    transactions: tuple[int, ...] = ()


def check(history):
    """The anomalies of a history.

    Of lists: ``lost append``, ``doubled append``, ``partly applied``, ``garbage``, ``incompatible order``, ``order within a
    transaction``, ``internal``, ``G1a``, ``G1b``. Of the order of transactions: ``G0``, ``G1c``, ``G-single``, ``G-nonadjacent``.
    Where such a cycle has to be closed by the order in which one session, or any of them, was told, its name ends in ``-session``
    or ``-realtime``: then it is snapshot isolation, but not strong session or strong snapshot isolation.
    """
    return [*_Lists(history).anomalies(), *_cycles(history)]


def report(history, anomalies):
    """The anomalies as text, with their transactions."""
    lines = [f"{len(anomalies)} anomalies in a history of {len(history.transactions)} transactions"]
    for name, group in itertools.groupby(sorted(anomalies, key=lambda anomaly: anomaly.name), lambda anomaly: anomaly.name):
        group = list(group)
        lines.append(f"{name}: {len(group)}")
        for anomaly in group[:MOST_TOLD]:
            lines.append(f"  {anomaly.what}")
            lines += [f"    T{number}: {history.transactions[number]}" for number in anomaly.transactions]
    return "\n".join(lines)


class _Lists:
    """What is wrong with the lists, whatever order the transactions had."""

    def __init__(self, history):
        self.history = history
        self.found = []
        self.writer = _writers(history)

    def anomalies(self):
        for key, values in self.history.final.items():
            self._values(key, values, ())
        for number, transaction in enumerate(self.history.transactions):
            for read in transaction.reads:
                self._values(read.key, read.values, (number,))
            self._own_view(number, transaction)
            self._of_others(number, transaction)
            self._outcome(number, transaction)
        return self.found

    def _note(self, name, what, *numbers):
        self.found.append(Anomaly(name, what, tuple(dict.fromkeys(numbers))))

    def _values(self, key, values, reader):
        """Each value was appended to this list, once, and by a transaction that may have been committed."""
        for value, count in collections.Counter(values).items():
            writer = self.writer.get((key, value))
            if writer is None:
                self._note("garbage", f"{value} is in {key}, and nobody appended it", *reader)
                continue
            if count > 1:
                self._note("doubled append", f"{value} is in {key} {count} times", *reader, writer)
            if self.history.transactions[writer].outcome is Outcome.FAIL and reader != (writer,):
                self._note("G1a", f"{value} is in {key}, and its transaction failed", *reader, writer)

    def _own_view(self, number, transaction):
        """What a transaction reads of a list is what it has read of it, and its own appends behind that."""
        seen, own = {}, collections.defaultdict(tuple)
        for operation in transaction.operations:
            key = operation.key
            if isinstance(operation, Append):
                own[key] += (operation.value,)
                if key in seen:
                    seen[key] += (operation.value,)
                continue
            mine = own[key]
            if key in seen and operation.values != seen[key]:
                self._note("internal", f"{key} was another when it was read again", number)
            elif mine and operation.values[-len(mine):] != mine:
                self._note("internal", f"{key} was read without the transaction's own {mine}", number)
            seen[key] = operation.values

    def _of_others(self, number, transaction):
        """What was read is the beginning of the list at the end, and does not break off within a transaction."""
        for key, values in _seen_of_others(transaction):
            final = self.history.final.get(key, ())
            if values != final[: len(values)]:
                at = next(at for at, pair in enumerate(itertools.zip_longest(values, final)) if pair[0] != pair[1])
                self._note("incompatible order", f"{key} was read with {values[at]} as number {at + 1}, where at the end there "
                           f"is {final[at] if at < len(final) else 'nothing'}", number)
            writer = self.writer.get((key, values[-1])) if values else None
            if writer is None or writer == number:
                continue
            last = [append.value for append in self.history.transactions[writer].appends if append.key == key][-1]
            if last != values[-1] and last not in values:
                self._note("G1b", f"{key} was read up to {values[-1]}, and its transaction appended {last} too", number, writer)

    def _outcome(self, number, transaction):
        """All of a transaction is there, or nothing; and what it was told is so."""
        there = [append for append in transaction.appends if append.value in self.history.final.get(append.key, ())]
        absent = [append for append in transaction.appends if append not in there]
        if absent and transaction.outcome is Outcome.OK:
            self._note("lost append", f"{absent[0].value} is not in {absent[0].key}, and its client was told that it is", number)
        elif absent and there:
            (one, *_), (other, *_) = there, absent
            self._note("partly applied", f"{one.value} is in {one.key}, and {other.value} not in {other.key}", number)
        for key in {append.key for append in there}:
            final = self.history.final[key]
            places = [final.index(append.value) for append in there if append.key == key]
            if places != sorted(places):
                self._note("order within a transaction", f"its appends to {key} are there in another order", number)


def _writers(history):
    """Which transaction appended a value to a list, by list and value."""
    return {(append.key, append.value): number
            for number, transaction in enumerate(history.transactions) for append in transaction.appends}


def _seen_of_others(transaction):
    """What a transaction read of each list, without what it had appended to it."""
    own = set()
    for operation in transaction.operations:
        if isinstance(operation, Append):
            own.add((operation.key, operation.value))
        else:
            yield operation.key, tuple(value for value in operation.values if (operation.key, value) not in own)


def _cycles(history):
    """Cycles in the order of the transactions that were committed, each by the weakest orders that make one."""
    orders, found, told = [], [], set()
    for order in Order:
        orders.append(order)
        for cycle in _graph(history, orders).cycles():
            numbers = tuple(step.before for step in cycle)
            # What is a cycle already is one with more orders, too.
            if told.isdisjoint(numbers):
                told.update(numbers)
                found.append(Anomaly(_name(cycle), _what(cycle), numbers))
    return found


def _name(cycle):
    orders = [step.order for step in cycle]
    missed = orders.count(Order.RW)
    if missed:
        name = "G-single" if missed == 1 else "G-nonadjacent"
    else:
        name = "G1c" if Order.WR in orders else "G0"
    timed = [order.value for order in (Order.REALTIME, Order.SESSION) if order in orders]
    return "-".join([name, *timed[:1]])


def _what(cycle):
    return ", ".join(f"T{step.before} is before T{step.after} ({step.order.value}{': ' if step.why else ''}{step.why})"
                     for step in cycle)


def _graph(history, orders):
    """What is known of the order of the transactions that were committed, as far as the orders are asked for."""
    writer = _writers(history)
    committed = [number for number, transaction in enumerate(history.transactions) if _is_committed(history, transaction)]
    graph = Graph()
    for number in committed:
        graph.add(number)
    is_committed = set(committed)
    # What is read is judged by `_Lists`; the order is of what is known to be there.
    lists = {key: [(value, writer[key, value]) for value in values if writer.get((key, value)) in is_committed]
             for key, values in history.final.items()}
    for key, entries in lists.items():
        for (earlier, before), (later, after) in itertools.pairwise(entries):
            if before != after:
                add = graph.see if key in history.exclusive else graph.follow
                add(before, Order.WW, after, f"{later} is behind {earlier} in {key}")
    if Order.WR in orders:
        _add_reads(history, graph, committed, lists, with_missed=Order.RW in orders)
    spans = [(number, history.transactions[number].began, history.transactions[number].ended
              if history.transactions[number].outcome is Outcome.OK else None) for number in committed]
    if Order.SESSION in orders:
        sessions = collections.defaultdict(list)
        for span in spans:
            sessions[history.transactions[span[0]].session].append(span)
        for own in sessions.values():
            graph.pass_time(Order.SESSION, own)
    if Order.REALTIME in orders:
        graph.pass_time(Order.REALTIME, spans)
    return graph


def _is_committed(history, transaction):
    """Whether it was, as its client was told, or as can be seen of it."""
    if transaction.outcome is Outcome.INFO:
        return any(append.value in history.final.get(append.key, ()) for append in transaction.appends)
    return transaction.outcome is Outcome.OK


def _add_reads(history, graph, committed, lists, with_missed):
    """Who read what of whom: of each list the last append that was there, and the first that was not."""
    place = {(key, value): at for key, entries in lists.items() for at, (value, _) in enumerate(entries)}
    for number in committed:
        for key, values in _seen_of_others(history.transactions[number]):
            known = [value for value in values if (key, value) in place]
            entries = lists.get(key, [])
            last = place[key, known[-1]] if known else -1
            if known and entries[last][1] != number:
                graph.see(entries[last][1], Order.WR, number, f"{known[-1]} was read in {key}")
            # Its own appends are no news to it.
            following = next((entry for entry in entries[last + 1:] if entry[1] != number), None)
            if with_missed and following is not None:
                graph.miss(number, Order.RW, following[1], f"{following[0]} was not read in {key}")
