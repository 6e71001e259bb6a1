#!/usr/bin/env bash
# Runs every check of the project, installing what it needs first. It stops at the first part that fails.
#
#   tests/run.sh                      all parts, in order
#   tests/run.sh PART [ARGUMENT...]   one part (and what it needs); arguments go to its runner
#   tests/run.sh --list               the parts
#   tests/run.sh --prepare            builds the server and the Python environment, and runs nothing
#   tests/run.sh --long               the long form of the tests that kill, stop and restart nodes, and of the simulation
#
# Examples:  tests/run.sh python -k resume      tests/run.sh rust kill      tests/run.sh clippy
#
# What it makes stays outside the checkout, in $PINTAIL_CACHE (default ~/.cache/pintail): the build, a Python
# environment with the released drivers, the Go clients, generated TPC-H data, and the logs of the last run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

cache="${PINTAIL_CACHE:-$HOME/.cache/pintail}"
export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$cache/target}"
pintail="$CARGO_TARGET_DIR/release/pintail"
# The server takes its settings from PINTAIL_*, and refuses those it does not know.
for variable in "${!PINTAIL_@}"; do unset "$variable"; done
export CARGO_TERM_COLOR="${CARGO_TERM_COLOR:-never}"
venv="$cache/venv"
logs="$cache/logs"
# Newer versions read the same deny.toml; a pinned one keeps its verdict the same everywhere.
cargo_deny_version=0.20.2
jdbc_driver_version=18.3.0
arrow_go_version=18.8.0
mkdir -p "$logs"

parts=(fmt layers engineless clippy build rust instructions licences python demo)
summary=()

say() { printf '\n== %s\n' "$*"; }
fail() { printf 'tests/run.sh: %s\n' "$*" >&2; exit 1; }

# Runs a command as root, or by sudo.
as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi; }

