#!/usr/bin/env bash
# Installs the DuckDB extensions that sessions, datasets and lakes need into a directory, for --extension-dir.
#
#   tests/extensions.sh DIRECTORY      from the Python index, as wheels, by pip
#
# It prints what it installs, and does nothing where the right version is already there. $PYTHON is the Python to use
# (default python3).
set -euo pipefail

# The version of DuckDB that the server is built with: an extension is made for exactly one.
version=1.5.5
extensions=(ducklake httpfs icu postgres_scanner)

directory="${1:?usage: tests/extensions.sh DIRECTORY}"
python="${PYTHON:-python3}"
mkdir -p "$directory"
for name in "${extensions[@]}"; do
    file="$directory/duckdb_extension_$name/extensions/v$version/$name.duckdb_extension"
    if [ -f "$file" ]; then
        echo "$name $version is in $directory"
        continue
    fi
    echo "installing $name $version into $directory"
    "$python" -m pip install --quiet --disable-pip-version-check --no-deps --upgrade --target "$directory" \
        "duckdb-extension-${name//_/-}==$version"
    [ -f "$file" ] || { echo "tests/extensions.sh: the wheel of $name has no $file" >&2; exit 1; }
done
