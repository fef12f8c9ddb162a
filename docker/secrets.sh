# Makes the passwords of the database and of the cache, and the addresses that the server reaches them
# at, a file each. What is there already is kept: your own postgres_password stays, and database_url
# holds it.
#
#   sh docker/secrets.sh [FOLDER]    default: docker/secrets

set -eu
folder=${1:-$(dirname "$0")/secrets}

# The folder keeps others on this machine out; in the container, numeric users must read the files.
mkdir -p "$folder"
chmod 0700 "$folder"
umask 077

# keep NAME: what comes in, as a file that is there wholly or not at all
keep() {
  cat >"$folder/$1.part"
  [ -s "$folder/$1.part" ] || { echo "$folder/$1 would be empty" >&2; exit 1; }
  chmod 0444 "$folder/$1.part"
  mv -f "$folder/$1.part" "$folder/$1"
}

hex() { od -An -v -tx1 | tr -d ' \n'; }

# encoded NAME: a password as it stands in an address
encoded() {
  password=$(tr -d '\r\n' <"$folder/$1")
  case $password in
    *[!A-Za-z0-9]*) printf %s "$password" | hex | sed 's/../%&/g' ;;
    *) printf %s "$password" ;;
  esac
}

made=
for name in postgres_password redis_password; do
  [ ! -s "$folder/$name" ] || continue
  head -c 24 /dev/urandom | hex | keep "$name"
  made="$made $name"
done
if [ ! -s "$folder/database_url" ]; then
  printf 'postgresql://pilotboat:%s@postgres:5432/pilotboat' "$(encoded postgres_password)" | keep database_url
  made="$made database_url"
fi
if [ ! -s "$folder/redis_url" ]; then
  printf 'redis://default:%s@redis:6379/0' "$(encoded redis_password)" | keep redis_url
  made="$made redis_url"
fi
if [ -n "$made" ]; then
  echo "$folder: made$made"
else
  echo "$folder has passwords; remove it for new ones"
fi
