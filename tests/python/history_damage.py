"""Damages to a history that has no anomaly: what a server that is broken in one place would have left, and a check must notice.

Each takes a history and chance, and gives the damaged history with the names of anomalies of which the check has to find one.
"""

import dataclasses
import itertools

from history import History, Outcome, Read

_CYCLES = {f"{name}{timed}" for name in ("G0", "G1c", "G-single", "G-nonadjacent") for timed in ("", "-session", "-realtime")}


def _seen(history, change):
    """The history with other values read: `change` gives those of a list from its name and values, at the end too."""
    def changed(operation):
        return Read(operation.key, change(operation.key, operation.values)) if isinstance(operation, Read) else operation

    transactions = [dataclasses.replace(transaction, operations=[changed(operation) for operation in transaction.operations])
                    for transaction in history.transactions]
    final = {key: change(key, values) for key, values in history.final.items()}
    return History(transactions, final, history.exclusive)


def _other(history, number, **fields):
    """The history with one transaction that is another."""
    transactions = list(history.transactions)
    transactions[number] = dataclasses.replace(transactions[number], **fields)
    return History(transactions, history.final, history.exclusive)


def _acknowledged(history, chance):
    """An append that a client was told of as committed, with the number of its transaction."""
    appends = [(number, append) for number, transaction in enumerate(history.transactions) if transaction.outcome is Outcome.OK
               for append in transaction.appends]
    return chance.choice(appends)


def _queries(history):
    """What was read by transactions that only read, before the last, with the numbers of those."""
    return [(number, read) for number, transaction in enumerate(history.transactions[:-1])
            if transaction.outcome is Outcome.OK and not transaction.appends for read in transaction.reads]


def lost(history, chance):
    """An append that nobody ever sees."""
    _, append = _acknowledged(history, chance)
    return _seen(history, lambda key, values: tuple(value for value in values if value != append.value)), {"lost append"}


def doubled(history, chance):
    """An append that was applied a second time, after all others."""
    _, append = _acknowledged(history, chance)
    final = history.final | {append.key: (*history.final[append.key], append.value)}
    return History(history.transactions, final, history.exclusive), {"doubled append"}


def failed_and_there(history, chance):
    """A client was told that its transaction failed, and it was committed."""
    number, _ = _acknowledged(history, chance)
    return _other(history, number, outcome=Outcome.FAIL), {"G1a"}


def order_changed(history, chance):
    """Two values change places after somebody has read them."""
    key, at = chance.choice([(read.key, at) for _, read in _queries(history) for at in range(len(read.values) - 1)])
    final = list(history.final[key])
    final[at], final[at + 1] = final[at + 1], final[at]
    return History(history.transactions, history.final | {key: tuple(final)}, history.exclusive), {"incompatible order"}


def order_against_time(history, chance):
    """Whoever reads two values sees them in one order, and their transactions ran one after the other in the other order."""
    when = {append.value: transaction for transaction in history.transactions for append in transaction.appends}
    pairs = [(key, one, other) for key, values in history.final.items() for one, other in itertools.pairwise(values)
             if when[one].outcome is when[other].outcome is Outcome.OK and when[one].ended < when[other].began]
    _, one, other = chance.choice(pairs)
    swapped = {one: other, other: one}
    # Those who read only the first read only the other now.
    damaged = _seen(history, lambda key, values: tuple(swapped.get(value, value) for value in values))
    return damaged, _CYCLES | {"internal", "order within a transaction", "incompatible order"}


def stale(history, chance):
    """A list is read as of a moment long before it was asked for."""
    reads = []
    for number, read in _queries(history):
        asked = history.transactions[number]
        done = {append.value for earlier in history.transactions[:number] if earlier.outcome is Outcome.OK
                and earlier.ended < asked.began for append in earlier.appends}
        reads += [(number, read.key)] if done.intersection(read.values) else []
    number, key = chance.choice(reads)
    operations = [Read(key, ()) if read.key == key else read for read in history.transactions[number].operations]
    return _other(history, number, operations=operations), _CYCLES


def torn(history, chance):
    """A query that sees one append of a transaction, and not its other to another list."""
    both = []
    for number, transaction in enumerate(history.transactions):
        for one, other in itertools.permutations(transaction.appends, 2):
            values = history.final[one.key]
            if transaction.outcome is Outcome.OK and one.key != other.key:
                # As far as the one append, and just not as far as the other.
                seen = values[: values.index(one.value) + 1]
                missed = history.final[other.key]
                both.append((number, Read(one.key, seen), Read(other.key, missed[: missed.index(other.value)])))
    number, *reads = chance.choice(both)
    writer = history.transactions[number]
    query = dataclasses.replace(writer, session="another", operations=reads, ended=history.transactions[-1].ended)
    damaged = History([*history.transactions, query], history.final, history.exclusive)
    return damaged, {"G-single", "G-nonadjacent", "G1b"}


DAMAGES = (lost, doubled, failed_and_there, order_changed, order_against_time, stale, torn)
