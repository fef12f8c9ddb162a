# Runs the tests and holds the coverage. ARGS is handed to pytest; a part is run without coverage.

. scripts/steps.sh
sh scripts/install.sh

eval "set -- ${ARGS:-}"
[ $# = 0 ] || exec "$VENV"/bin/python -m pytest "$@"

log=.tools/test.log
coverage="$VENV"/bin/coverage
color=no
[ ! -t 1 ] || color=yes
failed=0

"$coverage" erase
{ "$coverage" run -m pytest -p tests.untraced -n auto --dist loadfile --color="$color" || touch "$log.failed"; } | tee "$log"
[ ! -e "$log.failed" ] || failed=1
rm -f "$log.failed"
"$coverage" combine -q || failed=1
"$coverage" report || failed=1

# The summary once more, so that it is the last thing to be seen.
grep ' in [0-9.]*s' "$log" | tail -n 1
exit "$failed"
