"""Counts the instructions of the hot paths, and fails where one takes over 5 % more than was written down.

    tests/instructions.py            compares with tests/instructions.json
    tests/instructions.py --write    writes it anew, after a change that is meant

Instructions are counted by Valgrind, so that the figure is the same on a busy machine and on an idle one. What a program does before
and after is left out: it is run with so many repetitions and with twice as many, and the difference counts.
"""

import json
import os
import pathlib
import platform
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
WRITTEN = ROOT / "tests/instructions.json"

# The paths of flight-server/benches/instructions.rs, and how often each is repeated.
PATHS = {"rows": 4, "statement": 500}

ALLOWED = 0.05


def program():
    """The program, built."""
    build = ["cargo", "build", "--locked", "--release", "--workspace", "--bench", "instructions",
             "--message-format", "json-render-diagnostics"]
    messages = subprocess.run(build, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for message in map(json.loads, messages.splitlines()):
        if message.get("executable") and message["target"]["name"] == "instructions":
            return message["executable"]
    raise SystemExit("cargo does not say where it has put the program")


def instructions(program, path, times):
    """How many instructions the program takes."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, path, str(times)]
    # Memory is taken from the system the same way whatever the machine's number of cores.
    run = subprocess.run(command, stderr=subprocess.PIPE, text=True, env={**os.environ, "MALLOC_ARENA_MAX": "1"})
    found = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode or not found:
        raise SystemExit(f"{' '.join(command)} failed:\n{run.stderr}")
    return int(found[1])


def made_for():
    """What else decides the figures: the compiler, and the instructions that the digest of rows picks at run time."""
    compiler = subprocess.run(["rustc", "--version"], check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    has_avx2 = cpuinfo.exists() and "avx2" in cpuinfo.read_text().split()
    return f"{compiler}, {platform.machine()} {'with' if has_avx2 else 'without'} AVX2"


def counted():
    """The instructions of one repetition of each path."""
    found = program()
    return {path: (instructions(found, path, 2 * times) - instructions(found, path, times)) // times
            for path, times in PATHS.items()}


def main(arguments):
    here, now = made_for(), counted()
    if arguments == ["--write"]:
        WRITTEN.write_text(json.dumps({"for": here, **now}, indent=4) + "\n")
    written = json.loads(WRITTEN.read_text())
    if written["for"] != here:
        print(f"instructions: NOT compared, since those that are written down are for {written['for']}, and this is {here}: {now}; "
              f"write them anew with {sys.argv[0]} --write")
        return
    risen = []
    for path, count in now.items():
        change = count / written[path] - 1
        print(f"instructions of {path}: {count:,}, {change:+.2%} of the {written[path]:,} that are written down")
        risen += [path] if change > ALLOWED else []
    if risen:
        raise SystemExit(f"{', '.join(risen)}: over {ALLOWED:.0%} more; make it cheaper, or run {sys.argv[0]} --write and say why")


if __name__ == "__main__":
    main(sys.argv[1:])
