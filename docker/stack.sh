# The stack, in production and development.
#
#   sh docker/stack.sh up            nginx with TLS, the server, its database and cache; waits until
#                                    they are healthy
#   sh docker/stack.sh dev           the server from the mounted source, restarted when it changes
#   sh docker/stack.sh down          stops and removes either; models, certificates, state and what the
#                                    database holds stay
#   sh docker/stack.sh logs|ps|shell what they say, how they are, a shell in the server's container
#
# Variables are those of .env.example, from the environment or from .env.

set -eu
cd "$(dirname "$0")/.."

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

# given NAME: whether a variable is set, in the environment or in .env
given() { printenv "$1" >/dev/null || grep -q "^$1=." .env 2>/dev/null; }

# value NAME DEFAULT
value() {
  printenv "$1" || { sed -n "s/^$1=//p" .env 2>/dev/null | tail -n 1 | grep .; } || echo "$2"
}

compose() {
  file=$1
  shift
  [ ! -e .env ] || set -- --env-file .env "$@"
  docker compose --file docker/compose.yaml --file "docker/compose.$file.yaml" "$@"
}

# The whole of it, whichever files it was started from.
project() { docker compose --project-name "${COMPOSE_PROJECT_NAME:-pilotboat}" "$@"; }

# models IMAGE: there are some, and one of them answers /predict
models() {
  MODELS=$(value MODELS models)
  sh docker/examples.sh "$1" "$MODELS"
  MODELS=$(cd "$MODELS" && pwd)
  export MODELS
  if ! given PILOTBOAT_MODEL && [ -e "$MODELS/titanic" ]; then export PILOTBOAT_MODEL=titanic; fi
}

# A request to try: everything before the address is the caller's.
try() {
  [ "$(value PILOTBOAT_MODEL "")" = titanic ] || return 0
  printf '%s/predict -H "Content-Type: application/json" -d '\''%s'\''\n' "$*" \
    '{"class":"1st","sex":"female","age":"adult"}'
}

# keys FILE: what is wrong with the file of API keys, if anything
keys() {
  if [ -d "$1" ]; then
    echo "is a directory"
  elif [ -r "$1" ]; then
    grep -Eq '^[A-Za-z0-9-]+:[0-9a-f]{64}( |$)' "$1" || echo "has no line as 'pilotboat key NAME' prints it"
  elif [ -x "$(dirname "$1")" ] && [ ! -e "$1" ]; then
    echo "is not there"
  fi
}

# fault FILE: what is wrong with a certificate or key, if anything. One that only the container's user
# may read cannot be judged here.
fault() {
  if [ -d "$1" ]; then
    echo "is a directory"
  elif [ -r "$1" ]; then
    grep -q '^-----BEGIN ' "$1" || echo "is not PEM: no line begins with -----BEGIN"
  elif [ -x "$(dirname "$1")" ] && [ ! -e "$1" ]; then
    echo "is not there"
  fi
}

# missing FILE: what is wrong with a secret, if anything
missing() {
  if [ -d "$1" ]; then
    echo "is a directory"
  elif [ -r "$1" ]; then
    [ -s "$1" ] || echo "is empty"
  elif [ -x "$(dirname "$1")" ] && [ ! -e "$1" ]; then
    echo "is not there"
  fi
}

# healthy FILE SERVICE…
healthy() {
  file=$1
  shift
  compose "$file" up --detach --wait --wait-timeout 120 --remove-orphans "$@"
}

# tables FILE: makes those of the database, or says no after three tries
tables() {
  compose "$1" up --detach --no-deps migrate || return
  container=$(project ps --all --quiet migrate)
  for _ in $(seq 120); do
    case $(docker inspect --format '{{.State.Status}} {{.State.ExitCode}} {{.RestartCount}}' "$container") in
      "exited 0 "*) return ;;
      *" "[!012]) return 1 ;;
    esac
    sleep 0.5
  done
  return 1
}

# start FILE SERVICE…: these, after the database and the cache; or what went wrong and nothing left
# half-started. The server would not wait for them, but a fault is seen best where it begins.
start() {
  before=$(project ps --quiet 2>/dev/null | head -n 1)
  healthy "$1" postgres redis && tables "$1" && healthy "$@" && return
  project logs --tail 20 >&2
  [ -n "$before" ] || project down >/dev/null 2>&1
  fail "the stack did not start; the lines above say why"
}

docker info >/dev/null 2>&1 || fail "Docker does not answer: start it, or ask to be in its group"

case ${1:-} in
  up)
    image=$(value IMAGE pilotboat:latest)
    docker image inspect "$image" >/dev/null 2>&1 || fail "there is no image $image: make build"
    if ! given CERTS; then
      sh docker/certs.sh
      export CERTS="$PWD/docker/certs"
    fi
    for file in server.crt server.key; do
      wrong=$(fault "$(value CERTS "")/$file")
      [ -z "$wrong" ] || fail "CERTS: $(value CERTS "")/$file $wrong"
    done
    if ! given API_KEYS; then
      sh docker/keys.sh "$image"
      export API_KEYS="$PWD/docker/keys/keys"
    fi
    wrong=$(keys "$(value API_KEYS "")")
    [ -z "$wrong" ] || fail "API_KEYS: $(value API_KEYS "") $wrong"
    if ! given SECRETS; then
      sh docker/secrets.sh
      export SECRETS="$PWD/docker/secrets"
    fi
    secrets=$(value SECRETS "")
    for file in postgres_password redis_password database_url redis_url; do
      wrong=$(missing "$secrets/$file")
      [ -z "$wrong" ] || fail "SECRETS: $secrets/$file $wrong; sh docker/secrets.sh $secrets makes what is not there"
    done
    cpus=$(docker info --format '{{.NCPU}}')
    if ! given CPUS && [ "$cpus" -lt 2 ]; then export CPUS="$cpus"; fi
    models "$image"
    start prod server nginx
    url=https://localhost:$(value HTTPS_PORT 8443)
    echo "serving on $url"
    if [ "$(value PILOTBOAT_PREDICTION_LOG true)" != false ]; then
      echo "predictions are kept: make backup saves them, PILOTBOAT_PREDICTION_LOG=false in .env keeps none"
    fi
    trust=
    [ "$(value CERTS "")" != "$PWD/docker/certs" ] || trust="--cacert docker/certs/server.crt "
    header='-H "X-API-Key: $KEY" '
    [ "$(value API_KEYS "")" != "$PWD/docker/keys/keys" ] || header="-H @docker/keys/header "
    try "curl -s $trust$header$url"
    ;;
  dev)
    compose dev build --quiet
    models pilotboat-dev
    start dev server
    url=http://localhost:$(value PORT 8000)
    echo "serving the source on $url; make logs shows what it says"
    try "curl -s $url"
    ;;
  down) project down --remove-orphans ;;
  logs) project logs --follow --tail 100 ;;
  ps) project ps ;;
  shell) project exec server sh ;;
  *) fail "sh docker/stack.sh up|dev|down|logs|ps|shell" ;;
esac
