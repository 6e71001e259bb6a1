"""Servers that die, fail or wait at places that are told: those of `flight-server/src/failpoint.rs`."""

import os
import pathlib
import re
import socket

from cluster import Cluster
from pintail_process import CACHE, DEADLINE, Server

BINARY = pathlib.Path(os.environ.get("PINTAIL_FAILPOINTS_BIN") or CACHE / "failpoints/pintail")

# What may happen at each place. What fails must be what can fail there: after a commit, nothing can.
EVERY, UNFAILING = ("crash", "delay", "error"), ("crash", "delay")
POINTS = {
    "statement.before": EVERY, "statement.done": UNFAILING,
    "commit.before": EVERY, "commit.prepared": EVERY, "commit.made": UNFAILING,
    "receipt.before": EVERY, "receipt.written": EVERY,
    "snapshot.before": UNFAILING, "snapshot.kept": UNFAILING,
    "spool.before": EVERY, "spool.written": EVERY, "spool.named": EVERY,
    "journal.before": EVERY, "journal.written": EVERY,
    "claim.before": EVERY, "claim.made": EVERY,
    "rebuild.before": EVERY, "rebuild.replayed": EVERY, "rebuild.done": UNFAILING,
    "ticket.issued": EVERY, "ticket.before": EVERY, "rows.before": EVERY,
}

# How often a place is passed before something happens there, at most: those of a takeover are reached once or so.
RARE = ("claim", "rebuild")


def order(point, what, after):
    """That something happens at a place, when it was passed so often."""
    return f"{point}={after}*off->1*return({what})" if after else f"{point}=1*return({what})"


class FailingServer(Server):
    """A server with such places. Each of its lives may have others."""

    binary = BINARY

    def __init__(self, *arguments, **options):
        assert BINARY.exists(), f"there is no {BINARY}; run tests/run.sh python, which builds it"
        self.seen = 0
        super().__init__(*arguments, **options)

    def live(self, orders=()):
        """Starts it, with orders for its places."""
        self.environment = {"FAILPOINTS": ";".join(orders)}
        self.start()

    def has_died(self):
        """Whether it died, at one of its places. A process that dies stops listening before its end is told, on a busy machine long
        before: that it ends then is waited for."""
        if self.process.poll() is None:
            try:
                socket.create_connection((self.host, int(self.flight_address.rsplit(":", 1)[1])), DEADLINE).close()
            except ConnectionRefusedError:
                self.process.wait(DEADLINE)
        return self.process.poll() is not None

    def end(self):
        """Ends it for good, also when it has died by itself: its pipes are to be closed."""
        self.kill()
        self.folder.cleanup()

    def happened(self):
        """What happened at its places since this was asked last, in whichever life: pairs of a place and what happened there."""
        seen, self.seen = self.seen, len(self.log)
        return [match.groups() for line in self.log[seen:self.seen] if (match := re.match(r"failpoint (\S+) (\S+)", line))]


class FailingCluster(Cluster):
    """Nodes with such places."""

    kind = FailingServer

    def end(self):
        for node in self.nodes:
            node.end()
        self.folder.cleanup()
