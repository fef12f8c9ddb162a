# Starts Redis, which asks everybody for the password that is REDIS_PASSWORD or stands in
# REDIS_PASSWORD_FILE. Run in the container in place of the image's own entry point, which would load
# modules that nothing here needs.

set -eu

# A file that cannot be read ends this script: what `cat` in a command line would make of it is no password.
if [ -n "${REDIS_PASSWORD_FILE:-}" ]; then
  REDIS_PASSWORD=$(tr -d '\r\n' <"$REDIS_PASSWORD_FILE")
fi
if [ -z "${REDIS_PASSWORD:-}" ]; then
  echo "${REDIS_PASSWORD_FILE:-REDIS_PASSWORD} is empty: Redis is not started" >&2
  exit 1
fi
digest=$(printf %s "$REDIS_PASSWORD" | sha256sum | cut -d ' ' -f 1)
unset REDIS_PASSWORD REDIS_PASSWORD_FILE

# Neither on the command line, which everybody on the host sees, nor in a file.
exec redis-server /etc/pilotboat/redis.conf - <<CONF
user default on #$digest ~* &* +@all -@dangerous +info
CONF
