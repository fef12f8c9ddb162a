# Writes a self-signed pair for trying TLS: docker/certs/server.crt and server.key. A pair that is there
# and still valid is left alone. Browsers warn of it; curl takes it with --cacert.
#
#   sh docker/certs.sh [NAME…]    names beside localhost that the certificate is for

set -eu
cd "$(dirname "$0")"
pair=certs

command -v openssl >/dev/null || { echo "openssl is not installed: install it" >&2; exit 1; }
if openssl x509 -checkend 86400 -noout -in $pair/server.crt >/dev/null 2>&1; then
  echo "docker/certs has a pair that is valid; remove it for a new one"
  exit
fi
names=DNS:localhost,IP:127.0.0.1,IP:::1
for name; do names=$names,DNS:$name; done

# The folder keeps others on this machine out; in the container the user of nginx must read the files.
mkdir -p $pair
chmod 0700 $pair
rm -f $pair/server.crt $pair/server.key
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 90 \
  -subj /CN=localhost -addext "subjectAltName=$names" -addext basicConstraints=critical,CA:false \
  -keyout $pair/server.key -out $pair/server.crt 2>/dev/null
chmod 0444 $pair/server.crt $pair/server.key
echo "docker/certs: a self-signed pair, for trying only, valid for 90 days"
