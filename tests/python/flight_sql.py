"""As much of Flight SQL as a client needs that has pyarrow.flight only."""

import base64

import pyarrow.flight as flight

from pintail_process import PASSWORD, USER


def _varint(number):
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*out, number])


def field(number, value):
    """A length-delimited protobuf field."""
    value = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(value)) + value


def command(name, body=b""):
    """A Flight SQL command in a descriptor."""
    url = f"type.googleapis.com/arrow.flight.protocol.sql.{name}"
    return flight.FlightDescriptor.for_command(field(1, url) + field(2, body))


def query(sql):
    """The descriptor of a query."""
    return command("CommandStatementQuery", field(1, sql))


def basic(user=USER, password=PASSWORD):
    """Call options with Basic credentials."""
    credentials = base64.b64encode(f"{user}:{password}".encode())
    return flight.FlightCallOptions(headers=[(b"authorization", b"Basic " + credentials)])


class Session:
    """A pyarrow.flight client and its token."""

    def __init__(self, server):
        # Sockets are not shared with other clients of this process: each session is a connection.
        self.uri = server.uri
        self.client = flight.FlightClient(server.uri, generic_options=[("grpc.use_local_subchannel_pool", 1)])
        self.options_headers = [self.client.authenticate_basic_token(USER, PASSWORD)]
        self.options = flight.FlightCallOptions(headers=self.options_headers)

    def info(self, sql):
        return self.client.get_flight_info(query(sql), self.options)

    def stream(self, sql):
        """A reader of the rows."""
        return self.client.do_get(self.info(sql).endpoints[0].ticket, self.options)

    def table(self, sql):
        """All rows."""
        return self.stream(sql).read_all()

    def value(self, sql):
        """The first value of the first row."""
        return self.table(sql).column(0)[0].as_py()

    def set_option(self, name, value):
        """Sets a session option to a text."""
        option = field(1, field(1, name) + field(2, field(1, value)))
        answer = list(self.client.do_action(flight.Action("SetSessionOptions", option), self.options))
        assert answer[0].body.to_pybytes() == b"", "no option was refused"

    def close(self):
        list(self.client.do_action(flight.Action("CloseSession", b""), self.options))
        self.client.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
