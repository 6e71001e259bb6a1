"""The check of histories: it finds each anomaly in a history that has it, and none where there is none."""

import random

import pytest

from history import Append, History, Outcome, Read, Transaction
from history_check import check, report
from history_damage import DAMAGES


def t(*operations, outcome=Outcome.OK, session=None, at=None):
    """A transaction: `x=1,2` reads, `x+3` appends. `at` is when it ran; without it, it ran beside all others."""
    t.made += 1
    began, ended = at or (0.0, 1000.0)
    parsed = []
    for text in operations:
        key, sign, values = text[0], text[1], text[2:]
        if sign == "+":
            parsed.append(Append(key, int(values)))
        else:
            parsed.append(Read(key, tuple(int(value) for value in values.split(",") if value)))
    ended = ended if outcome is Outcome.OK else None
    return Transaction(session or f"s{t.made}", began, parsed, outcome, ended, "by hand")


t.made = 0
FAIL, INFO = {"outcome": Outcome.FAIL}, {"outcome": Outcome.INFO}


def history(*transactions, exclusive="xyz", **final):
    """A history whose lists hold these values at the end."""
    lists = {key: tuple(values) for key, values in final.items()}
    return History(list(transactions), lists, frozenset(exclusive))


def names(history):
    return sorted(anomaly.name for anomaly in check(history))


VALID = {
    "nothing": history(),
    "one after the other": history(t("x+1", at=(0, 1)), t("x=1", "x+2", at=(2, 3)), t("x=1,2", at=(4, 5)), x=[1, 2]),
    "side by side": history(t("x+1"), t("y+2"), t("x=", "y=2"), t("x=1", "y=2"), x=[1], y=[2]),
    "its own appends": history(t("x+1", "x=1", "x+2", "x=1,2"), t("x=1,2"), x=[1, 2]),
    "its own behind those of others": history(t("x+1"), t("x=1", "x+2", "x=1,2"), x=[1, 2]),
    "a failure that left nothing": history(t("x+1", **FAIL), t("x="), x=[]),
    "a failure that saw its own": history(t("x+1", "x=1", **FAIL), t("x="), x=[]),
    "unknown and there": history(t("x+1", **INFO), t("x=1"), x=[1]),
    "unknown and not there": history(t("x+1", "y+2", **INFO), t("x="), x=[], y=[]),
    "unknown, and there long after": history(t("x+1", at=(0, 1), **INFO), t("x=", at=(2, 3)), t("x=1", at=(4, 5)), x=[1]),
    "write skew": history(t("x=", "y+1"), t("y=", "x+2"), x=[2], y=[1]),
    "write skew of three": history(t("x=", "y+1"), t("y=", "z+2"), t("z=", "x+3"), x=[3], y=[1], z=[2]),
    "write skew of one who reads": history(t("x=", "y="), t("x=", "y+1"), t("y=", "x+2"), x=[2], y=[1]),
    "appends of rows side by side": history(t("r=", "r+1"), t("r=", "r+2"), r=[1, 2]),
    "old, while others ran": history(t("x+1", at=(0, 5)), t("x=", at=(1, 9)), t("x=1", at=(6, 9)), x=[1]),
    "two that were never told": history(t("x+1", at=(0, 1), **INFO), t("x+2", at=(2, 3), **INFO), x=[2, 1]),
}

