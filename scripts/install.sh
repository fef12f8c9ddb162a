# Makes .venv from the lock file, with a Poetry of our own. Does nothing when nothing has changed.

. scripts/steps.sh

VERSION=2.5.1
REMEDY="if the package index cannot be reached, connect or set HTTPS_PROXY, PIP_INDEX_URL and POETRY_PYPI_MIRROR_URL"

install_poetry() {
  wanted="poetry==$VERSION"
  # With an index that speaks no JSON, Poetry needs a plugin to read it.
  [ -z "${POETRY_PYPI_MIRROR_URL:-}" ] || wanted="$wanted poetry-plugin-pypi-mirror"
  [ "$(cat "$TOOLS"/poetry/stamp 2>/dev/null)" != "$wanted" ] || return 0
  rm -rf "$TOOLS"/poetry
  step poetry "installing Poetry $VERSION" "$REMEDY" make_poetry
  printf '%s\n' "$wanted" >"$TOOLS"/poetry/stamp
}

make_poetry() {
  "$python" -m venv "$TOOLS"/poetry && "$TOOLS"/poetry/bin/pip install $wanted
}

install_dependencies() {
  state=$(cat pyproject.toml poetry.lock | cksum)
  [ "$(cat "$VENV"/stamp 2>/dev/null)" != "$state" ] || return 0
  # Poetry installs into the active environment, so that VENV may lie elsewhere.
  step install "installing dependencies" "$REMEDY" \
    env VIRTUAL_ENV="$(cd "$VENV" && pwd)" "$POETRY" install --all-extras --no-interaction --no-ansi
  printf '%s\n' "$state" >"$VENV"/stamp
}

python=$(find_python)
install_poetry
# Made here, because Poetry would take an environment from its cache if it had one.
fits "$VENV"/bin/python || step venv "making $VENV" "is the disk full?" "$python" -m venv --clear "$VENV"
install_dependencies
