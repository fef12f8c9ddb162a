# Writes what the database holds, whole or not at all, to backups/<time>.dump; `make restore` takes it.
# The server goes on, and so do those who ask it.
#
#   sh docker/backup.sh [FOLDER]    default: backups

set -eu
folder=${1:-$(dirname "$0")/../backups}
umask 077

database() {
  docker compose --project-name "${COMPOSE_PROJECT_NAME:-pilotboat}" exec --no-TTY postgres "$@"
}

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
file=$folder/$(date -u +%Y-%m-%dT%H%M%SZ).dump
trap 'rm -f "$file.part"' EXIT

database pg_dump --format custom pilotboat >"$file.part" || {
  echo "nothing was saved: the line above says why" >&2
  exit 1
}
# Read to its end, because a list of what is in it would not miss what was cut off.
database pg_restore --file /dev/null <"$file.part" || {
  echo "nothing was saved: what was written cannot be read" >&2
  exit 1
}
mv "$file.part" "$file"
echo "$file: $(wc -c <"$file" | tr -d ' ') bytes"
