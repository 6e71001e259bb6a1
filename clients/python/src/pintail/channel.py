"""One connection to one server, and the calls on it."""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.flight as flight

from .errors import InterfaceError
from .failure import Answer, of_call

T = TypeVar("T")

CODE, SQLSTATE = "x-pintail-code", "x-pintail-sqlstate"
FEATURES, LOST, TOKEN = "x-pintail-features", "x-pintail-session-lost", "authorization"

#: How long it may take to find out why there is no connection, in seconds.
_REASON_PATIENCE = 2.0



def _options(keepalive: float) -> list[tuple[str, int]]:
    """Of gRPC. A server that is frozen, or cut off, answers no ping: it is asked after `keepalive` seconds of silence, and
    given as much time again."""
    milliseconds = round(keepalive * 1000)
    return [
        # Sockets are not shared between connections, so that a new one is a new one.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.keepalive_time_ms", milliseconds),
        ("grpc.keepalive_timeout_ms", milliseconds),
        # Without this one gRPC waits a minute, whatever the one before says.
        ("grpc.http2.ping_timeout_ms", milliseconds),
        ("grpc.http2.max_pings_without_data", 0),
        # When and where to connect again is decided here and not there.
        ("grpc.enable_retries", 0),
        # What is under way must be less than a server remembers of what it has sent: gRPC's own estimate grows beyond that.
        # With frames as small as they are without an estimate, a large result took 1.12 times the time.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.http2.lookahead_bytes", 16 << 20),
        ("grpc.http2.max_frame_size", 4 << 20),
    ]


@dataclasses.dataclass(frozen=True)
class Tls:
    """What TLS needs: PEM texts, and whether the server's name is checked. The private key is not shown."""

    root_certs: bytes | None = None
    cert_chain: bytes | None = None
    private_key: bytes | None = dataclasses.field(default=None, repr=False)
    override_hostname: str | None = None
    verify: bool = True


class _Heard(flight.ClientMiddleware):  # type: ignore[misc]
    """Takes what the answers of one call say."""

    def __init__(self, answer: Answer, tell: Callable[[str, str], None]) -> None:
        super().__init__()
        self._answer = answer
        self._tell = tell

    def received_headers(self, headers: Mapping[str, list[str | bytes]]) -> None:
        for name, values in headers.items():
            text = values[-1] if values else ""
            if not isinstance(text, str):
                continue
            if name == CODE:
                self._answer.code = text
            elif name == SQLSTATE:
                self._answer.sqlstate = text
            elif name in (FEATURES, LOST, TOKEN):
                self._tell(name, text)


