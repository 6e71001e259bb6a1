"""What clients asked of lists, and what they were told: the history that `history_check` judges."""

import dataclasses
import enum
import json
import pathlib


class Outcome(enum.Enum):
    """What a client was told of its transaction."""

    #: It was committed.
    OK = "ok"
    #: It was not, and will not be.
    FAIL = "fail"
    #: Nobody knows.
    INFO = "info"


@dataclasses.dataclass(frozen=True)
class Read:
    """All values of a list, in its order, as they were read."""

    key: str
    values: tuple[int, ...]

    def __str__(self):
        # The end of a long list is what tells one read from another.
        shown = self.values[-8:]
        return f"{self.key} = [{'…, ' if len(shown) < len(self.values) else ''}{', '.join(map(str, shown))}]"


@dataclasses.dataclass(frozen=True)
class Append:
    """A value for the end of a list. No value is appended twice in a history."""

    key: str
    value: int

    def __str__(self):
        return f"{self.key} += {self.value}"


@dataclasses.dataclass
class Transaction:
    """Reads and appends that one session asked for as one transaction. Times are of one monotonic clock, in seconds."""

    session: str
    began: float
    operations: list[Read | Append] = dataclasses.field(default_factory=list)
    outcome: Outcome = Outcome.INFO
    #: When the client was told; None if it never was.
    ended: float | None = None
    #: How it was asked for, and what the client was told if it was not "ok".
    how: str = ""
    told: str = ""

    @property
    def appends(self):
        """What it appended, in its order."""
        return [operation for operation in self.operations if isinstance(operation, Append)]

    @property
    def reads(self):
        """What it read, in its order."""
        return [operation for operation in self.operations if isinstance(operation, Read)]

    def __str__(self):
        ended = "…" if self.ended is None else f"{self.ended:.4f}"
        told = f" ({self.told})" if self.told else ""
        return (f"{self.session} {self.began:.4f}–{ended} s, {self.how}: {'; '.join(map(str, self.operations))} "
                f"→ {self.outcome.value}{told}")


@dataclasses.dataclass
class History:
    """Transactions of sessions that ran side by side, and what was in the lists when all of them had ended."""

    transactions: list[Transaction]
    final: dict[str, tuple[int, ...]]
    #: Lists to which two transactions can't append side by side, because each append changes the same row. In the others
    #: each append is a row of its own.
    exclusive: frozenset[str]

    def counts(self):
        """How many transactions had each outcome."""
        return {outcome.value: sum(transaction.outcome is outcome for transaction in self.transactions) for outcome in Outcome}

    def save(self, path):
        """Writes it as JSON."""
        rows = [{**dataclasses.asdict(transaction), "outcome": transaction.outcome.value,
                 "operations": [dataclasses.asdict(operation) for operation in transaction.operations]}
                for transaction in self.transactions]
        whole = {"exclusive": sorted(self.exclusive), "final": self.final, "transactions": rows}
        pathlib.Path(path).write_text(json.dumps(whole, indent=1))

    @classmethod
    def load(cls, path):
        """Reads what `save` wrote."""
        whole = json.loads(pathlib.Path(path).read_text())
        transactions = []
        for row in whole["transactions"]:
            operations = [Append(**given) if "value" in given else Read(given["key"], tuple(given["values"]))
                          for given in row.pop("operations")]
            transactions.append(Transaction(**row | {"operations": operations, "outcome": Outcome(row["outcome"])}))
        final = {key: tuple(values) for key, values in whole["final"].items()}
        return cls(transactions, final, frozenset(whole["exclusive"]))
