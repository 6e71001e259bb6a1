"""A client that keeps account of what it was told, and of what must then be so."""

import contextlib
import re
import uuid

import pyarrow as pa
import pyarrow.flight as flight

from flight_sql import COMMIT, ROLL_BACK, Session
from marked_reader import MarkedReader
from test_pyarrow_metadata import ingest

FAILURES = (flight.FlightError, pa.ArrowException, OSError)

# What clients of pyarrow are told of errors has their SQLSTATE and not their code. These say that nothing was done; any other
# failure says nothing of what was done.
NOT_DONE = ("[XX000]", "[58030]")
# What was done, although its session could not be written.
UNSAVED = "[08007] the statement was applied"
# A transaction is over, and was not committed; or whether it was is not known.
LOST, UNKNOWN = "was rolled back when its session was taken over", "whether it was is not known"
NOT_OPEN = "[25000]"
# A table ended with the node that had it, since it could not be kept; in quotes, which.
ENDED = re.compile(r'The session\'s (temporary \w+) "?(\w+)"? ended with the node that had it')
# The session is not there any more.
GONE = ("[28000]", "could not be taken over")

# What a client is told that ends a transaction when there is none.
NONE_OPEN = "no transaction is active"

# How often one thing is tried: reached only when something is broken.
TRIES = 100

ROWS = 300_000


class Ended(Exception):
    """The client was told that something of its session ended with its node: what it was doing with it is over."""