# With the names of what is found, where it is more than one, or not the same.
ANOMALOUS = {
    "lost append": history(t("x+1"), t("x+2"), x=[2]),
    "lost append, one of two": (history(t("x+1", "y+2"), x=[1], y=[]), "lost append"),
    # The first is before and behind the second.
    "doubled append": (history(t("x+1"), t("x+2"), x=[1, 2, 1]), "doubled append", "G0"),
    "doubled append of one alone": (history(t("x+1"), x=[1, 1]), "doubled append"),
    "partly applied": history(t("x+1", "y+2", **INFO), x=[1], y=[]),
    "garbage": history(t("x+1"), x=[1, 7]),
    "garbage of another list": (history(t("x+1"), x=[1], y=[1]), "garbage"),
    "incompatible order": history(t("x+1"), t("x+2"), t("x=2,1"), x=[1, 2]),
    "incompatible order, more than at the end": (history(t("x+1"), t("x+2", **INFO), t("x=1,2"), x=[1]), "incompatible order"),
    "order within a transaction": history(t("x+1", "x+2"), x=[2, 1]),
    "internal": (history(t("x=", "x=1"), t("x+1"), x=[1]), "internal", "G-single"),
    "internal, without its own": (history(t("x+1", "x="), x=[1]), "internal"),
    "internal, behind its own": (history(t("x=", "x+1", "x=2,1"), t("x+2"), x=[2, 1]), "internal", "G-single"),
    "G1a": history(t("x+1", **FAIL), x=[1]),
    "G1a, read and gone": (history(t("x+1", **FAIL), t("x=1"), x=[]), "G1a", "incompatible order"),
    "G1b": (history(t("x+1", "x+2"), t("x=1"), x=[1, 2]), "G1b", "G-single"),
    "G0": history(t("x+1", "y+2"), t("x+3", "y+4"), x=[1, 3], y=[4, 2]),
    "G0 of rows": (history(t("r+1", "q+2"), t("r+3", "q+4"), r=[1, 3], q=[4, 2]), "G0"),
    "G0, one in the middle of another": (history(t("r+1", "r+2"), t("r+3"), r=[1, 3, 2]), "G0"),
    "G1c": history(t("x+1", "y=2"), t("y+2", "x=1"), x=[1], y=[2]),
    "G1c by an append": (history(t("x+1", "y=2"), t("x+3", "y+2"), x=[1, 3], y=[2]), "G1c"),
    "G-single, lost update": (history(t("x=", "x+1"), t("x=", "x+2"), x=[1, 2]), "G-single"),
    "G-single, read skew": (history(t("x+1", "y+2"), t("x=1", "y="), x=[1], y=[2]), "G-single"),
    "G-single of rows": (history(t("r+1", "q+2"), t("r=1", "q="), r=[1], q=[2]), "G-single"),
    "G-single by way of a third": (history(t("x+1"), t("x=1", "y+2"), t("y=2", "x="), x=[1], y=[2]), "G-single"),
    "G-single, of one with an unknown outcome": (
        history(t("x+1", "y+2", **INFO), t("x=1", "y="), x=[1], y=[2]), "G-single"),
    "G-nonadjacent, a long fork": (history(t("x+1"), t("y+2"), t("x=1", "y="), t("x=", "y=2"), x=[1], y=[2]), "G-nonadjacent"),
    "G0-realtime": history(t("x+1", at=(0, 1)), t("x+2", at=(2, 3)), x=[2, 1]),
    "G0-realtime of rows": (history(t("r+1", at=(0, 1)), t("r+2", at=(2, 3)), r=[2, 1]), "G0-realtime"),
    "G-single-realtime": history(t("x+1", at=(0, 1)), t("x=", at=(2, 3)), x=[1]),
    "G-single-realtime, back in time": (
        history(t("x+1"), t("x=1", at=(0, 1)), t("x=", at=(2, 3)), x=[1]), "G-single-realtime"),
    "G-single-session": history(t("x+1", session="a", at=(0, 1)), t("x=", session="a", at=(2, 3)), x=[1]),
    "G1c-realtime": history(t("x=1", at=(0, 1)), t("x+1", at=(2, 3)), x=[1]),
    "G1c-session": history(t("x=1", session="a", at=(0, 1)), t("x+1", session="a", at=(2, 3)), x=[1]),
}


@pytest.mark.parametrize("name", VALID)
def test_what_snapshot_isolation_allows_is_no_anomaly(name):
    anomalies = check(VALID[name])
    assert not anomalies, report(VALID[name], anomalies)


@pytest.mark.parametrize("name", ANOMALOUS)
def test_an_anomaly_is_found_and_named_and_nothing_else_is(name):
    given = ANOMALOUS[name]
    given, *wanted = given if isinstance(given, tuple) else (given, name)
    anomalies = check(given)
    assert {anomaly.name for anomaly in anomalies} == set(wanted), report(given, anomalies)


def test_a_cycle_is_told_with_its_transactions_and_reasons():
    given = history(t("x+1", "y+2"), t("x=1", "y="), t("z+3"), x=[1], y=[2], z=[3])
    (anomaly,) = check(given)
    assert set(anomaly.transactions) == {0, 1}
    told = report(given, [anomaly])
    assert "T0 is before T1 (wr: 1 was read in x)" in told and "T1 is before T0 (rw: 2 was not read in y)" in told
    assert "x = [1]; y = []" in told and "s" in told


