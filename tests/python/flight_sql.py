"""As much of Flight SQL as a client needs that has pyarrow.flight only."""

import base64
import contextlib

import pyarrow as pa
import pyarrow.flight as flight

from pintail_process import PASSWORD, USER

PACKAGE = "type.googleapis.com/arrow.flight.protocol.sql."
COMMIT, ROLL_BACK = 1, 2


def _varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number, value):
    """A protobuf field: a number or truth value as a varint, all else as its length and its bytes."""
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def fields(message):
    """The fields of a protobuf message, each a list: whole numbers, and bytes."""
    found, at = {}, 0

    def varint():
        nonlocal at
        number = shift = 0
        while True:
            byte = message[at]
            at += 1
            number |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return number

    while at < len(message):
        key = varint()
        size = {0: 0, 1: 8, 5: 4}.get(key & 7)
        value = varint() if key & 7 in (0, 2) else None
        if key & 7 != 0:
            size = value if key & 7 == 2 else size
            value, at = message[at:at + size], at + size
        found.setdefault(key >> 3, []).append(value)
    return found


def packed(name, body=b""):
    """A message of Flight SQL in an Any."""
    return field(1, PACKAGE + name) + field(2, body)


def command(name, body=b""):
    """A Flight SQL command in a descriptor."""
    return flight.FlightDescriptor.for_command(packed(name, body))


def query(sql, transaction=None):
    """The descriptor of a query."""
    return command("CommandStatementQuery", field(1, sql) + _transaction(transaction))


def basic(user=USER, password=PASSWORD):
    """Call options with Basic credentials."""
    credentials = base64.b64encode(f"{user}:{password}".encode())
    return flight.FlightCallOptions(headers=[(b"authorization", b"Basic " + credentials)])


def _transaction(transaction):
    return b"" if transaction is None else field(2, transaction)


class Session:
    """A pyarrow.flight client and its token. `told` are options of the client, such as what TLS needs; with a `header` it goes on
    with the session that has it."""

    def __init__(self, server, header=None, **told):
        # Sockets are not shared with other clients of this process: each session is a connection.
        self.uri = server.uri
        self.client = flight.FlightClient(server.uri, generic_options=[("grpc.use_local_subchannel_pool", 1)], **told)
        self.header = header or self.client.authenticate_basic_token(USER, PASSWORD)
        self.options = flight.FlightCallOptions(headers=[self.header])

    def info(self, sql):
        return self.client.get_flight_info(query(sql), self.options)

    def stream(self, sql):
        """A reader of the rows."""
        return self.client.do_get(self.info(sql).endpoints[0].ticket, self.options)

    def table(self, sql):
        """All rows."""
        return self.fetch(query(sql))

    def fetch(self, descriptor):
        """All rows of what a descriptor asks for."""
        info = self.client.get_flight_info(descriptor, self.options)
        return self.client.do_get(info.endpoints[0].ticket, self.options).read_all()

    def value(self, sql):
        """The first value of the first row."""
        return self.table(sql).column(0)[0].as_py()

    def act(self, name, body=b""):
        """Does an action of Flight SQL; the fields of its result, none where it has none."""
        answers = list(self.client.do_action(flight.Action(name, body), self.options))
        return fields(fields(answers[0].body.to_pybytes())[2][0]) if answers else {}

    def put(self, descriptor, data=None):
        """Uploads batches, or an upload without columns; the fields of the answer."""
        table = pa.table({}) if data is None else data
        writer, answers = self.client.do_put(descriptor, table.schema, self.options)
        with writer:
            for batch in table.to_batches() if isinstance(table, pa.Table) else table:
                writer.write_batch(batch)
            writer.done_writing()
            answer = answers.read()
        return fields(answer.to_pybytes())

    def update(self, sql, transaction=None):
        """Runs a statement for its effect; how many rows it changed."""
        return changed(self.put(command("CommandStatementUpdate", field(1, sql) + _transaction(transaction))))

    def begin(self):
        """Begins a transaction; its id."""
        return self.act("BeginTransaction", packed("ActionBeginTransactionRequest"))[1][0]

    def end(self, transaction, action):
        """Commits a transaction or rolls it back."""
        self.act("EndTransaction", packed("ActionEndTransactionRequest", field(1, transaction) + field(2, action)))

    @contextlib.contextmanager
    def prepared(self, sql):
        """A prepared statement, closed at the end."""
        result = self.act("CreatePreparedStatement", packed("ActionCreatePreparedStatementRequest", field(1, sql)))
        statement = Prepared(self, result)
        yield statement
        self.act("ClosePreparedStatement",
                 packed("ActionClosePreparedStatementRequest", field(1, statement.handle)))

    def set_options(self, **values):
        """Sets session options: texts, truth values, whole numbers, lists of texts, or `None`. What was refused, and why."""
        body = b"".join(field(1, field(1, name) + field(2, _option(value))) for name, value in values.items())
        answer, = self.client.do_action(flight.Action("SetSessionOptions", body), self.options)
        refused = [fields(entry) for entry in fields(answer.body.to_pybytes()).get(1, [])]
        return {entry[1][0].decode(): fields(entry[2][0])[1][0] for entry in refused}

    def set_option(self, name, value):
        """Sets a session option, which must not be refused."""
        assert self.set_options(**{name: value}) == {}

    def get_options(self):
        """The session options that have texts as values."""
        answer, = self.client.do_action(flight.Action("GetSessionOptions", b""), self.options)
        entries = [fields(entry) for entry in fields(answer.body.to_pybytes())[1]]
        return {entry[1][0].decode(): fields(entry[2][0])[1][0].decode() for entry in entries}

    def close(self):
        list(self.client.do_action(flight.Action("CloseSession", b""), self.options))
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def _option(value):
    if value is None:
        return b""
    if isinstance(value, bool):
        return field(2, int(value))
    return field(1, value) if isinstance(value, str) else field(5, b"".join(field(1, text) for text in value))


def changed(answer):
    """The record count of an update's answer; minus one is what is not known."""
    count = answer.get(1, [0])[0]
    return count - (1 << 64) if count >> 63 else count


class Prepared:
    """A prepared statement of a session."""

    def __init__(self, session, result):
        self.session, self.handle = session, result[1][0]
        self.dataset_schema = _schema(result.get(2))
        self.parameter_schema = _schema(result.get(3))

    def bind(self, data):
        """Binds rows of parameters for the next query."""
        answer = self.session.put(self.query(), data)
        self.handle = answer.get(1, [self.handle])[0]

    def table(self, data=None):
        """All rows of the query, over these rows of parameters."""
        if data is not None:
            self.bind(data)
        return self.session.fetch(self.query())

    def update(self, data=None):
        """Runs it for its effect with these rows of parameters; how many rows it changed."""
        return changed(self.session.put(command("CommandPreparedStatementUpdate", field(1, self.handle)), data))

    def query(self):
        return command("CommandPreparedStatementQuery", field(1, self.handle))


def _schema(encoded):
    return pa.ipc.read_schema(pa.py_buffer(encoded[0])) if encoded and encoded[0] else None
