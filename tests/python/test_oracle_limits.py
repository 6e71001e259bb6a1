"""Values that a wire type can't hold: the error says which column and what to do, and the session goes on."""

import adbc_driver_manager
import pyarrow as pa
import pytest

from conftest import adbc_connection
from flight_sql import Session
from pintail_process import Server

# SQL type, a value that fits and one that doesn't (`i` is the number of the row), what the message says of the latter.
WIDE = "'" + "1".ljust(39, "0") + "'::HUGEINT"
LIMITS = {
    "HUGEINT": ("HUGEINT", "i", "170141183460469231731687303715884105727", "170141183460469231731687303715884105727"),
    "least HUGEINT": ("HUGEINT", "i", "'-170141183460469231731687303715884105728'::HUGEINT", "-1701411834604692317"),
    "HUGEINT in a list": ("HUGEINT[]", "[i::HUGEINT, NULL]", f"[NULL, {WIDE}]", "10000000000000000000"),
    "HUGEINT in an array": ("HUGEINT[2]", "[i::HUGEINT, 1]", f"[{WIDE}, 1]", "10000000000000000000"),
    "HUGEINT in a struct": ("STRUCT(a HUGEINT)", "{'a': i::HUGEINT}", f"{{'a': {WIDE}}}", "10000000000000000000"),
    "HUGEINT in a map": ("MAP(BIGINT, HUGEINT)", "MAP {i: i::HUGEINT}", f"MAP {{i: {WIDE}}}", "1000000000000000000"),
    "HUGEINT in a union": ("UNION(h HUGEINT)", "union_value(h := i::HUGEINT)", f"union_value(h := {WIDE})",
                           "1000000000000000000"),
    "DATE": ("DATE", "DATE '2013-01-01'", "DATE 'infinity'", "infinity"),
    "TIMESTAMP_S": ("TIMESTAMP_S", "'2013-01-01'::TIMESTAMP_S", "'-infinity'::TIMESTAMP_S", "-infinity"),
    "TIMESTAMP_MS": ("TIMESTAMP_MS", "'2013-01-01'::TIMESTAMP_MS", "'infinity'::TIMESTAMP_MS", "infinity"),
    "TIMESTAMP": ("TIMESTAMP", "make_timestamp(i)", "'-infinity'::TIMESTAMP", "-infinity"),
    "TIMESTAMP_NS": ("TIMESTAMP_NS", "make_timestamp_ns(i)", "'infinity'::TIMESTAMP_NS", "infinity"),
    "TIMESTAMP WITH TIME ZONE": ("TIMESTAMPTZ", "to_timestamp(i)", "'infinity'::TIMESTAMPTZ", "infinity"),
    "DATE in a list": ("DATE[]", "[DATE '2013-01-01']", "[NULL, DATE '-infinity']", "-infinity"),
    "INTERVAL of 400 years": ("INTERVAL", "to_microseconds(i)", "to_hours(400 * 365 * 24)", "12614400000000000"),
    "INTERVAL of -400 years": ("INTERVAL", "to_microseconds(i)", "to_hours(-400 * 365 * 24)", "-12614400000000000"),
}
# A batch of narrow rows holds no more; the value is in the row after a hundred of them.
BATCH = 65_536
BATCHES = 100
# Every value is tried in the first batch, and these, one of each way of converting, in the hundredth and first too.
LATE = ["HUGEINT", "HUGEINT in a struct", "DATE in a list", "TIMESTAMP", "INTERVAL of 400 years"]

@pytest.fixture(scope="module")
def limits():
    server = Server()
    try:
        yield server
    finally:
        server.stop()


class Pyarrow:
    """A session of pyarrow.flight."""

    def __init__(self, server):
        self.session = Session(server)

    def batches(self, sql):
        """Reads one batch after the other."""
        for chunk in self.session.stream(sql):
            yield chunk.data

    def value(self, sql):
        return self.session.value(sql)

    def close(self):
        self.session.close()


class Adbc:
    """A connection of the ADBC driver."""

    def __init__(self, server):
        self.connection = adbc_connection(server, autocommit=True)
        self.cursor = self.connection.cursor()

    def batches(self, sql):
        """Reads one batch after the other."""
        self.cursor.execute(sql)
        yield from self.cursor.fetch_record_batch()

    def value(self, sql):
        self.cursor.execute(sql)
        return self.cursor.fetchone()[0]

    def close(self):
        self.cursor.close()
        self.connection.close()


@pytest.fixture(params=[Adbc, Pyarrow], ids=["adbc", "pyarrow"])
def client(request, limits):
    client = request.param(limits)
    yield client
    client.close()


# What the clients raise, and none is a subclass of the other.
REFUSED = (adbc_driver_manager.Error, pa.ArrowException, OSError)


@pytest.mark.parametrize(("limit", "place"), [*((limit, "first batch") for limit in LIMITS),
                                              *((limit, "late batch") for limit in LATE)])
def test_a_value_beyond_its_wire_type_is_an_error_and_the_session_lives_on(client, limit, place):
    sql_type, good, bad, shown = LIMITS[limit]
    before = 0 if place == "first batch" else BATCHES
    last = BATCH * before
    sql = f'SELECT (CASE i WHEN {last} THEN {bad} ELSE {good} END)::{sql_type} AS "the column" FROM range({last + 1}) t(i)'
    list(client.batches("SET VARIABLE here = 'still'"))
    arrived = 0
    with pytest.raises(REFUSED) as caught:
        for batch in client.batches(sql):
            arrived += batch.num_rows > 0
    message = str(caught.value)
    assert "22003" in message, message
    assert '"the column"' in message, "it names the column"
    assert shown in message, "it shows the value"
    assert arrived >= before, f"{arrived} batches came before the error"
    assert client.value("SELECT getvariable('here')") == "still"


def test_the_greatest_values_that_fit_are_no_error(client):
    most = "9" * 38
    assert int(client.value(f"SELECT {most}::HUGEINT AS v")) == int(most)
    assert int(client.value(f"SELECT -{most}::HUGEINT AS v")) == -int(most)
    assert client.value("SELECT epoch_us(v) FROM (SELECT to_microseconds(9223372036854775) AS v)") == 9223372036854775


def test_after_a_rollback_the_transaction_of_the_driver_goes_on(limits):
    # The driver is in a transaction at all times; an error ends what that one can do, as it does in DuckDB.
    with adbc_connection(limits) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE lost (i INTEGER)")
        with pytest.raises(REFUSED, match="22003"):
            cursor.execute("SELECT DATE 'infinity' AS v")
            cursor.fetchall()
        connection.rollback()
        cursor.execute("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'lost'")
        assert cursor.fetchone() == (0,)
