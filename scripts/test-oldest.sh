# Runs the tests with the oldest versions that pyproject.toml allows, in an environment of its own.

. scripts/steps.sh
PACKAGES="httpx hypothesis import-linter jsonschema-rs onnx pytest pytest-timeout pytest-xdist skl2onnx"
NEWEST=13 # no wheels of scikit-learn 1.6 for Python 3.14 or newer

make_oldest() {
  rm -rf .tools/oldest
  "$python" -m venv .tools/oldest &&
    .tools/oldest/bin/pip install -c .tools/oldest.txt -e ".[onnx,parquet,redis,sklearn,store]" $PACKAGES
}

python=$(find_python $NEWEST)
mkdir -p .tools
"$python" scripts/oldest.py $PACKAGES >.tools/oldest.txt
state=$(cat pyproject.toml .tools/oldest.txt | cksum)
if [ "$(cat .tools/oldest/stamp 2>/dev/null)" != "$state" ]; then
  step oldest "installing the oldest versions" "can the package index be reached?" make_oldest
  printf '%s\n' "$state" >.tools/oldest/stamp
fi
eval "set -- ${ARGS:-}"
# Left out: what is about the repository, its benchmarks, a browser, containers, the description of the
# API or what becomes of processes, none of which another version of a library changes: gunicorn and
# uvicorn are pinned, and benchmarks are run with the versions of the lock file.
exec .tools/oldest/bin/python -m pytest tests -n auto --dist loadfile -p no:cacheprovider \
  --ignore tests/http/test_browser.py --ignore tests/http/test_contract.py \
  --ignore tests/http/test_openapi.py --ignore tests/test_layout.py \
  --ignore tests/docker --ignore tests/image --ignore tests/doctor --ignore tests/faults \
  --ignore tests/benchmarks --ignore tests/examples/test_make.py \
  --ignore tests/test_supervisor.py --ignore tests/cli/test_reload.py "$@"