class _Listener(flight.ClientMiddlewareFactory):  # type: ignore[misc]
    """Hears the answers of a channel's calls. A call finds its own by the thread that began it."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        super().__init__()
        self._tell = tell
        self._calls = threading.local()

    def expect(self) -> Answer:
        """The answer of the call that this thread makes next."""
        self._calls.answer = Answer()
        answer: Answer = self._calls.answer
        return answer

    def start_call(self, info: flight.CallInfo) -> _Heard:
        return _Heard(getattr(self._calls, "answer", None) or Answer(), self._tell)


class _Credentials(flight.ClientAuthHandler):  # type: ignore[misc]
    """A handshake whose credentials and whose answer are in the headers: there is nothing to say in messages."""

    def authenticate(self, outgoing: Any, incoming: Any) -> None:
        pass

    def get_token(self) -> bytes:
        return b""


class Channel:
    """A connection to the server at `uri`.

    `tell` is called with the name and the value of each response header that is about the session. All calls raise
    `CallFailed`.
    """

    def __init__(self, uri: str, tls: Tls, keepalive: float, tell: Callable[[str, str], None]) -> None:
        self.uri = uri
        self._listener = _Listener(tell)
        try:
            self._client = flight.FlightClient(
                uri,
                tls_root_certs=tls.root_certs,
                cert_chain=tls.cert_chain,
                private_key=tls.private_key,
                override_hostname=tls.override_hostname,
                disable_server_verification=not tls.verify,
                middleware=[self._listener],
                generic_options=_options(keepalive),
            )
        except pa.ArrowException as error:
            raise InterfaceError(f"there can be no connection to {uri}: {error}") from None

    def handshake(self, options: flight.FlightCallOptions) -> None:
        """Says who is calling. What is answered is told."""
        answer = self._listener.expect()
        try:
            self._client.authenticate(_Credentials(), options)
        except Exception as error:
            # Of a server that can't be connected to, a handshake only says that nothing could be sent.
            why = None if answer.code is not None else self._why_unreachable()
            raise of_call(why or error, answer) from error

    def _why_unreachable(self) -> Exception | None:
        self._listener.expect()
        try:
            list(self._client.list_actions(flight.FlightCallOptions(timeout=_REASON_PATIENCE)))
        except Exception as error:
            return error if isinstance(error, flight.FlightUnavailableError) else None
        return None

    def info(self, descriptor: flight.FlightDescriptor, options: flight.FlightCallOptions) -> flight.FlightInfo:
        """Asks for a query's FlightInfo."""
        return self._guarded(lambda: self._client.get_flight_info(descriptor, options))

    def act(self, action: flight.Action, options: flight.FlightCallOptions) -> bytes:
        """Does an action; the body of its result, empty if it has none."""
        results = self._guarded(lambda: list(self._client.do_action(action, options)))
        return bytes(results[0].body.to_pybytes()) if results else b""

    def put(
        self,
        descriptor: flight.FlightDescriptor,
        schema: pa.Schema,
        batches: Iterator[pa.RecordBatch],
        options: flight.FlightCallOptions,
    ) -> bytes:
        """Uploads batches; the body of the answer."""
        answer = self._listener.expect()
        try:
            writer, answers = self._client.do_put(descriptor, schema, options)
        except Exception as error:
            raise of_call(error, answer) from error
        source: BaseException | None = None
        body = None
        try:
            try:
                for batch in _noting(batches):
                    writer.write_batch(batch)
                writer.done_writing()
                body = answers.read()
            except _SourceFailed as failed:
                source = failed.error
            finally:
                # The status of the call is told by closing it, whatever the writing of a batch says.
                writer.close()
        except Exception as error:
            if source is None:
                raise of_call(error, answer) from error
        if source is not None:
            raise source
        return bytes(body.to_pybytes()) if body is not None else b""

    def get(self, ticket: flight.Ticket, options: flight.FlightCallOptions) -> BatchStream:
        """Asks for the rows of a ticket."""
        answer = self._listener.expect()
        try:
            return BatchStream(self._client.do_get(ticket, options), answer)
        except Exception as error:
            raise of_call(error, answer) from error

    def close(self) -> None:
        """Ends the connection. What is sent on it is not waited for."""
        self._client.close()

    def _guarded(self, call: Callable[[], Any]) -> Any:
        answer = self._listener.expect()
        try:
            return call()
        except Exception as error:
            raise of_call(error, answer) from error


class BatchStream:
    """The batches of one answer, as they come."""

    def __init__(self, reader: flight.FlightStreamReader, answer: Answer) -> None:
        self._reader = reader
        self._answer = answer
        self.schema: pa.Schema = reader.schema

    def next(self) -> tuple[pa.RecordBatch, bytes | None] | None:
        """The next batch and its metadata; None at the end. Raises `CallFailed`."""
        try:
            chunk = self._reader.read_chunk()
        except StopIteration:
            return None
        except Exception as error:
            raise of_call(error, self._answer) from error
        metadata = chunk.app_metadata
        return chunk.data, bytes(metadata.to_pybytes()) if metadata is not None else None

    def cancel(self) -> None:
        """Tells the server that nobody reads on."""
        self._reader.cancel()


class _SourceFailed(Exception):
    """What the application uploads from raised an error of its own."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _noting(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    while True:
        try:
            batch = next(batches)
        except StopIteration:
            return
        except Exception as error:
            raise _SourceFailed(error) from error
        yield batch
