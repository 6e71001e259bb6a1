"""Several nodes on one session store, and what stands around them: PostgreSQL, and a load balancer."""

import contextlib
import glob
import json
import os
import pathlib
import pwd
import random
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile

from pintail_process import BINARY, DEADLINE, Server, environment, free_port, wait_until

# What nodes complain of while others die around them.
EXPECTED = ("cannot be reached", "lost while it served", "lease", "handed back", "store")


def seeded(request):
    """Chance that can be had again: its seed is printed, and can be given."""
    seed = int(request.config.getoption("--seed") or random.randrange(1 << 32))
    print(f"seed {seed}")
    return random.Random(seed)


class Postgres:
    """A private PostgreSQL: its own directory, its own port on loopback, and gone with the test."""

    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="pintail-pg-")
        self.port = free_port()
        self.databases = 0
        # Not as root: PostgreSQL refuses that.
        self.user = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
        if self.user:
            os.chown(self.folder, self.user.pw_uid, self.user.pw_gid)
        self._run("initdb", "--pgdata", f"{self.folder}/data", "--username", "pintail", "--auth", "trust", "--no-sync")
        self.start()

    @staticmethod
    def _program(name):
        found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}")) or [shutil.which(name)]
        assert found[-1], f"there is no {name}; run tests/run.sh python, which installs PostgreSQL"
        return found[-1]

    def _as_user(self):
        return {"user": self.user.pw_uid, "group": self.user.pw_gid, "extra_groups": []} if self.user else {}

    def _run(self, name, *arguments):
        done = subprocess.run([self._program(name), *arguments], cwd=self.folder, capture_output=True, text=True,
                              timeout=DEADLINE, **self._as_user())
        assert done.returncode == 0, done.stdout + done.stderr

    def start(self):
        """Starts it, again when it has ended, and waits until it takes connections."""
        with open(f"{self.folder}/log", "a") as log:
            self.process = self._started(log)
        ready = [self._program("pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(self.port)]
        wait_until(lambda: subprocess.run(ready, timeout=DEADLINE).returncode == 0, "PostgreSQL")

    def _started(self, log):
        return subprocess.Popen(
            [self._program("postgres"), "-D", f"{self.folder}/data", "-p", str(self.port), "-k", self.folder,
             "-c", "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "max_connections=60"],
            cwd=self.folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, **self._as_user())

    def new_database(self):
        """The URL of a database of its own."""
        self.databases += 1
        name = f"d{self.databases}"
        self._run("createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "pintail", name)
        return f"postgres://pintail@127.0.0.1:{self.port}/{name}"

    def transactions(self, url):
        """How many transactions its database at this URL has had."""
        name = url.rsplit("/", 1)[1]
        asked = [self._program("psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "pintail", "-d", "postgres", "-Atc",
                 f"SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = '{name}'"]
        return int(subprocess.run(asked, capture_output=True, text=True, timeout=DEADLINE, check=True).stdout)

    def ask(self, url, sql):
        """What a statement gives in the database at this URL, as text."""
        asked = [self._program("psql"), url, "-X", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-c", sql]
        done = subprocess.run(asked, capture_output=True, text=True, timeout=DEADLINE)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def stop(self, how=signal.SIGINT):
        """Ends it: SIGINT rolls back what runs, SIGQUIT is as a crash."""
        self.process.send_signal(how)
        self.process.wait(DEADLINE)

    @contextlib.contextmanager
    def hung(self):
        """Meanwhile it takes connections, and answers nothing."""
        pid = self.process.pid
        # The postmaster first, so that it makes no more of them.
        self.process.send_signal(signal.SIGSTOP)
        stopped = pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in stopped:
            os.kill(int(child), signal.SIGSTOP)
        try:
            yield
        finally:
            for process in (*stopped, pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(int(process), signal.SIGCONT)

    def close(self):
        """Ends it for good."""
        if self.process.poll() is None:
            self.stop(signal.SIGQUIT)
        shutil.rmtree(self.folder, ignore_errors=True)


class Cluster:
    """Nodes with one store and one secret."""

    #: What a node is.
    kind = Server

    def __init__(self, store, nodes=3, roles=None, lease=3.0, arguments=()):
        self.folder = tempfile.TemporaryDirectory(prefix="pintail-cluster-")
        self.secret = pathlib.Path(self.folder.name) / "secret"
        self.secret.write_text(secrets.token_hex(32))
        self.secret.chmod(0o600)
        self.store = store
        self.lease = lease
        self.nodes = []
        for number in range(nodes):
            self.nodes.append(self.node(number, roles[number] if roles else "both", *arguments))

    def node(self, number, role="both", *arguments, store=None, peer_port=0):
        """Starts a node on ports that stay its own; `store` is another way to the store."""
        return self.kind("--store", store or self.store, "--cluster-secret-file", str(self.secret),
                      "--node-name", f"node{number}", "--node-lease", f"{self.lease}s",
                      "--peer-listen", f"127.0.0.1:{peer_port}", "--role", role, *arguments, port=free_port())

    def command(self, *arguments):
        """Runs a subcommand on the store; what it printed as JSON, or None."""
        done = subprocess.run([BINARY, *arguments, "--store", self.store], capture_output=True, text=True,
                              timeout=DEADLINE, env=environment())
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout.strip() else None

    def sessions(self):
        """The sessions there are, by id."""
        return {row["id"]: row for row in self.command("sessions", "ls", "--format", "json")}

    def owner(self, session):
        """The node that has a session; None while none has."""
        row = self.sessions()[session]
        if row["state"] != "active":
            return None
        return self.nodes[int(row["node"].removeprefix("node"))]

    def close(self, expected=()):
        """Ends the nodes, all of them also when one has logged what it should not; those that were killed have ended."""
        with contextlib.ExitStack() as ends:
            ends.callback(self.folder.cleanup)
            for node in self.nodes:
                if node.process.poll() is None:
                    ends.callback(node.stop, expected)
                else:
                    ends.callback(node.folder.cleanup)


class Balancer:
    """HAProxy before nodes: by connection, as most are set up, or by call, so that no two go to the same node."""

    def __init__(self, nodes, by_call=False):
        self.folder = tempfile.TemporaryDirectory(prefix="pintail-haproxy-")
        self.port = free_port()
        mode, h2 = ("http", "proto h2") if by_call else ("tcp", "")
        servers = "\n".join(
            f"    server node{number} {node.flight_address} {h2} check inter 200ms fall 1 rise 1"
            for number, node in enumerate(nodes))
        config = pathlib.Path(self.folder.name) / "haproxy.cfg"
        config.write_text(f"""
global
    maxconn 4096
defaults
    mode {mode}
    timeout connect 2s
    timeout client 10m
    timeout server 10m
    retries 5
    option redispatch 1
frontend flight
    bind 127.0.0.1:{self.port} {h2}
    default_backend nodes
backend nodes
    balance roundrobin
{servers}
""")
        self.log = open(f"{self.folder.name}/log", "w+")
        program = shutil.which("haproxy") or "/usr/sbin/haproxy"
        self.process = subprocess.Popen([program, "-db", "-f", config], stdout=self.log, stderr=self.log,
                                        stdin=subprocess.DEVNULL)
        wait_until(self._listens, "the load balancer")

    def _listens(self):
        assert self.process.poll() is None, pathlib.Path(self.log.name).read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    @property
    def uri(self):
        return f"grpc://127.0.0.1:{self.port}"

    def close(self):
        """Ends it."""
        self.process.terminate()
        self.process.wait(DEADLINE)
        self.log.close()
        self.folder.cleanup()


class Sprayed(Server):
    """An engine that clients reach through two fronts and itself, each call by another of them."""

    def __init__(self, *arguments, **options):
        super().__init__("--role", "engine", "--peer-listen", "127.0.0.1:0", *arguments, **options)

    def start(self):
        super().start()
        data = pathlib.Path(self.folder.name) / "data"
        store = ("--store", f"sqlite:{data}/sessions.db", "--cluster-secret-file", str(data / "cluster-secret"))
        self.fronts = [Server(*store, "--role", "front", "--peer-listen", "127.0.0.1:0") for _ in range(2)]
        self.balancer = Balancer([self, *self.fronts], by_call=True)
        self.uri = self.balancer.uri
        self.host, self.port = "127.0.0.1", 0

    def stop(self, expected=()):
        self.balancer.close()
        for front in self.fronts:
            front.stop(expected)
        super().stop(expected)


def percentile(values, share):
    """The value that this share of all does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
