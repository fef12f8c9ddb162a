# Runs the project's tests inside the production image, against the trimmed environment that it ships.
#
# Variables are those of docker/build.sh. ARGS is handed to pytest.

set -eu
cd "$(dirname "$0")/.."
image=${IMAGE:-pilotboat-test}

echo "building the image with the tests in it …"
IMAGE=$image sh docker/build.sh --target test --quiet >/dev/null

eval "set -- ${ARGS:--n auto --dist loadfile}"
# The tests of these files are of the repository; those of ONNX Runtime need it inside. What the types
# of scikit-learn have for parameters is the lock file's doing, which `make test` holds as well: that
# the trimmed environment compiles and proves every model is tests/compiler/test_coverage.py.
set -- --ignore=tests/docker --ignore=tests/image/test_lab.py \
  --ignore=tests/compiler/test_spec.py "$@"
case " ${EXTRAS:-} " in
  *" onnx "*) ;;
  *) set -- --ignore=tests/engines/test_onnx.py "$@" ;;
esac

# Like in production, but for a /tmp that tests may start programs in. No setting is given to them.
exec docker run --rm --init --read-only --tmpfs /tmp:exec --network none \
  --cap-drop ALL --security-opt no-new-privileges --entrypoint env "$image" \
  -u PILOTBOAT_HOST -u PILOTBOAT_REPOSITORY -u PILOTBOAT_STATE \
  python -m pytest -p no:cacheprovider "$@"
