"""The page of drivers is what a whole run has found. The last test of a run compares the two."""

import pytest

import drivers
import drivers_page
from drivers import FAIL, NOT_OFFERED, PASS, Results, capability, report_lines


def test_no_capability_has_two_names_or_two_meanings():
    assert len(set(drivers.CAPABILITIES)) == len(drivers.CAPABILITIES)


def test_an_unknown_name_is_refused_wherever_it_is_used():
    for use in [lambda: capability("ADBC Python", "ingest: backwards"), lambda: capability("ODBC", "ingest: append"),
                lambda: report_lines("JDBC", "capability\tingest: backwards\tpass", Results()),
                lambda: report_lines("JDBC", "capability\tbackwards: *\tnot offered\tno", Results())]:
        with pytest.raises(ValueError, match="backwards|ODBC"):
            use()


def test_one_failure_outweighs_all_else_and_a_contradiction_is_none():
    found = Results()
    for outcome, reason in [(PASS, ""), (FAIL, "it is wrong"), (PASS, "")]:
        found.note("JDBC", "ingest: append", outcome, reason)
    assert found.outcome("JDBC", "ingest: append") == (FAIL, ("it is wrong",))
    found.note("JDBC", "ingest: create", PASS)
    with pytest.raises(ValueError, match="not to be offered by another"):
        found.note("JDBC", "ingest: create", NOT_OFFERED, "no call")


def test_lines_of_a_program_are_taken_and_a_star_fills_what_is_left_of_a_group():
    found = Results()
    report_lines("JDBC", "hello\nversion\t9.9\ncapability\tingest: *\tnot offered\tno call\n"
                         "capability\tingest: append\tpass\npassed\n", found)
    assert found.versions == {"JDBC": "9.9"}
    assert found.outcome("JDBC", "ingest: append") == (PASS, ())
    assert found.outcome("JDBC", "ingest: create") == (NOT_OFFERED, ("no call",))
    assert found.outcome("JDBC", "connect: TLS") == (None, ())
    assert found.drivers() == ["JDBC"]
    page = drivers_page.text(found)
    assert "| JDBC | 9.9 | 1 | 0 | 12 |" in page
    assert "| append | pass |" in page and "| create | not offered<sup>1</sup> |" in page and "1. JDBC: no call" in page


@pytest.mark.parametrize("line", ["capability\tingest: append\tmaybe", "capability\tingest: append\tnot offered"])
def test_a_line_that_says_too_little_is_refused(line):
    with pytest.raises(ValueError, match="reports"):
        report_lines("JDBC", line, Results())


@pytest.mark.last
def test_the_page_of_drivers_shows_this_run(run_is_whole):
    if not run_is_whole:
        pytest.skip("the page needs the results of all tests, and this run leaves some out")
    drivers_page.check()
