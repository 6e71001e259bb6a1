"""The Arrow project's integration scenarios: its Go client against Pintail's Flight layer, before handlers that follow the
script of each (`tests/scenario`)."""

import contextlib
import json
import os
import pathlib
import subprocess

import pyarrow as pa
import pyarrow.flight as flight
import pytest

from pintail_process import BINARY, DEADLINE

SCENARIOS = [
    "app_metadata_flight_info_endpoint",
    "auth:basic_proto",
    "expiration_time:cancel_flight_info",
    "expiration_time:do_get",
    "expiration_time:list_actions",
    "expiration_time:renew_flight_endpoint",
    "flight_sql",
    "flight_sql:extension",
    "flight_sql:ingestion",
    "location:reuse_connection",
    "middleware",
    "ordered",
    "poll_flight_info",
    "session_options",
]


@contextlib.contextmanager
def serving(scenario):
    """A server for a scenario; its port."""
    command = [BINARY.with_name("pintail-test-scenario"), scenario]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield json.loads(process.stdout.readline())["port"]
        process.stdin.close()
        assert process.wait(DEADLINE) == 0


@pytest.fixture(scope="module")
def client():
    """The client's program. `tests/run.sh` builds it."""
    path = pathlib.Path(os.environ["PINTAIL_GO_INTEGRATION_CLIENT"])
    assert path.is_file(), f"there is no {path}; run tests/run.sh python"
    return path


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_the_go_client_finds_what_the_scenario_says(client, scenario):
    with serving(scenario) as port:
        command = [client, "-host", "127.0.0.1", "-port", str(port), "-scenario", scenario]
        done = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE)
        assert done.returncode == 0, done.stderr


def test_what_is_exchanged_comes_back_with_its_metadata():
    """The scenario `do_exchange:echo`, which the Go client does not have."""
    with serving("do_exchange:echo") as port, flight.FlightClient(("127.0.0.1", port)) as client:
        batches = [pa.record_batch({"i": [1, 2, None], "s": ["a", None, "c"]}), pa.record_batch({"i": [4], "s": ["d"]})]
        writer, reader = client.do_exchange(flight.FlightDescriptor.for_command(b"echo"))
        with writer:
            writer.write_metadata(b"alone")
            assert reader.read_chunk().app_metadata.to_pybytes() == b"alone"
            writer.begin(batches[0].schema)
            for number, batch in enumerate(batches):
                writer.write_with_metadata(batch, str(number).encode())
                chunk = reader.read_chunk()
                assert chunk.data.equals(batch)
                assert chunk.app_metadata.to_pybytes() == str(number).encode()
            writer.done_writing()
            with pytest.raises(StopIteration):
                reader.read_chunk()
