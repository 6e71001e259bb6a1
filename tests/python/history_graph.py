"""The order in which transactions must have happened, and where it contradicts itself."""

import dataclasses
import enum
import heapq
import itertools

#: In how many moments of a contradiction a cycle is looked for. Each lies in one, and few are enough to find a short one.
MOST_STARTS = 400


class Order(enum.Enum):
    """Why one transaction is before another."""

    #: Both appended to a list, one right behind the other.
    WW = "ww"
    #: One read what the other had appended.
    WR = "wr"
    #: One did not read what the other appended.
    RW = "rw"
    #: One session asked for both, and was told of the one before it began the other.
    SESSION = "session"
    #: A client was told of the one before any client began the other.
    REALTIME = "realtime"


@dataclasses.dataclass(frozen=True)
class Step:
    """From one transaction to a later one, by number, and why it is later."""

    before: int
    order: Order
    after: int
    why: str = ""


class Graph:
    """Moments, and what comes before what.

    A transaction has two moments: that of its snapshot, which is what it reads, and that of its commit, from which on it is read.
    In snapshot isolation a transaction sees what was committed before its snapshot, and nothing else. So the commit of what
    it saw is before its snapshot, and its snapshot is before the commit of what it did not see. A history can be had in snapshot
    isolation if, and only if, its moments can be put in an order: if there is no cycle. Two transactions that do not see
    each other's appends (write skew) make none.
    """

    def __init__(self):
        #: From each moment: the moment after it, what it costs to go there, and why it is later (None within a transaction).
        self._after = {}
        self._knots = itertools.count()

    def add(self, number):
        """A transaction."""
        self._edge(("snapshot", number), ("commit", number), 0, None)

    def see(self, before, order, after, why=""):
        """The commit of one is before the snapshot of the other."""
        self._edge(("commit", before), ("snapshot", after), 1, (order, why))

    def follow(self, before, order, after, why=""):
        """The commit of one is before the commit of the other, which need not have seen it."""
        self._edge(("commit", before), ("commit", after), 1, (order, why))

    def miss(self, before, order, after, why=""):
        """The snapshot of one is before the commit of the other."""
        self._edge(("snapshot", before), ("commit", after), 1, (order, why))

    def pass_time(self, order, spans):
        """Those that had ended before another began were committed before its snapshot.

        `spans` are numbers, each with a beginning and an end, which is None where nobody was told of it. The ends are knots of
        one thread, so that there are as many edges as transactions, and not as pairs of them.
        """
        thread = None
        events = [(began, 0, number) for number, began, _ in spans]
        events += [(ended, 1, number) for number, _, ended in spans if ended is not None]
        for _, is_end, number in sorted(events):
            if is_end:
                knot = ("time", next(self._knots))
                if thread is not None:
                    self._edge(thread, knot, 0, None)
                self._edge(("commit", number), knot, 1, (order, ""))
                thread = knot
            elif thread is not None:
                self._edge(thread, ("snapshot", number), 0, None)

    def cycles(self):
        """A short cycle of each part of the graph that contradicts itself, as steps."""
        return [self._short_cycle(part) for part in self._strongly_connected() if len(part) > 1]

    def _edge(self, before, after, cost, why):
        self._after.setdefault(before, []).append((after, cost, why))
        self._after.setdefault(after, [])

    def _strongly_connected(self):
        """Tarjan's algorithm, without recursion: histories are longer than Python's stack."""
        index, low, open_moments, stack, parts = {}, {}, set(), [], []

        def visit(moment):
            index[moment] = low[moment] = len(index)
            stack.append(moment)
            open_moments.add(moment)
            return moment, iter(self._after[moment])

        for root in self._after:
            work = [visit(root)] if root not in index else []
            while work:
                moment, edges = work[-1]
                new = None
                for after, _, _ in edges:
                    if after not in index:
                        new = after
                        break
                    if after in open_moments:
                        low[moment] = min(low[moment], index[after])
                if new is not None:
                    work.append(visit(new))
                    continue
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[moment])
                if low[moment] == index[moment]:
                    part = set()
                    while moment not in part:
                        part.add(stack.pop())
                    open_moments -= part
                    parts.append(part)
        return parts

    def _short_cycle(self, part):
        """The shortest cycle within a part, by its steps: the shortest of all unless the part is a large one."""
        found = None
        # Every cycle has a commit in it.
        for start in sorted(moment for moment in part if moment[0] == "commit")[:MOST_STARTS]:
            found = self._way_back(start, part, len(found) if found else len(part) + 1) or found
        return found

    def _way_back(self, start, part, limit):
        """The shortest way from a moment to itself, if it has fewer steps than the limit."""
        best, came, queue, turn = {}, {}, [(0, 0, start)], itertools.count(1)
        while queue:
            cost, _, moment = heapq.heappop(queue)
            if moment == start and came:
                if start in came:
                    return self._steps(start, came)
            elif cost > best.get(moment, cost):
                continue
            for after, more, why in self._after[moment]:
                if after in part and cost + more < best.get(after, limit):
                    best[after], came[after] = cost + more, (moment, why)
                    heapq.heappush(queue, (cost + more, next(turn), after))
        return None

    @staticmethod
    def _steps(start, came):
        """The steps of a way, from whence each of its moments was reached. Those by the thread of time are one."""
        way, moment = [], start
        while not way or moment != start:
            earlier, why = came[moment]
            way.append((earlier, why, moment))
            moment = earlier
        steps, reason = [], None
        for earlier, why, later in reversed(way):
            reason = why or reason
            if earlier[0] != "time":
                number = earlier[1]
            if later[0] != "time" and later[1] != number:
                steps.append(Step(number, reason[0], later[1], reason[1]))
        return steps