class Recording:
    """One session, on whichever server `reach` gives, which waits until there is one."""

    def __init__(self, reach, chance, tables, returning=True):
        """`tables` says by their names how the tables are made that are written to: all must be where each server finds them, or go
        with the session; `returning`, whether a write to those that stay can give rows."""
        self.reach, self.chance = reach, chance
        self.next = 0
        #: Tells whether something of the session may end with its node.
        self.may_end = lambda: False
        #: What ended with its node, as the client was told.
        self.ended = []
        #: How each table is made.
        self.made = dict(tables)
        #: What must be in the tables.
        self.rows = {name: set() for name in tables}
        self.returning = returning
        self.passing = [name for name, how in tables.items() if "TEMP" in how]
        self.variable, self.position, self.view = 0, 0, 0
        self.session = None
        self.header = None
        #: What was asked for in vain, by how it failed.
        self.failures = []
        for name in tables:
            self.make(name)
        self.make_sequence()

    def make(self, table):
        sql = f"{self.made[table]} IF NOT EXISTS {table} (n BIGINT)"
        self.surely(lambda: self.session.update(sql))

    def make_sequence(self):
        self.surely(lambda: self.session.update("CREATE TEMP SEQUENCE IF NOT EXISTS positions"))

    # How calls are made.

    def ask(self, sql):
        table = self.session.table(sql)
        return table.column(0)[0].as_py() if table.num_rows and table.num_columns else None

    @contextlib.contextmanager
    def request(self, number):
        """What is sent meanwhile has this request id."""
        headers = [self.session.header, (b"x-pintail-request-id", str(number).encode())]
        self.session.options = flight.FlightCallOptions(headers=headers)
        try:
            yield
        finally:
            self.session.options = flight.FlightCallOptions(headers=[self.session.header])

    def connect(self):
        """Goes on where there is a server."""
        if self.session is not None:
            self.session.client.close()
            self.session = None
        server = self.reach()
        self.session = Session(server, header=self.header)
        self.header = self.session.header

    def surely(self, work):
        """What the work gives once it is done: whatever fails is done again."""
        for _ in range(TRIES):
            try:
                if self.session is None:
                    self.connect()
                return work()
            except FAILURES as error:
                self.failed(error)
        raise AssertionError(f"it was tried {TRIES} times: {self.failures[-3:]}")

    def failed(self, error):
        """Notes a failure, and leaves the connection."""
        text = str(error)
        assert not any(word in text for word in GONE), f"the session was lost: {text}"
        assert UNKNOWN not in text, "whether it was committed can be known"
        self.failures.append(text)
        if self.session is not None:
            self.session.client.close()
            self.session = None
        if told := ENDED.search(text):
            assert self.may_end(), f"it ended and should not have: {text}"
            raise Ended(told[2])

    def goes_on(self, ended):
        """Makes what ended again."""
        name = str(ended)
        self.ended.append(name)
        with contextlib.suppress(Ended):
            self.surely(lambda: self.roll_back(None))
        if name == "positions":
            self.position = 0
            self.make_sequence()
        else:
            self.rows[name] = set()
            self.make(name)

    def until_there(self, work):
        """What the work gives, with what ended made again."""
        for _ in range(TRIES):
            try:
                return work()
            except Ended as ended:
                self.goes_on(ended)
        raise AssertionError(f"it ended {TRIES} times: {self.ended[-3:]}")

    def chosen(self):
        """A request id."""
        return uuid.UUID(int=self.chance.getrandbits(128), version=4)

    # What is done.

    def numbers(self):
        """Some that were not there before."""
        count = self.chance.randint(1, 3)
        self.next += count
        return list(range(self.next - count, self.next))

    def table(self):
        return self.chance.choice(sorted(self.rows))

    @staticmethod
    def insert(table, numbers):
        return f"INSERT INTO {table} VALUES {', '.join(f'({number})' for number in numbers)}"

    def write(self):
        """A write with a request id, by one of the ways there are."""
        table, numbers, number = self.table(), self.numbers(), self.chosen()
        sql = self.insert(table, numbers)

        def prepared():
            with self.session.prepared(f"INSERT INTO {table} VALUES (?)") as statement, self.request(number):
                return statement.update(pa.table({"1": pa.array(numbers, pa.int64())}))

        ways = {
            "update": lambda: self.session.update(sql),
            "query": lambda: self.ask(sql),
            "ingest": lambda: ingest(self.session, table, pa.table({"n": pa.array(numbers, pa.int64())}), mode="append",
                                     temporary=table == "passing"),
            "several": lambda: self.session.update(f"{self.insert(table, numbers[:1])}; {self.insert(table, numbers[1:])}"
                                                   if numbers[1:] else sql),
            "all": lambda: self.session.update("; ".join(self.insert(one, numbers) for one in self.rows)),
            "returning": lambda: self.session.table(f"{sql} RETURNING n").column(0).to_pylist(),
        }
        if not self.returning and table not in self.passing:
            del ways["returning"]
        way = self.chance.choice([*ways, "prepared"])

        def once():
            if way == "prepared":
                return prepared()
            with self.request(number):
                return ways[way]()

        told = self.surely(once)
        if way == "returning":
            assert told == numbers, f"{told} instead of {numbers}"
        elif way not in ("several", "all"):
            assert told == len(numbers), f"{way}: {told} instead of {len(numbers)}"
        for one in self.rows if way == "all" else [table]:
            self.rows[one].update(numbers)

    def keep(self):
        """Writes to each temporary table."""
        for table in self.passing:
            numbers = self.numbers()
            number = self.chosen()
            self.surely(lambda: self.requested(number, self.insert(table, numbers)))
            self.rows[table].update(numbers)

    def requested(self, number, sql):
        with self.request(number):
            return self.session.update(sql)

    def write_without_id(self):
        """A write that may be made once at most."""
        table, numbers = self.table(), self.numbers()
        self.surely(lambda: self.session.update("SET VARIABLE here = 1"))
        try:
            assert self.session.update(self.insert(table, numbers)) == len(numbers)
            self.rows[table].update(numbers)
        except FAILURES as error:
            is_not_done = any(code in str(error) for code in NOT_DONE)
            is_done = UNSAVED in str(error)
            self.failed(error)
            there = self.found(table) & set(numbers)
            assert there in (set(), set(numbers)), f"half of a statement: {there}"
            assert not (is_not_done and there), f"it was told not to have been done, and was: {error}"
            if is_done:
                assert there, f"it was told to have been done, and was not: {error}"
            self.rows[table] |= there

    def transaction(self):
        """Some writes at once, to one table or to all."""
        tables, by_text = self.chance.choice([[self.table()], sorted(self.rows)]), self.chance.random() < 0.5
        number = self.chosen() if self.chance.random() < 0.5 else None
        for _ in range(TRIES):
            numbers = self.numbers()
            if self.try_transaction(tables, numbers, by_text, number):
                for table in tables:
                    self.rows[table].update(numbers)
                return
            number = number and self.chosen()
        raise AssertionError(f"a transaction was tried {TRIES} times: {self.failures[-3:]}")

    def try_transaction(self, tables, numbers, by_text, number):
        """Whether it was committed."""
        transaction = None
        try:
            if self.session is None:
                self.connect()
            if by_text:
                self.session.update("BEGIN")
            else:
                transaction = self.session.begin()
            for table in tables:
                for one in numbers:
                    self.session.update(self.insert(table, [one]), transaction)
        except FAILURES as error:
            self.failed(error)
            self.surely(lambda: self.roll_back(transaction))
            return False
        for _ in range(TRIES):
            try:
                if self.session is None:
                    self.connect()
                with self.request(number) if number else contextlib.nullcontext():
                    if by_text:
                        self.session.update("COMMIT")
                    else:
                        self.session.end(transaction, COMMIT)
                return True
            except FAILURES as error:
                text = str(error)
                self.failed(error)
                if any(word in text for word in (LOST, NOT_OPEN, NONE_OPEN, *NOT_DONE)):
                    # It failed, and is over: then nothing of it may be there.
                    there = set.union(*(self.found(table) for table in tables)) & set(numbers)
                    assert not there, f"a commit that was told to have failed was made: {text}"
                    return False
        raise AssertionError(f"a commit was tried {TRIES} times: {self.failures[-3:]}")

    def roll_back(self, transaction):
        """Ends what may be open."""
        if transaction is not None:
            return self.session.end(transaction, ROLL_BACK)
        try:
            self.session.update("ROLLBACK")
        except FAILURES as error:
            if NONE_OPEN not in str(error):
                raise

    def state(self):
        """Something of the session itself."""
        self.next += 1
        number = self.next
        match self.chance.randrange(3):
            case 0:
                self.surely(lambda: self.session.update(f"SET VARIABLE mine = {number}"))
                self.variable = number
            case 1:
                self.surely(lambda: self.session.update(f"CREATE OR REPLACE TEMP VIEW seen AS SELECT {number} AS n"))
                self.view = number
            case _:
                position = self.surely(lambda: self.ask("SELECT nextval('positions')"))
                assert position > self.position, f"position {position} comes after {self.position}"
                self.position = position

    def read(self):
        """A result that may break off."""
        ticket = self.surely(lambda: self.session.info(f"SELECT i FROM range({ROWS}) r(i)").endpoints[0].ticket)
        reader = MarkedReader(ticket, self.header)

        def rest():
            reader.open(self.session.uri)
            reader.read()

        self.surely(rest)
        assert reader.rows == ROWS

    def do(self):
        """Something, unless the client is told in the midst of it that what it needs has ended."""
        what = [self.write] * 5 + [self.transaction] * 2 + [self.write_without_id, self.state, self.read]
        try:
            self.chance.choice(what)()
        except Ended as ended:
            self.goes_on(ended)

    # What must be so.

    def found(self, table):
        """The numbers in a table, each of which must be there once."""
        read = self.surely(lambda: self.session.table(f"SELECT n FROM {table} ORDER BY n")).column(0).to_pylist()
        assert len(read) == len(set(read)), f"applied twice: {table}"
        return set(read)

    def check(self):
        """What is there is what was told."""
        for table, rows in self.rows.items():
            found = self.found(table)
            assert found == rows, f"{table}: lost {sorted(rows - found)}, unwanted {sorted(found - rows)}"
        mine = self.surely(lambda: self.ask("SELECT getvariable('mine')"))
        assert (mine or 0) == self.variable
        if self.view:
            assert self.surely(lambda: self.ask("FROM seen")) == self.view

    def close(self):
        self.surely(lambda: self.session.close())
        self.session = None
