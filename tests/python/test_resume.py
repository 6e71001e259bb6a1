"""A server that is killed and started again goes on with the sessions of its clients, at the same address."""

import time

import adbc_driver_manager
import pyarrow.flight as flight
import pytest

from conftest import adbc_connection
from flight_sql import Session, command, field, query
from pintail_process import DEADLINE, free_port


def retried(call, kinds):
    """Calls until it succeeds: a connection that broke is for the client's own backoff to mend."""
    end, failures = time.monotonic() + DEADLINE, 0
    while True:
        try:
            return call(), failures
        except kinds as error:
            assert time.monotonic() < end, error
            assert "UNAUTHENTICATED" not in str(error).upper(), error
            failures += 1
            time.sleep(0.05)


@pytest.fixture
def restarting(start):
    return start(port=free_port())


def restart(server):
    begin = time.monotonic()
    server.kill()
    server.start()
    print(f"killed and ready again in {time.monotonic() - begin:.2f} s")


def test_adbc_goes_on_with_its_connection(restarting):
    with adbc_connection(restarting, autocommit=True) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA mine")
        cursor.execute("USE mine")
        cursor.execute("CREATE TABLE kept AS SELECT 1815 AS born")
        cursor.execute("SET VARIABLE mark = 'still here'")
        for _ in range(3):
            restart(restarting)

            def ask():
                with connection.cursor() as fresh:
                    fresh.execute("SELECT born, getvariable('mark'), current_schema() FROM kept")
                    return fresh.fetchall()

            rows, failures = retried(ask, adbc_driver_manager.Error)
            print(f"{failures} calls failed before the driver was connected again")
            assert rows == [(1815, "still here", "mine")]


def test_pyarrow_goes_on_with_its_token(restarting):
    session = Session(restarting)
    session.table("CREATE TABLE kept AS SELECT 1815 AS born")
    session.table("SET VARIABLE mark = 'still here'")
    restart(restarting)
    value, _ = retried(lambda: session.value("SELECT getvariable('mark')"), flight.FlightUnavailableError)
    assert value == "still here"

    # The same token from another client, as another process would use it.
    with flight.FlightClient(restarting.uri) as other:
        ticket = other.get_flight_info(query("SELECT born FROM kept"), session.options).endpoints[0].ticket
        assert other.do_get(ticket, session.options).read_all()["born"].to_pylist() == [1815]
    session.close()


def test_a_ticket_outlives_the_server_that_made_it(restarting):
    session = Session(restarting)
    session.table("CREATE TABLE kept AS SELECT range AS i FROM range(5)")
    ticket = session.info("SELECT i FROM kept ORDER BY i").endpoints[0].ticket
    restart(restarting)
    table, _ = retried(lambda: session.client.do_get(ticket, session.options).read_all(), flight.FlightUnavailableError)
    assert table["i"].to_pylist() == [0, 1, 2, 3, 4]
    session.close()


def test_a_prepared_handle_is_served_by_the_next_server(restarting):
    session = Session(restarting)
    session.table("CREATE TABLE kept AS SELECT range AS i FROM range(5)")
    create = flight.Action("CreatePreparedStatement", wrapped("ActionCreatePreparedStatementRequest",
                                                              field(1, "SELECT sum(i)::BIGINT AS s FROM kept")))
    result, = session.client.do_action(create, session.options)
    handle = first_field(first_field(result.body.to_pybytes(), 2), 1)
    restart(restarting)

    def run():
        prepared = command("CommandPreparedStatementQuery", field(1, handle))
        ticket = session.client.get_flight_info(prepared, session.options).endpoints[0].ticket
        return session.client.do_get(ticket, session.options).read_all()["s"].to_pylist()

    values, _ = retried(run, flight.FlightUnavailableError)
    assert values == [10]
    session.close()


def wrapped(name, body):
    """A Flight SQL message in `Any`."""
    return command(name, body).command


def first_field(message, number):
    """The first length-delimited field of that number in a protobuf message of such fields only."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        length, at = varint(message, at)
        assert key & 7 == 2, "a length-delimited field"
        if key >> 3 == number:
            return message[at:at + length]
        at += length
    raise AssertionError(f"no field {number}")


def varint(message, at):
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at
