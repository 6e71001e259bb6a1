"""A `pintail serve` process, and what can be seen of it from outside."""

import contextlib
import itertools
import json
import os
import pathlib
import queue
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = pathlib.Path(os.environ.get("PINTAIL_CACHE") or pathlib.Path.home() / ".cache/pintail")
TARGET = pathlib.Path(os.environ.get("CARGO_TARGET_DIR") or CACHE / "target")
BINARY = pathlib.Path(os.environ.get("PINTAIL_BIN") or TARGET / "release/pintail")
FLIGHTS = ROOT / "tests/data/nycflights"
USER, PASSWORD = "ada", "correct horse battery staple"

# The longest a test waits for anything: reached only when something is broken, however slow the machine.
DEADLINE = 120.0


def wait_until(condition, what, deadline=DEADLINE):
    """Waits for `condition()` to be true, and returns what it returned."""
    end = time.monotonic() + deadline
    while not (value := condition()):
        assert time.monotonic() < end, f"{what} did not come about in {deadline} s"
        time.sleep(0.02)
    return value


_given = set()


def free_port():
    """A port nobody listens on, below those the system hands out to clients: it stays free over a restart."""
    for port in range(20000 + os.getpid() % 8000, 32000):
        with contextlib.closing(socket.socket()) as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            if port not in _given:
                _given.add(port)
                return port
    raise AssertionError("no port is free")


def environment():
    """This environment without what would configure the server."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PINTAIL_")}


class Server:
    """A server on loopback with a data directory of its own, which outlives the process."""

    #: The program.
    binary = BINARY
    #: What its environment has besides.
    environment = {}
    #: What starts the program, in the place of the tests themselves.
    launcher = []
    #: What is done in its process before it begins.
    prepared = None

    def __init__(self, *arguments, port=0, allow_files=()):
        self.folder = tempfile.TemporaryDirectory(prefix="pintail-test-")
        self.port = port
        self.arguments = [*arguments, *(word for path in allow_files for word in ("--allow-files", str(path)))]
        self.log = []
        self.start()

    def start(self):
        """Starts the process, again when it has ended, and waits until it serves."""
        folder = pathlib.Path(self.folder.name)
        (folder / "password").write_text(PASSWORD)
        self.process = subprocess.Popen(
            [*self.launcher, self.binary, "serve", "--print-ready", "--log-format", "json", "--listen", f"127.0.0.1:{self.port}",
             "--http", "127.0.0.1:0", "--data-dir", folder / "data", "--user", USER,
             "--password-file", folder / "password", *self.arguments],
            cwd=folder, env=environment() | self.environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True, preexec_fn=self.prepared,
        )
        lines = queue.Queue()
        self.readers = [threading.Thread(target=self._read, args=(self.process.stdout, lines.put, ""), daemon=True),
                        threading.Thread(target=self._read, args=(self.process.stderr, self.log.append), daemon=True)]
        for reader in self.readers:
            reader.start()
        try:
            ready = json.loads(lines.get(timeout=DEADLINE))
        except (queue.Empty, json.JSONDecodeError):
            self.kill()
            raise AssertionError("the server did not become ready:\n" + "".join(self.log)) from None
        self.uri, self.http = ready["flight"], ready["http"]
        self.flight_address = self.uri.removeprefix("grpc://")
        self.host, port = self.flight_address.rsplit(":", 1)
        assert self.port in (0, int(port)), "it listens where it was told to"

    @staticmethod
    def _read(stream, take, *end):
        for line in itertools.chain(stream, end):
            take(line)

    def _ended(self):
        status = self.process.wait(DEADLINE)
        for reader in self.readers:
            reader.join(DEADLINE)
        self.process.stdout.close()
        self.process.stderr.close()
        return status

    def kill(self):
        """SIGKILL."""
        self.process.kill()
        self._ended()

    def end(self):
        """SIGTERM, and waits for it to end by itself; it can be started again."""
        self.process.send_signal(signal.SIGTERM)
        assert self._ended() == 0, "".join(self.log)

    def stop(self, expected=()):
        """SIGTERM; it must end by itself, with success, and have logged nothing that is not expected."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            status = self._ended()
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("SIGTERM did not end the server:\n" + "".join(self.log)) from None
        finally:
            self.folder.cleanup()
        assert status == 0, f"the server ended with status {status}:\n" + "".join(self.log)
        self.check_log(expected)

    def check_log(self, expected=()):
        """Fails on a WARN, an ERROR or a panic that holds none of `expected`, and on a secret in the log."""
        for line in self.log:
            try:
                level = json.loads(line).get("level")
            except ValueError:
                level = None
            bad = level in ("WARN", "ERROR") or "panicked at" in line
            assert not bad or any(text in line for text in expected), f"unexpected in the server's log: {line}"
            assert PASSWORD not in line and "pt1." not in line, "a secret is in the server's log"

    def _status(self, field):
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {field} in the status of the process")

    def rss(self):
        """Its resident memory, in bytes."""
        return self._status("VmRSS") * 1024

    def heap(self):
        """What of that is its own, in bytes: not the pages of its program, of which there are more as more of it has run."""
        return self._status("RssAnon") * 1024

    def threads(self):
        """How many threads it has."""
        return self._status("Threads")

    def sockets(self):
        """How many sockets it has open: two listen, a few are its own, the others are connections."""
        count = 0
        for entry in pathlib.Path(f"/proc/{self.process.pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):
                count += os.readlink(entry).startswith("socket:")
        return count

    def cpu(self):
        """The processor time it has used, in seconds."""
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def busy(self, window=0.2):
        """Whether it computes: uses more than a tenth of a core over the window, in seconds."""
        before = self.cpu()
        time.sleep(window)
        return self.cpu() - before > window / 10

    def healthy_now(self):
        """Whether `/healthz` says so, and not that the node can serve nobody."""
        try:
            return self.healthy()
        except urllib.error.HTTPError:
            return False

    def healthy(self, timeout=DEADLINE):
        """Whether `/healthz` says so."""
        with urllib.request.urlopen(f"{self.http}/healthz", timeout=timeout) as answer:
            return answer.status == 200
