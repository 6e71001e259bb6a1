"""A Flight server that can go on with a result at the batch where it broke off, as docs/protocol.md has it, and that breaks
off where a test tells it to. Its results are known in advance, so that nothing that is lost or doubled goes unseen."""

import zlib

import pyarrow as pa
import pyarrow.flight as flight

SCHEMA = pa.schema({"i": pa.int64()})
BATCHES, ROWS = 6, 10
TOKEN = "pt1.00000000000000000000000000000001.secret"


class _Call(flight.ServerMiddleware):
    """What one call said in its headers, what its answer says, and with which error it fails, if it does."""

    def __init__(self, mark, resumable, answer, failure):
        super().__init__()
        self.mark, self.resumable, self.answer, self.failure = mark, resumable, answer, failure

    def sending_headers(self):
        return self.answer


class _Headers(flight.ServerMiddlewareFactory):
    """A server of pyarrow's sends headers only before it does anything, so that a failure is known here first."""

    def __init__(self, features, failure_of):
        super().__init__()
        self.features, self.failure_of = features, failure_of

    def start_call(self, info, headers):
        mark, resumable = (headers.get(name, [None])[0] for name in ("x-pintail-resume", "x-pintail-resumable"))
        answer, failure = {}, None
        if info.method == flight.FlightMethod.HANDSHAKE:
            answer["authorization"] = f"Bearer {TOKEN}"
            if self.features:
                answer["x-pintail-features"] = self.features
        elif info.method == flight.FlightMethod.DO_GET and (failure := self.failure_of(mark)):
            code, sqlstate = failure
            answer |= {"x-pintail-code": code, "x-pintail-sqlstate": sqlstate}
        return _Call(mark, resumable, answer, failure)


class _Anybody(flight.ServerAuthHandler):
    def authenticate(self, outgoing, incoming):
        pass

    def is_valid(self, token):
        return "anybody"


class ResumingServer(flight.FlightServerBase):
    """One result, under any statement. `breaks` are the numbers of batches after which it breaks off, one for each time."""

    def __init__(self, features="resume", breaks=(), metadata=True, changes=False, gone=(), forgets=False):
        self._headers = _Headers(features, self._failure_of)
        super().__init__("grpc://127.0.0.1:0", auth_handler=_Anybody(),
                         middleware={"call": self._headers})
        self.uri = f"grpc://127.0.0.1:{self.port}"
        self.breaks, self.metadata, self.changes, self.gone = list(breaks), metadata, changes, list(gone)
        self.forgets = forgets
        self.planned, self.resumed_at, self.resumable, self.acted = 0, [], [], []

    def announce(self, features):
        """From now on handshakes are answered with these features."""
        self._headers.features = features

    def get_flight_info(self, context, descriptor):
        self.planned += 1
        endpoint = flight.FlightEndpoint(b"ticket", [])
        return flight.FlightInfo(SCHEMA, descriptor, [endpoint], -1, -1)

    def do_get(self, context, ticket):
        call = context.get_middleware("call")
        self.resumed_at.append(call.mark)
        self.resumable.append(call.resumable)
        if call.failure:
            raise flight.FlightServerError(f"[{call.failure[1]}] {call.failure[0]}")
        begin = int(call.mark.split(";")[0]) if call.mark and not self.forgets else 0
        end = self.breaks.pop(0) if self.breaks else None
        return flight.GeneratorStream(SCHEMA, self._batches(begin, end))

    def _failure_of(self, mark):
        if mark and (self.changes or mark != self.mark(int(mark.split(";")[0]))):
            return "RESULT_CHANGED", "40001"
        return ("RESULT_GONE", "24000") if self.gone and self.gone.pop(0) else None

    def do_action(self, context, action):
        self.acted.append(action.type)
        return []

    def _batches(self, begin, end):
        for number in range(begin, BATCHES):
            if number == end:
                raise flight.FlightUnavailableError("the node ends here")
            batch = pa.record_batch({"i": range(number * ROWS, (number + 1) * ROWS)}, SCHEMA)
            yield (batch, self.mark(number + 1).encode() if self.metadata else b"of no meaning")

    @staticmethod
    def mark(number):
        """How many batches there were, and a digest of them."""
        return f"{number};{zlib.crc32(str(number).encode()):016x}"
