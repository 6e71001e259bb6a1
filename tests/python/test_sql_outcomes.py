"""What the shell says of writes whose answers are lost: each was applied once, and it goes on with the outcome."""

import pytest

from client_connection import connect, value
from pintail_process import wait_until
from shell import PROMPT, Terminal
from test_client_outcomes import wire  # noqa: F401: a fixture


@pytest.fixture
def terminal(wire, tmp_path):  # noqa: F811
    """The shell over the wire, and directly when that breaks; a table with a row."""
    with Terminal(wire, wire.server, folder=tmp_path) as terminal:
        terminal.run("CREATE TABLE counted (i INTEGER);")
        terminal.run("INSERT INTO counted VALUES (1);", "1 row changed")
        yield terminal


def lose_answer(terminal, wire, line, sql, after):  # noqa: F811
    """Types a line whose answer gets lost, once it has made this of what a statement gives."""
    wire.withhold()
    terminal.send(line)
    with connect(wire.server, autocommit=True) as observer:
        wait_until(lambda: value(observer, sql) == after, "what was typed")
    wire.break_off()


@pytest.mark.parametrize(("line", "after", "said"), [
    ("INSERT INTO counted VALUES (1), (2);", 3, "2 rows changed"),
    ("DELETE FROM counted;", 0, "1 row changed"),
    ("INSERT INTO counted VALUES (77) RETURNING i * 2;", 2, "154"),
])
def test_a_write_whose_answer_is_lost_is_applied_once(terminal, wire, line, after, said):  # noqa: F811
    lose_answer(terminal, wire, line, "SELECT count(*) FROM counted", after)
    terminal.expect(said)
    terminal.expect(PROMPT)
    terminal.run("SELECT 'rows: ' || count(*) FROM counted;", f"rows: {after}")
    assert terminal.end() == 0


def test_a_commit_whose_answer_is_lost_is_told_truthfully(terminal, wire):  # noqa: F811
    for line in ("BEGIN;", "INSERT INTO counted VALUES (2);"):
        terminal.send(line)
        terminal.expect("pintail*> ")
    lose_answer(terminal, wire, "COMMIT;", "SELECT count(*) FROM counted", 2)
    terminal.expect(PROMPT)
    terminal.run("SELECT 'rows: ' || count(*) FROM counted;", "rows: 2")
    assert "rror" not in terminal.log.read_text()
    assert terminal.end() == 0