def test_a_short_cycle_is_found_among_long_ones():
    # Twenty in a circle, and two of them that contradict each other by themselves.
    circle = [t(f"{chr(97 + i)}+{i}", f"{chr(97 + (i + 1) % 20)}={(i + 1) % 20}") for i in range(20)]
    circle[3].operations.append(Read("c", (2,)))
    circle[2].operations.append(Read("d", (3,)))
    (anomaly,) = check(history(*circle, **{chr(97 + i): [i] for i in range(20)}))
    assert anomaly.name == "G1c" and set(anomaly.transactions) == {2, 3}


class Store:
    """Lists in memory, and transactions on them that are as isolated as they are asked to be."""

    def __init__(self, level, chance):
        self.level, self.chance, self.clock, self.value = level, chance, 0.0, 0
        #: Each list as values with the number of the commit that appended them.
        self.lists = {key: [] for key in "xyr"}
        self.commits = 0
        self.transactions = []

    def begin(self):
        self.clock += 1
        asked = Transaction(f"s{self.chance.randrange(4)}-{len(self.transactions)}", self.clock, how=self.level)
        self.transactions.append(asked)
        snapshot = self.commits if self.level != "stale" else self.chance.randint(max(0, self.commits - 3), self.commits)
        return asked, snapshot

    def read(self, asked, snapshot, key):
        seen = self.commits if self.level == "read committed" else snapshot
        own = tuple(append.value for append in asked.appends if append.key == key)
        values = tuple(value for value, number in self.lists[key] if number <= seen)
        asked.operations.append(Read(key, values + own))

    def append(self, asked, key):
        self.value += 1
        asked.operations.append(Append(key, self.value))

    def end(self, asked, snapshot):
        self.clock += 1
        asked.ended = self.clock
        keys = {append.key for append in asked.appends} - {"r"}
        conflict = any(number > snapshot for key in keys for _, number in self.lists[key])
        if conflict and self.level not in ("no conflicts", "read committed") or self.chance.random() < 0.1:
            asked.outcome = Outcome.FAIL
            return
        asked.outcome = Outcome.OK if self.chance.random() < 0.8 else Outcome.INFO
        if not asked.appends or asked.outcome is Outcome.INFO and self.chance.random() < 0.5:
            return
        self.commits += 1
        for append in asked.appends:
            self.lists[append.key].append((append.value, self.commits))

    def history(self):
        final = {key: tuple(value for value, _ in values) for key, values in self.lists.items()}
        self.clock += 1
        last = Transaction("last", self.clock, [Read(*entry) for entry in final.items()], Outcome.OK, self.clock + 1)
        return History([*self.transactions, last], final, frozenset("xy"))


def simulated(level, seed, steps=1500):
    """A history of a store of that level, in which up to six transactions run side by side."""
    chance = random.Random(seed)
    store = Store(level, chance)
    running = []
    for _ in range(steps):
        if len(running) < 6 and chance.random() < 0.4:
            running.append(store.begin())
        elif running:
            each = chance.choice(running)
            act = chance.random()
            if act < 0.3:
                running.remove(each)
                store.end(*each)
            elif act < 0.7:
                store.read(*each, chance.choice("xyr"))
            else:
                store.append(each[0], chance.choice("xyr"))
    for each in running:
        store.end(*each)
    return store.history()


@pytest.mark.parametrize("seed", range(10))
def test_a_store_with_snapshot_isolation_has_no_anomaly(seed):
    given = simulated("snapshot isolation", seed)
    anomalies = check(given)
    assert not anomalies, report(given, anomalies)


@pytest.mark.parametrize(("level", "wanted"), [
    ("read committed", "internal"),
    ("no conflicts", "G-single"),
    ("stale", "G-single-realtime"),
])
@pytest.mark.parametrize("seed", range(3))
def test_a_store_with_less_is_found_out(level, wanted, seed):
    assert wanted in names(simulated(level, seed)), level


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("seed", range(8))
def test_a_damage_to_a_valid_history_is_noticed(damage, seed):
    given = simulated("snapshot isolation", seed)
    damaged, wanted = damage(given, random.Random(seed))
    assert wanted.intersection(names(damaged)), report(damaged, check(damaged))
    assert names(given) == [], "the damage is in a copy"


def test_a_history_is_read_as_it_was_written(tmp_path):
    given = simulated("snapshot isolation", 1)
    given.save(tmp_path / "history.json")
    assert History.load(tmp_path / "history.json") == given
