# Everything a change is held to besides the tests. Changes nothing, and stops at nothing.

. scripts/steps.sh
sh scripts/install.sh

failed=
check() {
  echo "- $*"
  "$@" || failed="$failed $(basename "$1")"
}

check .venv/bin/ruff format --check
check .venv/bin/ruff check --no-fix
check .venv/bin/mypy
check .venv/bin/lint-imports
check "$POETRY" check --lock --no-ansi
[ -z "$failed" ] || fail "not in order:$failed (make fix repairs what ruff can)"
