"""`pintail bench`: what it prints of a server, and what it leaves there."""

import json
import subprocess

import pytest

from flight_sql import Session
from pintail_process import BINARY, DEADLINE, PASSWORD, USER, environment, free_port


def bench(*arguments, password=PASSWORD):
    """Runs it; what came of it."""
    return subprocess.run([BINARY, "bench", *map(str, arguments)], capture_output=True, text=True, timeout=DEADLINE,
                          env=environment() | {"PINTAIL_USER": USER, "PINTAIL_PASSWORD": password})


def figures(*arguments):
    """The figures, by name."""
    done = bench(*arguments, "--format", "json")
    assert done.returncode == 0, done.stderr
    return {row["figure"]: (row["value"], row["unit"]) for row in json.loads(done.stdout)}


def in_order(found, name):
    """Quantiles grow."""
    values = [found[f"{name} {quantile}"][0] for quantile in ("p50", "p90", "p99", "max")]
    assert values == sorted(values) and values[0] > 0
    assert {found[f"{name} {quantile}"][1] for quantile in ("p50", "p90", "p99", "max")} == {"ms"}


def test_latency_and_throughput_are_told_by_quantiles(server):
    found = figures("latency", server.uri, "--duration", "300ms")
    assert found["statements"][0] >= 1
    in_order(found, "statement")
    in_order(found, "call that does nothing")
    found = figures("throughput", server.uri, "--duration", "300ms", "--connections", 3, "--sql", "SELECT count(*) FROM airlines")
    assert found["connections"] == (3, "") and found["statements"][0] > 0
    in_order(found, "statement")


def test_bulk_tells_what_came(server):
    found = figures("bulk", server.uri, "--sql", "SELECT range AS i FROM range(100000)", "--rounds", 2)
    assert found["rows"] == (100_000, "")
    assert 0.8 <= found["bytes"][0] < 1.0, "eight bytes a row, in MB"
    in_order(found, "whole result")
    in_order(found, "first rows")
    assert found["best rate in rows"][0] > 0


def test_ingest_leaves_nothing_behind(server):
    found = figures("ingest", server.uri, "--rows", 40_000, "--rounds", 2)
    assert found["rows"] == (40_000, "")
    in_order(found, "ingest")
    with Session(server) as session:
        assert session.value("SELECT count(*) FROM duckdb_tables() WHERE table_name LIKE 'pintail_bench%'") == 0


def test_a_takeover_is_measured_on_servers_of_its_own():
    found = figures("takeover", "--rounds", 2)
    assert found["kills"] == (2, "")
    in_order(found, "answer after the kill")


def test_a_table_is_for_people(server):
    done = bench("latency", server.uri, "--duration", "50ms")
    assert done.returncode == 0 and done.stdout.splitlines()[0].split() == ["figure", "value", "unit"]


@pytest.mark.parametrize("arguments, status, said", [
    (["latency", "http://127.0.0.1:1"], 2, "grpc://"),
    (["bulk", "--rounds", "0"], 2, "0"),
    (["latency", "--duration", "long"], 2, "long"),
    (["nothing"], 2, "nothing"),
])
def test_wrong_usage_is_told(arguments, status, said):
    done = bench(*arguments)
    assert done.returncode == status and said in done.stderr, done.stderr


def test_what_the_server_says_is_told(server):
    done = bench("latency", server.uri, "--sql", "SELEKT")
    assert done.returncode == 1 and "42601" in done.stderr, done.stderr
    done = bench("latency", server.uri, password="wrong")
    assert done.returncode == 1 and "28P01" in done.stderr, done.stderr
    done = bench("latency", f"grpc://127.0.0.1:{free_port()}", "--connect-timeout", "1s")
    assert done.returncode == 1 and "can't be reached" in done.stderr, done.stderr
