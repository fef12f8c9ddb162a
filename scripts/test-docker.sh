# The tests of the containers. ARGS is handed to pytest.

. scripts/steps.sh
sh scripts/install.sh
docker info >/dev/null 2>&1 || fail "Docker does not answer: start it, or ask to be in its group"

eval "set -- ${ARGS:-}"
PILOTBOAT_TEST_CONTAINERS=1 exec "$VENV"/bin/python -m pytest tests/docker tests/image -m docker "$@"
