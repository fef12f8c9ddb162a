# Starts PostgreSQL with one database, and with one role for it that is not the superuser and whose
# password is POSTGRES_PASSWORD or stands in POSTGRES_PASSWORD_FILE; it is set at each start. Run in the
# container in place of the image's own entry point, which would make the application a superuser.

set -eu
umask 077

# A file that cannot be read ends this script: what `cat` in a command line would make of it is no password.
if [ -n "${POSTGRES_PASSWORD_FILE:-}" ]; then
  POSTGRES_PASSWORD=$(tr -d '\r\n' <"$POSTGRES_PASSWORD_FILE")
fi
if [ -z "${POSTGRES_PASSWORD:-}" ]; then
  echo "${POSTGRES_PASSWORD_FILE:-POSTGRES_PASSWORD} is empty: PostgreSQL is not started" >&2
  exit 1
fi
password=$(printf %s "$POSTGRES_PASSWORD" | sed "s/'/''/g")
unset POSTGRES_PASSWORD POSTGRES_PASSWORD_FILE

config=config_file=/etc/pilotboat/postgresql.conf

# sql DIRECTORY: runs what comes in, a statement a line, while no server does; the first error ends it
sql() {
  postgres --single -D "$1" -c "$config" -c exit_on_error=on -c log_checkpoints=off postgres >/dev/null
}

# Made beside its place, so that one which was not finished is never taken for one that was.
if [ ! -d "$PGDATA" ]; then
  echo "making a database"
  rm -rf "$PGDATA.new"
  initdb --pgdata "$PGDATA.new" --username postgres --auth-local peer --auth-host scram-sha-256 \
    --encoding UTF8 --locale C.UTF-8 --data-checksums >/dev/null
  sql "$PGDATA.new" <<SQL
CREATE ROLE pilotboat
CREATE DATABASE pilotboat OWNER pilotboat
SQL
  mv "$PGDATA.new" "$PGDATA"
fi

sql "$PGDATA" <<SQL
ALTER ROLE pilotboat LOGIN PASSWORD '$password'
SQL
unset password

exec postgres -D "$PGDATA" -c "$config"
