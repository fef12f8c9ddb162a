# Puts what `make backup` wrote in the place of what the database holds. The server goes on: what it
# answers meanwhile waits in its spool, and is stored when this is done.
#
#   FILE=backups/….dump sh docker/restore.sh    YES=1: without asking

set -eu

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

project() { docker compose --project-name "${COMPOSE_PROJECT_NAME:-pilotboat}" "$@"; }
database() { project exec --no-TTY postgres "$@"; }
sql() { database psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --dbname postgres >/dev/null; }

[ -n "${FILE:-}" ] || fail "FILE is not set: make restore FILE=backups/<time>.dump"
[ -r "$FILE" ] || fail "$FILE cannot be read"
# All of it, before anything is touched.
database pg_restore --file /dev/null <"$FILE" || fail "$FILE is no whole backup; nothing was changed"

if [ -z "${YES:-}" ]; then
  printf 'What the database holds now goes, and what %s holds comes. Go on? [y/N] ' "$FILE"
  read -r answer || answer=
  case $answer in [yY]*) ;; *) fail "nothing was changed" ;; esac
fi

# Nobody writes from here on, or what is written now would go with what is replaced.
echo "restoring; what is answered from now on waits until it is done"
trap 'echo "ALTER ROLE pilotboat LOGIN" | sql' EXIT
sql <<'SQL'
SET client_min_messages = warning;
ALTER ROLE pilotboat NOLOGIN;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'pilotboat';
DROP DATABASE IF EXISTS pilotboat_restored;
CREATE DATABASE pilotboat_restored OWNER pilotboat TEMPLATE template0;
SQL
database pg_restore --exit-on-error --no-owner --no-privileges --role pilotboat \
  --dbname pilotboat_restored <"$FILE" || fail "it could not be restored; nothing was changed"
database vacuumdb --quiet --analyze-only --dbname pilotboat_restored
sql <<'SQL'
DROP DATABASE IF EXISTS pilotboat WITH (FORCE);
ALTER DATABASE pilotboat_restored RENAME TO pilotboat;
SQL
trap - EXIT
echo "ALTER ROLE pilotboat LOGIN" | sql

# A backup may be older than this version's tables.
container=$(project ps --all --quiet migrate)
[ -z "$container" ] || docker start --attach "$container"
echo "restored $FILE"
