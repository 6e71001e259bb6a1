"""Connections of the Python client to servers of the tests."""

import pintail
from pintail_process import PASSWORD, USER


def connect(*servers, **options):
    """A connection of the client to one server, or to any of several."""
    return pintail.connect([server.uri for server in servers], user=USER, password=PASSWORD, **options)


def session_of(connection):
    """The identity of a connection's session, as operators see it."""
    return connection.session_token.split(".")[1]


def value(connection, sql, parameters=None):
    """The only value of a result."""
    ((found,),) = connection.execute(sql, parameters).fetchall()
    return found
