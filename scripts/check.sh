# Everything a change is held to besides the tests. Changes nothing, and stops at nothing.

. scripts/steps.sh
sh scripts/install.sh

failed=
check() {
  echo "- $*"
  "$@" || failed="$failed $(basename "$1")"
}

check "$VENV"/bin/ruff format --check
check "$VENV"/bin/ruff check --no-fix
check "$VENV"/bin/mypy
check "$VENV"/bin/lint-imports
check "$POETRY" check --lock --no-ansi
check "$VENV"/bin/zizmor --quiet --offline --no-progress .github/workflows
check "$VENV"/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
check "$VENV"/bin/yamllint --strict .github docker .yamllint.yaml
check "$VENV"/bin/hadolint docker/Dockerfile docker/Dockerfile.dev
[ -z "$failed" ] || fail "not in order:$failed (make fix repairs what ruff can)"
