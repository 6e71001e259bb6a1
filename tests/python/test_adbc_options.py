"""Session options by the released ADBC driver."""

import json

import adbc_driver_flightsql
import adbc_driver_manager
import pytest

from conftest import adbc_connection
from drivers import capability

DRIVER = "ADBC Python"
OPTIONS = adbc_driver_flightsql.ConnectionOptions
OPTION = OPTIONS.OPTION_SESSION_OPTION_PREFIX.value
BOOL = OPTIONS.OPTION_BOOL_SESSION_OPTION_PREFIX.value
ERASE = OPTIONS.OPTION_ERASE_SESSION_OPTION_PREFIX.value
LIST = OPTIONS.OPTION_STRING_LIST_SESSION_OPTION_PREFIX.value
ALL = OPTIONS.OPTION_SESSION_OPTIONS.value


@pytest.fixture
def session(server):
    with adbc_connection(server, autocommit=True) as connection:
        yield connection


def value(session, sql):
    with session.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchone()[0]


def set_option(session, name, text):
    session.adbc_connection.set_options(**{name: text})


def get(session, name):
    return session.adbc_connection.get_option(name)


@capability(DRIVER, "session option: current catalog")
def test_the_current_catalog_is_read_and_set(session):
    assert session.adbc_current_catalog == value(session, "SELECT current_database()") == "pintail"
    session.adbc_current_catalog = "datasets"
    assert session.adbc_current_catalog == value(session, "SELECT current_database()") == "datasets"
    with pytest.raises(adbc_driver_manager.ProgrammingError, match="3D000.*nowhere"):
        session.adbc_current_catalog = "nowhere"
    assert session.adbc_current_catalog == "datasets"


@capability(DRIVER, "session option: current schema")
def test_the_current_schema_is_read_and_set(session):
    value(session, "SELECT 1")
    with session.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS far")
        cursor.execute("CREATE OR REPLACE TABLE far.only_there AS SELECT 42 AS i")
    assert session.adbc_current_db_schema == "main"
    session.adbc_current_db_schema = "far"
    assert session.adbc_current_db_schema == value(session, "SELECT current_schema()") == "far"
    assert value(session, "SELECT i FROM only_there") == 42
    with pytest.raises(adbc_driver_manager.ProgrammingError, match="3F000.*nowhere") as caught:
        session.adbc_current_db_schema = "nowhere"
    assert caught.value.status_code == adbc_driver_manager.AdbcStatusCode.NOT_FOUND


@capability(DRIVER, "session option: current schema")
def test_a_connection_can_begin_in_a_schema(server, session):
    with session.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS beginning")
    place = {adbc_driver_manager.ConnectionOptions.CURRENT_DB_SCHEMA.value: "beginning"}
    with adbc_connection(server, conn_kwargs=place) as connection:
        assert value(connection, "SELECT current_schema()") == "beginning"


@capability(DRIVER, "session option: set", "session option: get", "session option: unset")
def test_an_option_is_set_read_and_unset(session):
    assert get(session, OPTION + "pintail.infinity") == "error"
    set_option(session, OPTION + "pintail.infinity", "null")
    assert get(session, OPTION + "pintail.infinity") == "null"
    assert value(session, "SELECT 'infinity'::DATE") is None
    set_option(session, ERASE + "pintail.infinity", "")
    assert get(session, OPTION + "pintail.infinity") == "error"
    with pytest.raises(adbc_driver_manager.Error, match="22003"):
        value(session, "SELECT 'infinity'::DATE")


@capability(DRIVER, "session option: set")
def test_settings_of_the_engine_are_options_too(session):
    for name in [OPTION, BOOL]:
        set_option(session, name + "integer_division", "true")
        assert value(session, "SELECT 7 / 2") == 3
        set_option(session, ERASE + "integer_division", "")
        assert value(session, "SELECT 7 / 2") == 3.5


@capability(DRIVER, "session option: get")
def test_all_options_are_read_at_once_and_are_those_of_sql(session):
    with session.cursor() as cursor:
        cursor.execute("SET integer_division = true")
    options = json.loads(get(session, ALL))
    assert options["integer_division"] == "true"
    assert options["catalog"] == "pintail" and options["schema"] == "main"
    assert options["pintail.engine"] == "duckdb"


@capability(DRIVER, "session option: unknown refused")
@pytest.mark.parametrize("name, text, said", [
    (OPTION + "pintail.nothing", "x", "invalid name"),
    (OPTION + "no_such_setting", "x", "invalid name"),
    (OPTION + "pintail.infinity", "x", "invalid value"),
    (OPTION + "pintail.statement_timeout", "soon", "invalid value"),
    (LIST + "pintail.infinity", '["null"]', "invalid value"),
])
def test_what_is_no_option_or_no_value_of_it_is_refused(session, name, text, said):
    before = json.loads(get(session, ALL))
    with pytest.raises(adbc_driver_manager.ProgrammingError, match=said):
        set_option(session, name, text)
    assert json.loads(get(session, ALL)) == before
    with pytest.raises(adbc_driver_manager.ProgrammingError):
        get(session, OPTION + "pintail.nothing")
