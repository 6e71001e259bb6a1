"""A Flight server that knows a write again by its identity, as docs/protocol.md has it, and that loses its first answers."""

import pyarrow as pa
import pyarrow.flight as flight

from flight_sql import field, packed
from resuming_server import TOKEN

REQUEST_ID = "x-pintail-request-id"


class _Call(flight.ServerMiddleware):
    def __init__(self, request, answer):
        super().__init__()
        self.request, self.answer = request, answer

    def sending_headers(self):
        return self.answer


class _Headers(flight.ServerMiddlewareFactory):
    def __init__(self):
        super().__init__()
        self.features = []

    def start_call(self, info, headers):
        answer = {}
        if info.method == flight.FlightMethod.HANDSHAKE:
            # The last is announced ever after.
            features = self.features.pop(0) if len(self.features) > 1 else self.features[0]
            answer = {"authorization": f"Bearer {TOKEN}", "x-pintail-features": features}
        return _Call(headers.get(REQUEST_ID, [None])[0], answer)


class _Anybody(flight.ServerAuthHandler):
    def authenticate(self, outgoing, incoming):
        pass

    def is_valid(self, token):
        return "anybody"


class RecordingServer(flight.FlightServerBase):
    """Notes the identity of each write that came, and the rows of each that it applied. `features` are those of one handshake
    after the other; `lost` is how many answers to writes get lost."""

    def __init__(self, *features, lost=1):
        self.headers = _Headers()
        super().__init__("grpc://127.0.0.1:0", auth_handler=_Anybody(), middleware={"call": self.headers})
        self.headers.features = list(features)
        self.uri = f"grpc://127.0.0.1:{self.port}"
        self.lost, self.came, self.applied = lost, [], {}

    def do_put(self, context, descriptor, reader, writer):
        rows = reader.read_all().num_rows
        self._write(context, rows)
        writer.write(pa.py_buffer(field(1, rows)))

    def do_action(self, context, action):
        if action.type == "EndTransaction":
            self._write(context, 0)
            return []
        if action.type == "BeginTransaction":
            return [packed("ActionBeginTransactionResult", field(1, "transaction"))]
        if action.type == "CreatePreparedStatement":
            return [packed("ActionCreatePreparedStatementResult", field(1, "handle") + field(4, 1))]
        return []

    def _write(self, context, rows):
        request = context.get_middleware("call").request
        self.came.append(request)
        self.applied.setdefault(request, rows)
        if self.lost:
            self.lost -= 1
            raise flight.FlightUnavailableError("the node ends here")
