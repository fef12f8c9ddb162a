# The fault tests: real servers under real load that are killed, rolled, stopped and overloaded.
# PILOTBOAT_TEST_FAULTS=short runs few requests; full, the default, the promised numbers, and the
# tests of the tests. HOURS=8 repeats the short ones for so long. ARGS is handed to pytest.

. scripts/steps.sh
sh scripts/install.sh
command -v nginx >/dev/null || fail "nginx is not installed: apt install nginx-light"

eval "set -- ${ARGS:-}"
results=${PILOTBOAT_FAULTS_RESULTS:-.tools/faults.jsonl}
run() {
  "$VENV"/bin/python -m pytest -q -p no:cacheprovider tests/faults "$@"
}

if [ -n "${HOURS:-}" ]; then
  export PILOTBOAT_TEST_FAULTS=short
  end=$(($(date +%s) + HOURS * 3600))
  rounds=0
  while [ "$(date +%s)" -lt "$end" ]; do
    run "$@" || fail "a fault was not survived after $rounds rounds"
    rounds=$((rounds + 1))
    echo "$rounds rounds without a loss"
  done
  exit
fi

export PILOTBOAT_TEST_FAULTS="${PILOTBOAT_TEST_FAULTS:-full}"
rm -f "$results"
failed=0
run "$@" || failed=1
if [ "$PILOTBOAT_TEST_FAULTS" = full ] && [ $# = 0 ]; then
  "$VENV"/bin/python -m tests.faults.report "$results"
fi
exit "$failed"