# Installs Debian packages.
install_packages() {
    command -v apt-get >/dev/null || fail "please install: $*"
    [ "$(id -u)" -eq 0 ] || command -v sudo >/dev/null ||
        fail "please install (this is not root, and there is no sudo): $*"
    say "installing packages: $*"
    as_root apt-get update -qq
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# Executables hold DuckDB, and each checkout and each change of a dependency leaves its own in the target directory:
# when there is little room for new ones, the earlier ones go.
need_room() {
    local wanted=12 folder="$CARGO_TARGET_DIR"
    mkdir -p "$folder"
    free() { df --output=avail -B1G "$folder" | tail -n 1 | tr -d ' '; }
    [ "$(free)" -lt "$wanted" ] || return 0
    say "$(free) GB are free for $folder: removing what earlier builds left there"
    rm -rf "$folder"/*/incremental
    find "$folder" -path '*/deps/*' -type f -size +50M ! -name '*.rlib' -delete
    [ "$(free)" -ge "$wanted" ] || fail "a build needs $wanted GB, and $(free) GB are free for $folder"
}

need_compilers() {
    command -v cargo >/dev/null || fail "there is no cargo; install Rust (see rust-version in Cargo.toml)"
    command -v c++ >/dev/null || install_packages g++
}

# The Python environment with exactly the requirements; made again when they change.
need_python() {
    command -v python3 >/dev/null || install_packages python3
    local wanted
    wanted="$(cat tests/python/requirements.txt; python3 --version)"
    if [ -x "$venv/bin/python" ] && [ "$(cat "$venv/requirements.installed" 2>/dev/null)" = "$wanted" ]; then
        return
    fi
    say "installing the Python clients into $venv"
    python3 -c 'import ensurepip, venv' 2>/dev/null || install_packages python3-venv
    python3 -m venv "$venv"
    "$venv/bin/python" -m pip install --quiet --disable-pip-version-check -r tests/python/requirements.txt
    printf '%s\n' "$wanted" >"$venv/requirements.installed"
}

# The released JDBC driver, and what runs it; its path goes to $PINTAIL_JDBC_DRIVER.
need_jdbc_driver() {
    command -v javac >/dev/null || install_packages default-jdk-headless
    command -v mvn >/dev/null || install_packages maven
    local folder="$cache/jdbc" name=flight-sql-jdbc-driver
    export PINTAIL_JDBC_DRIVER="$folder/$name-$jdbc_driver_version.jar"
    [ ! -f "$PINTAIL_JDBC_DRIVER" ] || return 0
    say "fetching the JDBC driver $jdbc_driver_version into $folder"
    mvn -q -B dependency:copy "-Dartifact=org.apache.arrow:$name:$jdbc_driver_version" "-DoutputDirectory=$folder"
}

# The programs of PostgreSQL, with which tests run servers of their own, and openssl, which makes a certificate for one.
need_postgres() {
    command -v openssl >/dev/null || install_packages openssl
    if compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null; then return; fi
    # The package would make a cluster and run it from now on. Nobody asked for that, so it is told not to, this once.
    install_packages postgresql-common
    local settings=/etc/postgresql-common/createcluster.conf kept
    kept="$(mktemp)"
    cp "$settings" "$kept"
    echo 'create_main_cluster = false' | as_root tee -a "$settings" >/dev/null
    install_packages postgresql
    as_root tee "$settings" <"$kept" >/dev/null
    rm "$kept"
}

# The tests of the Go clients, checked and built; the path of the program goes to $PINTAIL_GO_CLIENTS.
need_go() {
    command -v go >/dev/null || install_packages golang-go
    local found
    found="$(go version | cut -d' ' -f3)"
    # Later ones fetch the version that go.mod wants by themselves.
    [ "$(printf '%s\n' go1.21 "$found" | sort -V | head -n 1)" = go1.21 ] ||
        fail "the Go clients need Go 1.21 or later, and this is $found; install a later one (https://go.dev/dl)"
    export PINTAIL_GO_CLIENTS="$cache/go/clients.test"
    [ -z "$(gofmt -l tests/go)" ] || fail "gofmt would change these: $(echo $(gofmt -l tests/go))"
    (cd tests/go && go vet . && go test -c -o "$PINTAIL_GO_CLIENTS" .)
}

# The client of the Arrow project's integration scenarios, in Go; its path goes to $PINTAIL_GO_INTEGRATION_CLIENT.
need_go_integration_client() {
    local folder="$cache/arrow-go-$arrow_go_version" name=arrow-flight-integration-client
    export PINTAIL_GO_INTEGRATION_CLIENT="$folder/$name"
    [ ! -x "$PINTAIL_GO_INTEGRATION_CLIENT" ] || return 0
    command -v go >/dev/null || install_packages golang ca-certificates
    say "building $name of arrow-go $arrow_go_version into $folder"
    # `auto`: a Go that is older than what the client asks for fetches one that is not.
    GOBIN="$folder" GOFLAGS= GOTOOLCHAIN=auto \
        go install "github.com/apache/arrow-go/v18/arrow/internal/flight_integration/cmd/$name@v$arrow_go_version"
}

# cargo-deny from the path, or one built once and kept; its path goes to $cargo_deny.
need_cargo_deny() {
    cargo_deny="$(command -v cargo-deny || true)"
    [ -z "$cargo_deny" ] || return 0
    cargo_deny="$cache/tools/bin/cargo-deny"
    [ ! -x "$cargo_deny" ] || return 0
    say "installing cargo-deny $cargo_deny_version into $cache/tools"
    # Its development profile compiles in a third of the time, and it reads one lock file.
    CARGO_TARGET_DIR="$cache/tools/target" cargo install --quiet --locked --debug --root "$cache/tools" \
        --version "=$cargo_deny_version" cargo-deny
    rm -rf "$cache/tools/target"
}

# Fails when the dependencies of `cargo tree` arguments $2… hold a crate whose name matches the expression $1.
no_crate() {
    local pattern="$1" tree found
    shift
    tree="$(cargo tree --locked --edges normal,build --prefix none --format '{p}' "$@")"
    found="$(cut -d' ' -f1 <<<"$tree" | sort -u | grep -xE "$pattern" || true)"
    [ -z "$found" ] || fail "cargo tree $* shows what it must not: $(echo $found)"
    echo "cargo tree $*: none of $pattern"
}

part_fmt() { cargo fmt --all -- --check; }

# What the layout promises about the lower crates and the build without DuckDB.
part_layers() {
    local engines='duckdb|libduckdb-sys|datafusion.*|tonic.*|arrow-flight|flight-server'
    no_crate "$engines|session|tokio" -p typemap
    no_crate "$engines|arrow.*|typemap" -p session
    no_crate 'duckdb|libduckdb-sys|datafusion.*' -p flight-server --no-default-features --features sqlite
    no_crate 'duckdb|libduckdb-sys' -p flight-server --no-default-features --features sqlite,datafusion
}

# A front node's build, and that of a deployment with DataFusion alone: neither needs a C++ compiler.
part_engineless() {
    cargo check --locked --release -p flight-server --no-default-features --features sqlite
    cargo check --locked --release -p flight-server --no-default-features --features postgres
    cargo check --locked --release -p flight-server --no-default-features --features sqlite,datafusion
}

part_clippy() { cargo clippy --locked --release --workspace --all-targets "$@" -- -D warnings; }

# The whole workspace at once, so that tests find everything built with the same features.
part_build() { cargo build --locked --release --workspace "$@"; }

# DuckDB's extensions; their directory goes to $TEST_EXTENSION_DIR.
need_extensions() {
    need_python
    export TEST_EXTENSION_DIR="$cache/extensions"
    PYTHON="$venv/bin/python" tests/extensions.sh "$TEST_EXTENSION_DIR"
}

part_rust() {
    need_extensions
    need_postgres
    cargo test --locked --release --workspace "$@" 2>&1 | tee "$logs/rust.log"
    mapfile -t -O "${#summary[@]}" summary < <(grep '^test result:' "$logs/rust.log")
}

# The instructions of the hot paths.
part_instructions() {
    command -v valgrind >/dev/null || install_packages valgrind
    command -v python3 >/dev/null || install_packages python3
    python3 tests/instructions.py "$@" | tee "$logs/instructions.log"
    mapfile -t -O "${#summary[@]}" summary <"$logs/instructions.log"
}

part_licences() {
    need_cargo_deny
    "$cargo_deny" check --hide-inclusion-graph bans licenses sources
    if "$cargo_deny" fetch db >"$logs/advisories.log" 2>&1; then
        "$cargo_deny" check --hide-inclusion-graph advisories
    else
        echo "the advisory database is out of reach: advisories were NOT checked ($logs/advisories.log)"
    fi
}

# The server with places at which it is told to die, to fail or to wait; its path goes to $PINTAIL_FAILPOINTS_BIN.
need_failpoints() {
    export PINTAIL_FAILPOINTS_BIN="$cache/failpoints/pintail"
    mkdir -p "$cache/failpoints"
    cargo build --locked --release --workspace --bin pintail --features flight-server/failpoints
    cp "$pintail" "$PINTAIL_FAILPOINTS_BIN.new"
    mv "$PINTAIL_FAILPOINTS_BIN.new" "$PINTAIL_FAILPOINTS_BIN"
    # It lies where the usual one did.
    cargo build --locked --release --workspace --bin pintail
}

part_python() {
    # The pager of `pintail sql`.
    command -v less >/dev/null || install_packages less
    need_failpoints
    need_postgres
    need_python
    need_haproxy
    need_jdbc_driver
    need_go
    need_go_integration_client
    need_extensions
    PINTAIL_CACHE="$cache" PINTAIL_BIN="$pintail" "$venv/bin/python" -m pytest tests/python "$@" 2>&1 | tee "$logs/python.log"
    summary+=("$(grep -E '^=+ .*(passed|failed|error|no tests ran).* =+$' "$logs/python.log" | tail -n 1)")
}

part_demo() { timeout 300 "$pintail" demo --exit; }

# The load balancer of the tests of clusters.
need_haproxy() {
    command -v haproxy >/dev/null || [ -x /usr/sbin/haproxy ] || install_packages haproxy
}

# One part with its name and duration.
run() {
    local part="$1" begin=$SECONDS
    shift
    say "$part"
    "part_$part" "$@"
    echo "-- $part: $((SECONDS - begin)) s"
}

need_compilers
need_room
case "${1:-}" in
    "") for part in "${parts[@]}"; do run "$part"; done ;;
    --list) printf '%s\n' "${parts[@]}" ;;
    --prepare) run build && need_python ;;
    --long)
        run build
        TEST_SEEDS=100000 run rust --lib simulation
        # Each of these takes as long as it takes.
        run python --long --timeout 86400 -k "cluster or every_step"
        ;;
    *)
        [[ " ${parts[*]} " == *" $1 "* ]] || fail "there is no part '$1'; the parts are: ${parts[*]}"
        case "$1" in rust | python | demo) run build ;; esac
        run "$@"
        ;;
esac
[ "${#summary[@]}" -eq 0 ] || { say "results"; printf '%s\n' "${summary[@]}"; }
