#!/usr/bin/env bash
# Makes and keeps .venv for the Makefile: `setup.sh run | test | test-python | lock`. Does nothing where nothing changed.
set -euo pipefail
cd "$(dirname "$0")/.."

readonly VENV=.venv
export PIP_DISABLE_PIP_VERSION_CHECK=1
export DEBIAN_FRONTEND=noninteractive

say() { if [ -t 2 ]; then printf '\033[1m==>\033[0m %s\n' "$*"; else printf '==> %s\n' "$*"; fi >&2; }
die() { printf 'error: %s\n' "$*" >&2; exit 1; }

# Installs the Debian packages named; false where that cannot be done here.
debian() {
    command -v apt-get >/dev/null || return 1
    local root=()
    if [ "$(id -u)" -ne 0 ]; then
        command -v sudo >/dev/null || return 1
        root=(sudo)
        [ -t 0 ] || root=(sudo -n)
    fi
    say "Installing $* with apt-get"
    local install=("${root[@]+"${root[@]}"}" apt-get install -y -qq --no-install-recommends "$@")
    "${install[@]}" >/dev/null 2>&1 && return 0
    # A fresh machine has no package lists yet.
    "${root[@]+"${root[@]}"}" apt-get update -qq >/dev/null 2>&1 || return 1
    "${install[@]}" >/dev/null
}

is_new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }

# The first Python >= 3.11 on the path, or the one that PYTHON names.
find_python() {
    local name
    for name in ${PYTHON:-python3 python3.14 python3.13 python3.12 python3.11}; do
        if command -v "$name" >/dev/null && is_new_enough "$name"; then
            command -v "$name"
            return 0
        fi
    done
    return 1
}

make_venv() {
    if [ -x $VENV/bin/python ] && is_new_enough $VENV/bin/python && $VENV/bin/python -m pip --version >/dev/null 2>&1; then
        return 0
    fi
    local python version
    python=$(find_python) || debian python3 python3-venv || true
    python=${python:-$(find_python)} ||
        die "GammaHub needs Python 3.11 or newer, and none was found${PYTHON:+ as $PYTHON}. Install one, or name it: make PYTHON=/path/to/python3"
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        debian "python$version-venv" || debian python3-venv ||
            die "$python has no venv module. Install the package python$version-venv, then try again."
    fi
    say "Making $VENV with Python $version"
    "$python" -m venv --clear $VENV
}

# Whether what an environment was made from is what is here now.
fingerprint() { { $VENV/bin/python -V; cat pyproject.toml "$1"; } | cksum; }
stamp() { fingerprint "$2" >"$VENV/$1.stamp"; }
is_fresh() { [ "$(cat "$VENV/$1.stamp" 2>/dev/null)" = "$(fingerprint "$2")" ]; }

# pip, with a line a package instead of pip's own five.
pip_install() {
    local log=$VENV/pip.log
    if ! $VENV/bin/python -m pip install --no-input "$@" 2>&1 | tee "$log" |
        awk -v tty="$([ -t 2 ] && echo 1)" '
            /^Collecting /         { n++; if (tty) printf "\r\033[K    %3d  %s", n, $2 > "/dev/stderr" }
            /^Installing collected/ { if (tty) printf "\r\033[K    installing %d packages\r", n > "/dev/stderr" }
            END                    { if (tty) printf "\r\033[K" > "/dev/stderr" }'; then
        grep -v '^Requirement already' "$log" | tail -n 20 >&2
        die "pip could not install the packages; its whole output is in $log"
    fi
}

install() {
    local name=$1 lock=$2
    is_fresh "$name" "$lock" && return 0
    say "Installing the packages of $lock into $VENV (the first time takes a minute or more)"
    # The lock names every package, so pip has nothing to resolve.
    pip_install --no-deps -r "$lock"
    pip_install --no-deps --editable .
    stamp "$name" "$lock"
}

# The lock of the tests holds all of the run-time lock, so the larger environment serves both.
install_for_tests() {
    install test deploy/requirements-test.txt
    stamp run deploy/requirements.txt
}

has_java() { command -v javac >/dev/null && javac -version >/dev/null 2>&1; }
has_stilts() { command -v stilts >/dev/null; }

install_foreign_tools() {
    has_java || debian openjdk-17-jdk-headless || debian default-jdk-headless ||
        say "No Java compiler, and apt-get cannot install one here: the tests against a real Hive will be skipped"
    has_stilts || debian stilts ||
        say "No STILTS, and apt-get cannot install it here: the tests with STILTS will be skipped"
}

lock() {
    local compile=("$VENV/bin/uv" pip compile --quiet --universal --fork-strategy fewest --python-version 3.11
        --upgrade --no-emit-index-url --no-header --no-annotate pyproject.toml)
    $VENV/bin/python -m uv --version >/dev/null 2>&1 || pip_install uv
    "${compile[@]}" --output-file deploy/requirements.txt
    "${compile[@]}" --extra test --extra spark --constraints deploy/requirements.txt --output-file deploy/requirements-test.txt
    if grep -nE '://|^-|@ ' deploy/requirements*.txt; then
        die "a lock file holds an address or an option; it may hold names and versions only"
    fi
    say "Wrote deploy/requirements.txt and deploy/requirements-test.txt"
}

case "${1:-}" in
    run) make_venv; install run deploy/requirements.txt ;;
    test) make_venv; install_for_tests; install_foreign_tools ;;
    test-python) make_venv; install_for_tests ;;
    lock) lock ;;
    *) die "usage: deploy/setup.sh run | test | test-python | lock" ;;
esac
