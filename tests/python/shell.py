"""`pintail sql`: run to its end, or on a terminal."""

import pathlib
import subprocess

import pexpect

from pintail_process import BINARY, DEADLINE, PASSWORD, USER, environment

PROMPT = "pintail> "


def arguments(*servers, user=USER):
    return [BINARY, "sql", *(getattr(server, "uri", server) for server in servers), "--user", user]


def sql(*servers, given=(), text="", variables=None, user=USER, folder=None):
    """Runs the command with these arguments and this standard input; what came of it."""
    variables = {"PINTAIL_PASSWORD": PASSWORD} if variables is None else variables
    done = subprocess.run([*arguments(*servers, user=user), *given], input=text.encode(), capture_output=True,
                          env=environment() | variables, timeout=DEADLINE, cwd=folder)
    # As they are: what ends a line is of interest.
    done.stdout, done.stderr = done.stdout.decode(), done.stderr.decode()
    return done


class Terminal:
    """The shell on a terminal of its own."""

    def __init__(self, *servers, given=(), folder, size=(24, 100), variables=()):
        self.folder = pathlib.Path(folder)
        command = [str(word) for word in [*arguments(*servers), *given]]
        own = {"PINTAIL_PASSWORD": PASSWORD, "XDG_STATE_HOME": str(folder), "TERM": "xterm", **dict(variables)}
        self.process = pexpect.spawn(command[0], command[1:], env=environment() | own, encoding="utf-8", timeout=DEADLINE,
                                     dimensions=size, cwd=str(folder))
        self.log = self.folder / "terminal"
        self.process.logfile_read = self.log.open("w")
        self.expect(PROMPT)

    def expect(self, text):
        self.process.expect_exact(text)

    def send(self, line):
        self.process.sendline(line)

    def run(self, line, *expected):
        """Types a line, and waits for these texts and the prompt."""
        self.send(line)
        for text in expected:
            self.expect(text)
        self.expect(PROMPT)

    def end(self):
        """Ends the shell by Ctrl-D; its exit status."""
        self.process.sendeof()
        self.process.expect(pexpect.EOF)
        self.process.close()
        return self.process.exitstatus

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.isalive():
            self.process.close(force=True)
        self.process.logfile_read.close()

    @property
    def history(self):
        """What the shell has written down of what was typed."""
        return (self.folder / "pintail/sql_history").read_text()

