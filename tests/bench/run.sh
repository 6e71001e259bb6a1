#!/usr/bin/env bash
# Measures Pintail beside its peers, side by side on this machine, and prints the figures: medians, and the least and the greatest.
#
#   tests/bench/run.sh [ROUNDS]       everything (default: 5 rounds)
#
# It builds the server, installs the peers (wheels from the Python index) into $PINTAIL_CACHE, and makes TPC-H's tables there. The
# raw numbers, as JSON, go to $PINTAIL_CACHE/logs/bench.json, and the figures into docs/performance.md. Nothing else should run
# meanwhile.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

rounds="${1:-5}"
cache="${PINTAIL_CACHE:-$HOME/.cache/pintail}"
tests/run.sh --prepare
"$cache/venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-deps --upgrade \
    --target "$cache/extensions-bench" -r tests/bench/requirements.txt
export PINTAIL_CACHE="$cache" PINTAIL_BIN="${CARGO_TARGET_DIR:-$cache/target}/release/pintail"
: >"$cache/logs/bench.json"
for script in bulk transport short tpch ingest growth overheads memory; do
    "$cache/venv/bin/python" "tests/bench/$script.py" "$rounds" 2>>"$cache/logs/bench.json"
done
"$cache/venv/bin/python" tests/bench/page.py "$cache/logs/bench.json"
