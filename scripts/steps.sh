# What the other scripts share; sourced, from the top of the repository.

set -eu
VENV=${VENV:-.venv} # the environment of the project
TOOLS=${TOOLS:-.tools} # what is installed to work on it
POETRY=$TOOLS/poetry/bin/poetry

# An active environment would be used in place of .venv; a user's own settings might do the same.
unset VIRTUAL_ENV CONDA_PREFIX PYTHONHOME PYTHONPATH
# Poetry compiles nothing: who keeps no byte code compiles scikit-learn anew in each of many processes.
unset PYTHONDONTWRITEBYTECODE
export POETRY_VIRTUALENVS_CREATE=true POETRY_VIRTUALENVS_IN_PROJECT=true
export POETRY_KEYRING_ENABLED=false PIP_DISABLE_PIP_VERSION_CHECK=1

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# step LOG "what is done" "what to do if it fails" command…: one line while it goes well, and one
# more when it does not. All that the command says is in .tools/LOG.log.
step() {
  log=.tools/$1.log
  doing=$2
  remedy=$3
  shift 3
  mkdir -p .tools
  printf '%s …\n' "$doing"
  "$@" >"$log" 2>&1 </dev/null || fail "$doing failed: $remedy (all of it: $log)"
}

# fits PYTHON [NEWEST]: it runs, and is 3.11 or newer (up to 3.NEWEST).
fits() {
  "$1" -c "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, ${2:-99}))" \
    >/dev/null 2>&1
}

# Prints the Python to build environments with: PYTHON, or the newest one here that can do it.
find_python() {
  newest=${1:-99}
  without_venv=
  for candidate in ${PYTHON:-python3.14 python3.13 python3.12 python3.11 python3}; do
    fits "$candidate" "$newest" || continue
    if "$candidate" -c 'import ensurepip, venv' >/dev/null 2>&1; then
      printf '%s\n' "$candidate"
      return
    fi
    without_venv=${without_venv:-$candidate}
  done
  [ -z "$without_venv" ] || fail "$without_venv cannot make environments: apt install python3-venv"
  range="3.11 or newer"
  [ "$newest" = 99 ] || range="3.11 to 3.$newest"
  fail "no Python $range ${PYTHON:+in PYTHON=$PYTHON }found: install one, or name it: make PYTHON=/path/to/python3"
}
