# Makes /opt/venv from a file of requirements with hashes. Run inside a build.

set -eu

if [ -s /run/secrets/ca ]; then
  export PIP_CERT=/run/secrets/ca
fi
python -m venv --without-pip /opt/venv
pip --python /opt/venv/bin/python install --quiet --no-compile \
  --require-hashes --no-deps --only-binary=:all: --requirement "$1"
