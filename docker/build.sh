# Builds the production image as pilotboat:latest and pilotboat:<version>.
#
# PYTHON_IMAGE, EXTRAS  see docker/Dockerfile
# BUILD_CA_FILE         a certificate authority in front of the package index; in no layer
# IMAGE                 another name than pilotboat; more arguments go to docker build

set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
revision=$(git rev-parse HEAD 2>/dev/null || echo unknown)
image=${IMAGE:-pilotboat}

exec docker build --file docker/Dockerfile \
  ${PYTHON_IMAGE:+--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE"} \
  ${EXTRAS:+--build-arg "EXTRAS=$EXTRAS"} \
  ${BUILD_CA_FILE:+--secret "id=ca,src=$BUILD_CA_FILE"} \
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
  --tag "$image:latest" --tag "$image:$version" "$@" .
