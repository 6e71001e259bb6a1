"""How a connection is made."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from .channel import Tls
from .connection import Connection
from .errors import InterfaceError
from .messages import OptionValue

_TOKEN = re.compile(r"[A-Za-z0-9._-]+")
_SCHEMES = ("grpc", "grpc+tcp", "grpc+tls")

Pem = str | bytes | os.PathLike[str]


def connect(
    uris: str | Sequence[str],
    *,
    user: str | None = None,
    password: str | None = None,
    token: str | None = None,
    tls_root_certs: Pem | None = None,
    tls_client_cert: Pem | None = None,
    tls_client_key: Pem | None = None,
    tls_override_hostname: str | None = None,
    tls_verify: bool = True,
    autocommit: bool = False,
    deadline: float = 60.0,
    connect_timeout: float = 10.0,
    keepalive: float = 10.0,
    statement_timeout: float | None = None,
    session_options: Mapping[str, OptionValue] | None = None,
    progress: bool | None = None,
) -> Connection:
    """Connects to a server, and begins a session there, or goes on with one.

    Parameters
    ----------
    uris
        Where the nodes are: one URI or several, such as ``grpc://127.0.0.1:8815`` or ``grpc+tls://db.internal:8815``. They
        are tried in their order, and again in that order when a connection breaks. A load balancer is one URI.
    user, password
        Begin a new session.
    token
        Goes on with the session that this token names (`Connection.session_token`). Where it is refused, `SessionLostError`
        is raised: no new session is begun.
    tls_root_certs
        The authorities that the server's certificate is checked with, those of the system unless given. PEM text, or the
        path of a file with it; so are the next two.
    tls_client_cert, tls_client_key
        The client's own certificate and key, for servers that want one.
    tls_override_hostname
        The name that the server's certificate has to have, if not that of the URI.
    tls_verify
        False trusts any server.
    autocommit
        Whether each statement is a transaction of its own. If not, as DB-API has it, what may change data begins a
        transaction, which `commit` or `rollback` ends.
    deadline
        For how long something that fails is tried again, in seconds from its first failure.
    connect_timeout
        For how long this call tries, in seconds.
    keepalive
        After how many seconds of silence a server is asked whether it is there. One that does not answer for as long again is
        taken for dead, and the next is tried.
    statement_timeout
        How long any statement of the session may take, in seconds. The server sees to it, also after a break.
    session_options
        Options of the session to begin with, such as ``{"schema": "main"}``.
    progress
        Whether statements that take long show how they get on. None is to show it on a terminal and in a notebook.

    Raises
    ------
    AuthenticationError
        The user name or the password is wrong.
    SessionLostError
        The token is refused.
    OperationalError
        No server could be reached in time.
    """
    where = [uris] if isinstance(uris, str) else list(uris)
    if not where:
        raise InterfaceError("there is no URI to connect to")
    for uri in where:
        _check(uri)
    times = {"deadline": deadline, "connect_timeout": connect_timeout, "keepalive": keepalive}
    for name, seconds in {**times, "statement_timeout": statement_timeout}.items():
        if seconds is not None and not seconds > 0:
            raise InterfaceError(f"{name} is {seconds}: it is a number of seconds above 0")
    # One with other characters is no token; it must not get into a message that says why it can't be sent.
    if token is not None and not _TOKEN.fullmatch(token):
        raise InterfaceError("a token has letters, digits, `.`, `-` and `_`: give it as `session_token` has it")
    if (token is None) == (user is None or password is None):
        raise InterfaceError("give either a user name and a password, or the token of a session")
    if user is not None and ":" in user:
        raise InterfaceError("a user name has no colon")
    tls = Tls(
        _pem(tls_root_certs), _pem(tls_client_cert), _pem(tls_client_key), tls_override_hostname, tls_verify
    )
    connection = Connection(where, tls, deadline=deadline, autocommit=autocommit, keepalive=keepalive, progress=progress)
    connection.open(user, password, token, connect_timeout)
    options = dict(session_options or {})
    if statement_timeout is not None:
        options["pintail.statement_timeout"] = f"{round(statement_timeout * 1000)}ms"
    if options:
        try:
            connection.session_options.set(options)
        except BaseException:
            # The caller has no connection to close, and a session that was handed over is not this one's to end.
            connection.close() if token is None else connection.detach()
            raise
    return connection


def _check(uri: str) -> None:
    parts = urlsplit(uri)
    try:
        port = parts.port
    except ValueError:
        port = None
    if parts.scheme not in _SCHEMES or not parts.hostname or port is None:
        raise InterfaceError(f"URIs begin with {', '.join(f'{scheme}://' for scheme in _SCHEMES)} and name a host and a port")
    if parts.username is not None or parts.password is not None:
        raise InterfaceError("a URI has no user and no password in it: give them as arguments, which are not shown")


def _pem(given: Pem | None) -> bytes | None:
    if given is None:
        return None
    data = given.encode() if isinstance(given, str) else given
    if isinstance(data, bytes) and b"-----BEGIN" in data:
        return data
    path = os.fsdecode(data)
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InterfaceError(f"the certificate or key can't be read: {error}") from None
