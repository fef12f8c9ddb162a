# Builds the production image as pilotboat:latest and pilotboat:<version>.
#
# PYTHON_IMAGE, EXTRAS  see docker/Dockerfile
# BUILD_CA_FILE         a certificate authority in front of the package index; in no layer
# SOURCE                the address that the label of the source gives; otherwise that of the Git remote
# TARGET                "slim" builds pilotboat:slim and pilotboat:<version>-slim, without scikit-learn
# IMAGE                 another name than pilotboat; more arguments go to docker build

set -eu
cd "$(dirname "$0")/.."

version=$(sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
revision=$(git rev-parse --verify --quiet HEAD 2>/dev/null || echo unknown)
image=${IMAGE:-pilotboat}

# Where the source is: SOURCE, else the remote if that is an address without credentials, else what
# pyproject.toml says, else the package's name, which is at least true wherever it was built.
source_url() {
  remote=$(git remote get-url origin 2>/dev/null || true)
  listed=$(sed -nE '/^\[project\.urls\]/,/^$/s/^"?([Ss]ource|[Rr]epository|[Hh]omepage)"? *= *"(.*)"/\2/p' \
    pyproject.toml | head -n 1)
  case $remote in
    *@* | *\?*) remote= ;;
    http://* | https://*) ;;
    *) remote= ;;
  esac
  echo "${SOURCE:-${remote:-${listed:-pkg:generic/pilotboat@$version}}}"
}

case ${TARGET:-production} in
  production) tags="--tag $image:latest --tag $image:$version" ;;
  *) tags="--target $TARGET --tag $image:$TARGET --tag $image:$version-$TARGET" ;;
esac

# shellcheck disable=SC2086  # the tags are several words
exec docker build --file docker/Dockerfile \
  ${PYTHON_IMAGE:+--build-arg "PYTHON_IMAGE=$PYTHON_IMAGE"} \
  ${EXTRAS:+--build-arg "EXTRAS=$EXTRAS"} \
  ${BUILD_CA_FILE:+--secret "id=ca,src=$BUILD_CA_FILE"} \
  --build-arg "VERSION=$version" --build-arg "REVISION=$revision" \
  --build-arg "SOURCE=$(source_url)" \
  $tags "$@" .
