# Prints what the image costs, beside the image that tutorials build. Needs Docker, curl and GNU date.
#
#   sh docker/bench.sh [RUNS]    the middle of RUNS starts and stops is printed; 5 where not given
#
# The exit code is the number of figures that miss their bound.

set -eu
cd "$(dirname "$0")/.."
RUNS=${1:-5}
MIDDLE=$(((RUNS + 1) / 2))
PYTHON_IMAGE=${PYTHON_IMAGE:-python:3.13-slim-trixie}
OURS=pilotboat-bench
TUTORIAL=pilotboat-bench-tutorial
ROW='{"class":"1st","sex":"female","age":"adult"}'

work=$(mktemp -d)
tidy() {
  docker rm --force --volumes $OURS $TUTORIAL >/dev/null 2>&1 || true
  docker volume rm --force $OURS >/dev/null 2>&1 || true
  docker rmi --force $OURS:latest $TUTORIAL "$OURS:$version" >/dev/null 2>&1 || true
  rm -rf "$work"
}
trap tidy EXIT
version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)

# seconds COMMAND…: how long it takes
seconds() {
  before=$(date +%s%N)
  "$@" >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 99; }
  after=$(date +%s%N)
  awk "BEGIN { printf \"%.2f\", ($after - $before) / 1e9 }"
}

middle() { sort -n | sed -n "${MIDDLE}p"; }

build_ours() { (cd "$work/ours" && IMAGE=$OURS sh docker/build.sh --progress=plain); }

build_tutorial() {
  docker build --build-arg "PYTHON_IMAGE=$PYTHON_IMAGE" \
    ${BUILD_CA_FILE:+--secret "id=ca,src=$BUILD_CA_FILE"} --tag $TUTORIAL "$work/tutorial"
}

# started NAME OPTION…: a container that has given its first answer
started() {
  name=$1
  shift
  docker run --detach --name "$name" --publish 127.0.0.1::8000 "$@"
  url=http://$(docker port "$name" 8000/tcp | head -n 1)/predict || return
  for _ in $(seq 1200); do
    curl --fail --silent --max-time 5 --header 'Content-Type: application/json' --data "$ROW" "$url" && return
    sleep 0.02
  done
  docker logs "$name"
  return 1
}

# starts_and_stops NAME OPTION…: one line a run: seconds to the first answer, to stop, exit code
starts_and_stops() {
  name=$1
  for _ in $(seq "$RUNS"); do
    start=$(seconds started "$@")
    stop=$(seconds docker stop "$name")
    echo "$start $stop $(docker inspect --format '{{.State.ExitCode}}' "$name")"
    docker rm --volumes "$name" >/dev/null
  done
}

misses=0
# row TITLE OURS TUTORIAL BOUND: BOUND is a number that OURS must not pass, or empty
row() {
  said=
  if [ -n "$4" ]; then
    said="at most $4"
    awk "BEGIN { exit !($2 <= $4) }" || { said="$said: MISSED"; misses=$((misses + 1)); }
  fi
  printf '%-34s %10s %10s   %s\n' "$1" "$2" "$3" "$said"
}

megabytes() { docker image inspect --format '{{.Size}}' "$1" | awk '{ printf "%.0f", $1 / 1e6 }'; }

mkdir -p "$work/ours/docker" "$work/tutorial"
cp -r pyproject.toml poetry.lock README.md LICENSE src "$work/ours"
cp docker/Dockerfile docker/Dockerfile.dockerignore docker/build.sh docker/*.py "$work/ours/docker"
cat >"$work/tutorial/Dockerfile" <<'DOCKERFILE'
ARG PYTHON_IMAGE
FROM ${PYTHON_IMAGE}
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=ca \
    [ ! -s /run/secrets/ca ] || export PIP_CERT=/run/secrets/ca; \
    pip install fastapi uvicorn scikit-learn pandas joblib
EXPOSE 8000
CMD "$(dirname "$(realpath "$(command -v pip)")")"/uvicorn main:app --host 0.0.0.0 --port 8000
DOCKERFILE
cat >"$work/tutorial/main.py" <<'PYTHON'
import joblib
import pandas as pd
from fastapi import FastAPI

app = FastAPI()
model = joblib.load("titanic.joblib")


@app.post("/predict")
def predict(row: dict):
    return {"prediction": model.predict(pd.DataFrame([row]))[0]}
PYTHON

echo "building both; without a warm cache that takes minutes …" >&2
build_ours >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 99; }
docker volume create $OURS >/dev/null
docker run --rm --user 0 --volume $OURS:/models --volume "$PWD/examples:/examples:ro" \
  --volume "$work/tutorial:/out" --entrypoint sh $OURS -c '
    python /examples/titanic/train.py --out /out &&
      pilotboat pack /out/titanic.joblib --data /out/titanic.csv --target survived --name titanic
  ' >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 99; }
build_tutorial >"$work/log" 2>&1 || { cat "$work/log" >&2; exit 99; }

echo "an edit of the source, and both again …" >&2
echo "# edited at $(date +%s%N)" | tee -a "$work/ours/src/pilotboat/__init__.py" >>"$work/tutorial/main.py"
ours_rebuild=$(seconds build_ours)
rebuilt=$(awk '/ \[(dependencies|hardened|lock|poetry) .*\] (RUN|COPY|WORKDIR)/ { step[$1] = 1 } $2 == "CACHED" { delete step[$1] }
  END { for (one in step) count++; print count + 0 }' "$work/log")
tutorial_rebuild=$(seconds build_tutorial)

echo "$RUNS starts and stops of each …" >&2
starts_and_stops $OURS --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
  --pids-limit 128 --memory 512m --volume $OURS:/models:ro $OURS >"$work/ours.runs"
starts_and_stops $TUTORIAL $TUTORIAL >"$work/tutorial.runs"
of() { awk "{ print \$$2 }" "$work/$1.runs" | middle; }

printf '%-34s %10s %10s\n' "" pilotboat tutorial
row "image, MB" "$(megabytes $OURS)" "$(megabytes $TUTORIAL)" 350
row "  of which its base, MB" "$(megabytes "$PYTHON_IMAGE")" "$(megabytes "$PYTHON_IMAGE")" ""
row "rebuild after an edit, s" "$ours_rebuild" "$tutorial_rebuild" 2.5
row "  dependency layers built again" "$rebuilt" "" 0
row "start to first answer, s" "$(of ours 1)" "$(of tutorial 1)" 3
row "stop, s" "$(of ours 2)" "$(of tutorial 2)" 2
row "  exit code" "$(awk '{ print $3 }' "$work/ours.runs" | sort -n | tail -n 1)" \
  "$(of tutorial 3)" 0
exit $misses
