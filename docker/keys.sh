# Makes an API key for trying the stack: its line in docker/keys/keys, which the server reads, and the
# key in docker/keys/header, for curl -H @docker/keys/header. Where there is one it is left alone.
#
#   sh docker/keys.sh [IMAGE]    the image that makes it; default: pilotboat:latest

set -eu
cd "$(dirname "$0")"
folder=keys

if [ -s $folder/keys ] && [ -s $folder/header ]; then
  echo "docker/keys has an API key; remove it for a new one"
  exit
fi

# The folder keeps others on this machine out; in the container the server's user must read the file.
mkdir -p $folder
chmod 0700 $folder
rm -f $folder/keys $folder/header $folder/key
docker run --rm --network none --read-only "${1:-pilotboat:latest}" key first >$folder/keys 2>$folder/key || {
  cat $folder/key >&2
  rm -f $folder/keys $folder/key
  exit 1
}
printf 'X-API-Key: %s\n' "$(tail -n 1 $folder/key)" >$folder/header
rm $folder/key
chmod 0444 $folder/keys
chmod 0600 $folder/header
echo "docker/keys: an API key called first, for trying; 'pilotboat key NAME' makes others"
