"""A client that reads a result over as many connections as it takes, and looks closely at what comes."""

import hashlib

import pyarrow as pa
import pyarrow.flight as flight

RESUME = b"x-pintail-resume"

# What is under way to a client that comes again has to be less than a server remembers: see docs/protocol.md.
WINDOW = [("grpc.http2.bdp_probe", 0), ("grpc.http2.lookahead_bytes", 16 << 20), ("grpc.http2.max_frame_size", 4 << 20)]


class MarkedReader:
    """The batches of one ticket. What comes after a break must be what follows, to the byte."""

    def __init__(self, ticket, header, resumable=False):
        self.ticket, self.headers = ticket, [header]
        self.options = [("grpc.use_local_subchannel_pool", 1)]
        if resumable:
            self.headers.append((b"x-pintail-resumable", b"1"))
            self.options += WINDOW
        #: The metadata of the last batch.
        self.mark = None
        self.batches, self.rows = 0, 0
        #: Of all that came, as it came; the marks say what the server takes it for.
        self.digest = hashlib.sha256()
        self.reader = self.client = None
        self.is_over = False
        self.left = []

    def open(self, uri):
        """Asks a node for what follows."""
        if self.client is not None:
            self.forget()
        self.client = flight.FlightClient(uri, generic_options=self.options)
        mark = [(RESUME, self.mark)] if self.mark else []
        self.reader = self.client.do_get(self.ticket, flight.FlightCallOptions(headers=self.headers + mark))

    def read(self, most=None):
        """Reads so many batches, or all; whether the result is over."""
        while most is None or most > 0:
            try:
                chunk = self.reader.read_chunk()
            except StopIteration:
                self.drop()
                self.is_over = True
                return True
            self._take(chunk)
            most = most and most - 1
        return False

    def _take(self, chunk):
        mark = chunk.app_metadata.to_pybytes()
        number = int(mark.partition(b";")[0])
        assert number == self.batches + 1, f"after {self.mark} came {mark}"
        self.mark, self.batches = mark, number
        column = chunk.data.column("i")
        if pa.types.is_int64(column.type):
            assert (column[0].as_py(), column[-1].as_py()) == (self.rows, self.rows + len(column) - 1)
        self.rows += chunk.data.num_rows
        self.digest.update(chunk.data.serialize())

    @property
    def read_so_far(self):
        """What two readings of the same result have in common."""
        return self.mark, self.rows, self.digest.hexdigest()

    def forget(self):
        """Leaves the connection as it is, and looks at it no more."""
        self.left.append((self.client, self.reader))
        self.reader = self.client = None

    def drop(self):
        """Closes the connection."""
        if self.client is not None:
            self.client.close()
        self.reader = self.client = None
